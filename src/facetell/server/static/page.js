// The page: takes files in, shows how each is doing, and then its report.

import * as api from "/static/api.js";
import { wireCamera } from "/static/camera.js";
import { byId, el } from "/static/dom.js";
import * as history from "/static/history.js";
import { facts, headline, reportParts } from "/static/result.js";

const AT_ONCE = 3;
const THUMB_PX = 96;

const waiting = [];
let running = 0;
let limits = null;

function take(files) {
  for (const file of files) waiting.push([file, card(file)]);
  if (files.length) document.body.classList.add("busy");
  next();
}

function next() {
  while (running < AT_ONCE && waiting.length) {
    running += 1;
    judge(...waiting.shift()).finally(() => {
      running -= 1;
      next();
    });
  }
}

// The place of one file, first with its progress.
function card(file) {
  const title = el("h2", { tabindex: "-1" }, file.name || "pasted picture");
  const meta = el("p", { class: "soft" }, `${(file.size / 1e6).toFixed(1)} MB`);
  const close = el("button", { class: "quiet", type: "button", "aria-label": `Remove ${file.name}` }, "Remove");
  const content = el("div");
  const article = el("article", { class: "result" }, el("header", {}, el("div", {}, title, meta), close), content);
  const gone = new AbortController();
  close.addEventListener("click", () => {
    gone.abort();
    for (const held of article.querySelectorAll("[src^='blob:'], [href^='blob:']")) {
      URL.revokeObjectURL(held.src || held.href);
    }
    article.remove();
  });
  byId("results").prepend(article);
  const shown = { article, title, meta, content, gone: gone.signal };
  busy(shown, "Waiting for its turn");
  return shown;
}

function busy(shown, words, share) {
  const known = shown.content.querySelector("progress");
  if (known) {
    shown.content.querySelector("p").textContent = words;
    if (share == null) known.removeAttribute("value");
    else known.value = share;
    return;
  }
  const bar = el("progress", { max: 1, value: share, "aria-label": `Progress of ${shown.title.textContent}` });
  shown.content.replaceChildren(el("div", { class: "wait" }, el("p", {}, words), bar));
}

async function judge(file, shown) {
  if (shown.gone.aborted) return; // removed meanwhile
  try {
    refuseTooLarge(file);
    const report = await judged(file, shown);
    if (shown.gone.aborted) return;
    shown.meta.textContent = facts(report);
    shown.content.replaceChildren(...reportParts(report, file).filter(Boolean));
    say(`${report.path}: ${headline(report)}`);
    history.remember(report, await thumbnail(file));
  } catch (error) {
    if (shown.gone.aborted) return;
    if (error.status === 401) askForKey();
    trouble(file, shown, error);
  }
}

async function judged(file, shown) {
  const sent = (share) => busy(shown, share < 1 ? `Sending, ${Math.round(100 * share)} %` : "Judging", share < 1 ? share : null);
  if (!file.type.startsWith("video/")) {
    try {
      return await api.detect(file, shown.gone, sent);
    } catch (error) {
      if (error.type !== "urn:facetell:clip") throw error; // the name told nothing, the bytes did
    }
  }
  return api.judgeClip(file, shown.gone, sent, (job) => {
    if (job.state === "lost") busy(shown, "The connection is lost; trying again", null);
    else if (job.state === "waiting") busy(shown, "Waiting in the queue", null);
    else busy(shown, `Judging, ${Math.round(100 * job.progress)} %`, job.progress);
  });
}

function refuseTooLarge(file) {
  if (limits && file.size > limits.max_bytes) {
    const detail = `It has ${(file.size / 1e6).toFixed(0)} MB, and this service takes ${limits.max_bytes / 1e6} MB.`;
    throw new api.Trouble({ title: "The file is too large", detail });
  }
}

function trouble(file, shown, error) {
  if (!(error instanceof api.Trouble)) console.error(error);
  const title = error instanceof api.Trouble ? error.title : "This page made a mistake";
  const again = el("button", { type: "button" }, "Try again");
  again.addEventListener("click", () => {
    shown.content.replaceChildren();
    busy(shown, "Waiting for its turn");
    waiting.push([file, shown]);
    next();
  });
  shown.content.replaceChildren(
    el(
      "div",
      { class: "wait", role: "alert" },
      el("strong", { class: "word error" }, title),
      el("p", {}, error.message),
      el("div", { class: "buttons" }, again),
    ),
  );
}

const say = (words) => (byId("status").textContent = words);

// A small copy for the history; null where the browser cannot draw the file.
async function thumbnail(file) {
  try {
    const picture = await createImageBitmap(file, { resizeHeight: THUMB_PX, resizeQuality: "medium" });
    const canvas = el("canvas", { width: picture.width, height: picture.height });
    canvas.getContext("2d").drawImage(picture, 0, 0);
    return canvas.toDataURL("image/jpeg", 0.7);
  } catch {
    return null;
  }
}

function askForKey() {
  const dialog = byId("key");
  if (dialog.open) return;
  byId("key-trouble").hidden = !api.hasKey();
  dialog.showModal();
}

async function showLimits() {
  try {
    limits = await api.limits();
  } catch (error) {
    if (error.status === 401) askForKey();
    return;
  }
  byId("limits").textContent +=
    ` Up to ${limits.max_bytes / 1e6} MB a file, clips up to ${Math.round(limits.max_video_s / 60)} minutes.`;
}

function wire() {
  const intake = byId("intake");
  byId("choose").addEventListener("click", () => byId("files").click());
  byId("files").addEventListener("change", (event) => {
    take([...event.target.files]);
    event.target.value = "";
  });
  document.addEventListener("paste", (event) => take([...event.clipboardData.files]));
  document.addEventListener("dragover", (event) => {
    event.preventDefault();
    intake.classList.add("over");
  });
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) intake.classList.remove("over");
  });
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    intake.classList.remove("over");
    take([...event.dataTransfer.files]);
  });
  wireCamera((file) => take([file]));
  byId("forget").addEventListener("click", history.forget);
  byId("key-form").addEventListener("submit", (event) => {
    event.preventDefault();
    const isKey = api.setKey(byId("key-text").value);
    byId("key-trouble").hidden = isKey;
    if (!isKey) return;
    byId("key").close();
    showLimits();
  });
  history.show();
  showLimits();
}

wire();
