// What was judged in this browser: kept in its own storage, known to nobody else.

import { byId, el, pText } from "/static/dom.js";

const KEY = "facetell-history";
const KEPT = 40;

export function remember(report, thumb) {
  const entry = {
    name: report.path,
    word: report.verdict ?? report.status,
    p_fake: report.p_fake,
    when: Date.now(),
    thumb,
  };
  try {
    localStorage.setItem(KEY, JSON.stringify([entry, ...past()].slice(0, KEPT)));
  } catch {
    return; // full, or forbidden by the browser: the page works without
  }
  show();
}

export function show() {
  const entries = past();
  byId("nothing").hidden = entries.length > 0;
  byId("forget").hidden = entries.length === 0;
  byId("past").replaceChildren(...entries.map(row));
}

export function forget() {
  try {
    localStorage.removeItem(KEY);
  } catch {
    return; // nothing was kept
  }
  show();
}

function past() {
  try {
    return JSON.parse(localStorage.getItem(KEY)) ?? [];
  } catch {
    return [];
  }
}

function row(entry) {
  const when = new Date(entry.when);
  return el(
    "li",
    {},
    entry.thumb
      ? el("img", { class: "thumb", src: entry.thumb, alt: "" })
      : el("span", { class: "thumb" }),
    el(
      "div",
      {},
      el("p", { class: "name", title: entry.name }, entry.name),
      el("p", { class: "soft" }, el("time", { datetime: when.toISOString() }, when.toLocaleString())),
    ),
    el(
      "p",
      {},
      el("span", { class: `word ${entry.word}` }, entry.word.replace("_", " ")),
      entry.p_fake == null ? null : el("span", { class: "soft" }, pText(entry.p_fake)),
    ),
  );
}
