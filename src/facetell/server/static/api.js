// Calls to the service. Whatever goes wrong becomes a Trouble with words for people.

export class Trouble extends Error {
  constructor(problem) {
    super(problem.detail);
    this.title = problem.title;
    this.type = problem.type;
    this.status = problem.status ?? 0;
    this.isFinal = problem.isFinal ?? (this.status >= 400 && this.status < 500);
  }
}

const AWAY = {
  title: "The service cannot be reached",
  detail: "The connection broke. Check the network and whether the service runs, then try again.",
};
const FAILED = "That did not work";
const NOT_OURS = {
  title: FAILED,
  detail: "Something else answered in place of the service, perhaps with a page to log in. Reload this page, then try again.",
  isFinal: true,
};
const EXTRAS = "include=evidence&include=page";
const RECONNECT_MS = 1000;

let key = kept();

// Known to this tab alone. Where the browser forbids storage, until the page is reloaded.
function kept() {
  try {
    return sessionStorage.getItem("facetell-key") ?? "";
  } catch {
    return "";
  }
}

export const hasKey = () => key !== "";

// Whether it can be one: a header holds no other letters than these.
export function setKey(text) {
  const plain = text.trim();
  if (!/^[\x20-\x7e\xa0-\xff]+$/.test(plain)) return false;
  key = plain;
  try {
    sessionStorage.setItem("facetell-key", plain);
  } catch {
    // asked for again after a reload
  }
  return true;
}

const authorization = () => (key ? { Authorization: `Bearer ${key}` } : {});

export async function limits() {
  return (await get("/v1/limits")).json();
}

// A photo, judged at once. onProgress takes the share that was sent. gone: aborts it all.
export function detect(file, gone, onProgress) {
  return upload(`/v1/detect?${EXTRAS}`, "file", file, gone, onProgress);
}

// A clip: sent, followed, fetched and then forgotten by the service.
export async function judgeClip(file, gone, onSent, onJudged) {
  const job = await upload(`/v1/jobs?${EXTRAS}`, "files", file, gone, onSent);
  const path = `/v1/jobs/${encodeURIComponent(job.id)}`;
  // Also when the tab is closed: what was sent is not to lie there.
  const forget = () => fetch(path, { method: "DELETE", headers: authorization(), keepalive: true }).catch(() => {});
  addEventListener("pagehide", forget);
  try {
    for (;;) {
      try {
        for await (const state of events(await get(`${path}/events`, gone))) {
          onJudged(state);
          if (state.state === "done") return (await (await get(path, gone)).json()).files[0].report;
        }
      } catch (error) {
        if (gone.aborted || isFinal(error)) throw error;
        onJudged({ state: "lost" });
      }
      await new Promise((done) => setTimeout(done, RECONNECT_MS));
    }
  } finally {
    removeEventListener("pagehide", forget);
    forget();
  }
}

// The service's own no; a broken line and what a proxy says while it restarts pass.
function isFinal(error) {
  return error instanceof Trouble && error.isFinal;
}

async function* events(answer) {
  if (!answer.headers.get("content-type")?.startsWith("text/event-stream")) throw new Trouble(NOT_OURS);
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    text += value;
    const whole = text.split("\n\n");
    text = whole.pop();
    for (const event of whole) {
      const data = event.split("\n").find((line) => line.startsWith("data: "));
      if (data) yield JSON.parse(data.slice(6));
    }
  }
}

async function get(path, gone) {
  let answer;
  try {
    answer = await fetch(path, { headers: authorization(), signal: gone });
  } catch {
    throw new Trouble(AWAY);
  }
  if (!answer.ok) throw new Trouble(await problemOf(answer.status, () => answer.text()));
  return answer;
}

// fetch() does not tell how much was sent; XMLHttpRequest does.
function upload(path, field, file, gone, onProgress) {
  const form = new FormData();
  form.append(field, file, file.name || "picture.png");
  const request = new XMLHttpRequest();
  request.open("POST", path);
  for (const [name, value] of Object.entries(authorization())) request.setRequestHeader(name, value);
  request.upload.addEventListener("progress", (e) => e.total && onProgress(e.loaded / e.total));
  return new Promise((resolve, reject) => {
    const failed = () => reject(new Trouble(AWAY));
    request.addEventListener("error", failed);
    request.addEventListener("abort", failed);
    gone.addEventListener("abort", () => request.abort());
    request.addEventListener("load", async () => {
      try {
        if (request.status < 400) return resolve(JSON.parse(request.responseText));
      } catch {
        // a page of somebody in between, who wants a login perhaps
      }
      reject(new Trouble(await problemOf(request.status, async () => request.responseText)));
    });
    request.send(form);
  });
}

async function problemOf(status, text) {
  try {
    const problem = JSON.parse(await text());
    if (problem.detail) return { status, title: FAILED, ...problem };
  } catch {
    // not ours: a load balancer's, perhaps
  }
  return { status, title: FAILED, detail: `The service answered with status ${status}.` };
}
