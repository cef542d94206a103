// A clip's report: the player, a time line for each track, segments that jump, telling frames.

import { clock, el, pText, plural, svg } from "/static/dom.js";
import { boxes, quality, scale } from "/static/result.js";

const HEIGHT = 100;
const WIDTH = 1000;
const LEAST_GAP_S = 1;
const MIN_LOOKS = 3; // as in detect/aggregate.py
const NEAR_S = 0.4; // how far from a sample its box is still shown

export function clipBody(report, file, compare) {
  const player = file.type.startsWith("image/") ? null : el("video", { controls: true, playsinline: true, preload: "metadata" });
  const end = Math.max(report.clip.duration_s ?? 0, ...report.clip.tracks.map((track) => track.end_s), 0.1);
  const jump = player && ((seconds) => {
    player.currentTime = seconds;
    player.scrollIntoView({ block: "nearest" });
  });
  let first = 0; // number of a track's first face among all that were drawn
  const brief = report.clip.tracks.filter(isBrief); // these stand last
  const tracks = report.clip.tracks.slice(0, report.clip.tracks.length - brief.length).map((track) => {
    const drawn = (report.pictures?.faces ?? []).slice(first, first + track.faces.length);
    first += track.faces.length;
    return trackCard(report, track, end, drawn, jump, compare);
  });
  const heads = tracks.map((card) => card.querySelector(".head"));
  const moveHeads = (seconds) => heads.forEach((head) => move(head, (WIDTH * seconds) / end));
  return el(
    "div",
    { class: "body" },
    el("div", { class: "player" }, stage(report, file, player, moveHeads)),
    el("div", { class: "column" }, tracks.length ? tracks : el("p", { class: "soft" }, report.reason ?? ""), brief.length > 0 && tooBrief(brief, jump)),
  );
}

// Whether a track was too brief to be judged, but for the first, which speaks for the clip.
const isBrief = (track, k) => k > 0 && track.looks < MIN_LOOKS;

// Glimpses, and what is no face at all: named, for their boxes are drawn.
function tooBrief(tracks, jump) {
  const named = (track) => `Face ${track.id}, ${clock(track.start_s)} to ${clock(track.end_s)}`;
  return el(
    "details",
    {},
    el("summary", {}, `${tracks.length} more, too brief to be judged`),
    el("ul", { class: "soft" }, tracks.map((track) => el("li", {}, jumper(named(track), track.start_s, jump, "quiet")))),
  );
}

function stage(report, file, player, onTime) {
  const figure = el("figure", { class: "stage" });
  if (!player) {
    figure.append(el("img", { src: URL.createObjectURL(file), alt: "The moving picture" }));
    return figure;
  }
  const marks = el("span");
  const draw = () => {
    onTime(player.currentTime);
    marks.replaceChildren(boxes(report.size_wh ?? [1, 1], marksAt(report, player.currentTime)));
  };
  const follow = () => {
    draw();
    if (!player.paused && !player.ended) requestAnimationFrame(follow);
  };
  player.addEventListener("play", follow);
  player.addEventListener("seeked", draw);
  player.addEventListener("loadeddata", draw);
  player.addEventListener("error", () => {
    const words = "This browser cannot play the clip; the frames with their times show where to look.";
    figure.replaceWith(el("p", { class: "warn" }, words));
  });
  player.src = URL.createObjectURL(file);
  figure.append(player, marks);
  return figure;
}

function marksAt(report, seconds) {
  return report.clip.tracks.flatMap((track) => {
    const off = (sample) => Math.abs(sample.time_s - seconds);
    const nearest = track.timeline.reduce((best, s) => (best && off(best) <= off(s) ? best : s), null);
    if (!nearest || off(nearest) > NEAR_S) return [];
    return [{ box_xyxy: nearest.box_xyxy, verdict: track.verdict, label: pText(nearest.p_fake) }];
  });
}

