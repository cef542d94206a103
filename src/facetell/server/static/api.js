// Calls to the service. Whatever goes wrong becomes a Trouble with words for people.

export class Trouble extends Error {
  constructor(problem) {
    super(problem.detail);
    this.title = problem.title;
    this.type = problem.type;
    this.status = problem.status ?? 0;
  }
}

const AWAY = {
  title: "The service cannot be reached",
  detail: "The connection broke. Check the network and whether the service runs, then try again.",
};
const EXTRAS = "include=evidence&include=page";
const RECONNECT_MS = 1000;

let key = sessionStorage.getItem("facetell-key") ?? "";

export function setKey(text) {
  key = text;
  sessionStorage.setItem("facetell-key", text);
}

const authorization = () => (key ? { Authorization: `Bearer ${key}` } : {});

export async function limits() {
  return (await get("/v1/limits")).json();
}

// A photo, judged at once. onProgress takes the share that was sent.
export function detect(file, onProgress) {
  return upload(`/v1/detect?${EXTRAS}`, "file", file, onProgress);
}

// A clip: sent, followed, fetched and then forgotten by the service.
export async function judgeClip(file, onSent, onJudged) {
  const job = await upload(`/v1/jobs?${EXTRAS}`, "files", file, onSent);
  const path = `/v1/jobs/${encodeURIComponent(job.id)}`;
  try {
    await follow(path, onJudged);
    return (await (await get(path)).json()).files[0].report;
  } finally {
    fetch(path, { method: "DELETE", headers: authorization() }).catch(() => {});
  }
}

async function follow(path, onJudged) {
  for (;;) {
    try {
      for await (const job of events(await get(`${path}/events`))) {
        onJudged(job);
        if (job.state === "done") return;
      }
    } catch (error) {
      if (error instanceof Trouble && error.status) throw error; // an answer, not a broken line
    }
    await new Promise((done) => setTimeout(done, RECONNECT_MS));
  }
}

async function* events(answer) {
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

async function get(path) {
  let answer;
  try {
    answer = await fetch(path, { headers: authorization() });
  } catch {
    throw new Trouble(AWAY);
  }
  if (!answer.ok) throw new Trouble(await problemOf(answer.status, () => answer.text()));
  return answer;
}

// fetch() does not tell how much was sent; XMLHttpRequest does.
function upload(path, field, file, onProgress) {
  const form = new FormData();
  form.append(field, file, file.name || "picture.png");
  const request = new XMLHttpRequest();
  request.open("POST", path);
  for (const [name, value] of Object.entries(authorization())) request.setRequestHeader(name, value);
  request.upload.addEventListener("progress", (e) => e.total && onProgress(e.loaded / e.total));
  return new Promise((resolve, reject) => {
    request.addEventListener("error", () => reject(new Trouble(AWAY)));
    request.addEventListener("load", async () => {
      if (request.status < 400) resolve(JSON.parse(request.responseText));
      else reject(new Trouble(await problemOf(request.status, async () => request.responseText)));
    });
    request.send(form);
  });
}

async function problemOf(status, text) {
  try {
    const problem = JSON.parse(await text());
    if (problem.detail) return problem;
  } catch {
    // not ours: a load balancer's, perhaps
  }
  return { status, title: "That did not work", detail: `The service answered with status ${status}.` };
}