function trackCard(report, track, end, drawn, jump, compare) {
  const several = report.clip.tracks.filter((other, k) => !isBrief(other, k)).length > 1; // of one, the top has said it
  const segments = track.segments.map((segment) => {
    const words = `${clock(segment.start_s)} to ${clock(segment.end_s)}, peak ${pText(segment.peak)}`;
    return el("li", {}, jumper(words, segment.start_s, jump, ""));
  });
  const frames = track.faces.map((face, k) => drawn[k] && frame(face, drawn[k], jump, compare));
  return el(
    "section",
    { class: "track", "aria-label": `Face ${track.id}` },
    el("h3", {}, `Face ${track.id}: `, el("span", { class: track.verdict }, track.verdict)),
    several && scale(track.p_fake, report.model),
    several && track.reason && el("p", { class: "soft" }, track.reason),
    timeline(report, track, end, jump),
    el("p", { class: "ticks" }, el("span", {}, clock(0)), el("span", {}, "p_fake over time"), el("span", {}, clock(end))),
    el(
      "p",
      { class: "soft" },
      `Seen ${clock(track.start_s)} to ${clock(track.end_s)}; ${plural(track.frames_used, "frame")} of ${track.timeline.length} count.`,
    ),
    segments.length
      ? el("div", {}, el("p", {}, "Suspicious from"), el("ul", { class: "jumps" }, segments))
      : el("p", { class: "soft" }, "No time span stays above the fake threshold."),
    frames.some(Boolean) &&
      el(
        "details",
        {},
        el("summary", {}, "The most telling frames"),
        el("div", { class: "frames" }, frames),
      ),
  );
}

// A button that jumps there, or plain words where nothing plays (a moving GIF).
function jumper(words, seconds, jump, name) {
  if (!jump) return el("span", {}, words);
  return el("button", { class: name, type: "button", onclick: () => jump(seconds) }, words);
}

function frame(face, drawn, jump, compare) {
  return el(
    "figure",
    {},
    compare(drawn),
    el(
      "figcaption",
      { class: "soft", title: quality(face.quality) },
      jumper(clock(face.time_s), face.time_s, jump, "quiet"),
      ` p_fake ${pText(face.p_fake)}`,
    ),
  );
}

function timeline(report, track, end, jump) {
  const x = (seconds) => (WIDTH * seconds) / end;
  const { real_below, fake_from } = report.model;
  const zone = (name, from, to) =>
    svg("rect", { class: `zone ${name}`, width: WIDTH, y: from, height: to - from });
  const line = svg(
    "svg",
    {
      class: "line",
      viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
      preserveAspectRatio: "none",
      role: "img",
      "aria-label": `p_fake of face ${track.id} over time; ${plural(track.segments.length, "suspicious time span")}`,
    },
    zone("f", 0, y(fake_from)),
    zone("r", y(real_below), HEIGHT),
    ...report.clip.cuts_s.map((cut) => svg("line", { class: "cut", x1: x(cut), x2: x(cut), y1: 0, y2: HEIGHT })),
    ...track.segments.map((s) =>
      svg("rect", { class: "segment", x: x(s.start_s), width: Math.max(3, x(s.end_s) - x(s.start_s)), height: HEIGHT }),
    ),
    ...curves(track.timeline, gapS(report.clip)).map((samples) =>
      svg("polyline", { points: samples.map((s) => `${x(s.time_s)},${y(s.p_fake)}`).join(" ") }),
    ),
    svg("line", { class: "head", x1: 0, x2: 0, y1: 0, y2: HEIGHT }),
  );
  line.addEventListener("click", (event) => {
    if (!jump) return;
    const place = line.getBoundingClientRect();
    jump((end * (event.clientX - place.left)) / place.width);
  });
  const named = (name, p, words) => {
    const label = el("span", { class: `at ${name}` }, `${words} ${pText(p)}`);
    label.style.top = `${y(p)}%`;
    return label;
  };
  return el("div", { class: "chart" }, line, named("f", fake_from, "fake from"), named("r", real_below, "real below"));
}

// By the log-odds, as in detect/timeline.py.
function y(pFake) {
  const p = Math.min(Math.max(pFake, 0.001), 0.999);
  return HEIGHT * (0.5 - Math.log(p / (1 - p)) / 15);
}

// A face not seen for longer was away; as in detect/timeline.py.
const gapS = (clip) => Math.max(LEAST_GAP_S, (3 * clip.watched_s) / clip.frames_judged);

// The samples that count, divided where the face was away.
function curves(samples, gap) {
  const found = [];
  for (const sample of samples.filter((sample) => sample.used)) {
    const last = found.at(-1);
    if (last && sample.time_s - last.at(-1).time_s <= gap) last.push(sample);
    else found.push([sample]);
  }
  return found;
}

function move(head, x) {
  head.setAttribute("x1", x);
  head.setAttribute("x2", x);
}
