// A report as people read it: verdict, scale, picture with boxes, evidence, limits.

import { clipBody } from "/static/clip.js";
import { clock, el, pText, plural, svg } from "/static/dom.js";

const WORDS = {
  fake: ["Fake", "The signs speak for a generated or manipulated face."],
  real: ["Real", "No sign found. This clears nothing."],
  uncertain: ["Uncertain", "The signs do not suffice either way."],
  no_face: ["No face", "There is nothing to judge."],
  error: ["Not judged", "The file could not be judged."],
};
const NEXT = {
  fake: "Next: look for where it first appeared, for the original, for other recordings of the scene.",
  real: "Next: this does not vouch for who is shown, when, or for the rest of the picture. Check the source.",
  uncertain: "Next: find a larger or less compressed copy and have that judged; look at the source.",
};
const SIGNS = {
  real: "M6 12h12",
  fake: "M12 5v9M12 18.200v.3",
  uncertain: "M8.500 9a3.500 3.500 0 1 1 5.200 3c-1.200.7-1.700 1.300-1.700 2.500M12 18.200v.3",
  no_face: "M6 12h12",
  error: "M7 7l10 10M17 7L7 17",
};

// All of a report's parts. file: the picture or clip itself, which never left for this.
export function reportParts(report, file) {
  const body = report.clip ? clipBody(report, file, compare) : pictureBody(report, file);
  return [
    verdict(report),
    report.warnings.length > 0 && list("warnings", report.warnings),
    body,
    after(report),
  ];
}

export function facts(report) {
  const [width, height] = report.size_wh ?? [];
  return [
    report.format,
    width && `${width} × ${height} px`,
    report.clip?.duration_s && `${clock(report.clip.duration_s)} long`,
    report.clip && plural(report.clip.frames_judged, "frame") + " judged",
    !report.clip && report.faces.length > 0 && plural(report.faces.length, "face"),
    `judged in ${(report.timings_ms.total / 1000).toFixed(2)} s`,
  ]
    .filter(Boolean)
    .join(" · ");
}

export const headline = (report) => WORDS[report.verdict ?? report.status][0];

function verdict(report) {
  const name = report.verdict ?? report.status;
  const [word, sentence] = WORDS[name];
  return el(
    "div",
    { class: `verdict ${name}` },
    el("span", { class: "sign", "aria-hidden": "true" }, icon(SIGNS[name])),
    el(
      "div",
      {},
      el("strong", { class: "word" }, word),
      el("p", { class: "plain" }, name === "uncertain" || !report.verdict ? (report.reason ?? sentence) : sentence),
    ),
    report.p_fake != null && scale(report.p_fake, report.model),
  );
}

const icon = (path) =>
  svg(
    "svg",
    { viewBox: "0 0 24 24", fill: "none", stroke: "currentColor", "stroke-width": 3, "stroke-linecap": "round" },
    svg("path", { d: path }),
  );

// p_fake between 0, real, and 1, fake, with both thresholds.
export function scale(p, model) {
  const zone = (name, width) => {
    const part = el("span", { class: `zone ${name}` });
    part.style.width = `${100 * width}%`;
    return part;
  };
  const at = el("span", { class: "at" });
  at.style.left = `${100 * p}%`;
  const words = `p_fake ${pText(p)} on a scale from 0, real, to 1, fake; real below ${pText(model.real_below)}, fake from ${pText(model.fake_from)}`;
  return el(
    "div",
    { class: "scale" },
    el("p", { class: "value plain" }, el("span", { class: "soft" }, "p_fake, from 0 to 1"), el("strong", {}, pText(p))),
    el(
      "div",
      { class: "bar", role: "img", "aria-label": words },
      zone("r", model.real_below),
      zone("f", 1 - model.fake_from),
      at,
    ),
    el(
      "p",
      { class: "ticks" },
      el("span", {}, `real below ${pText(model.real_below)}`),
      el("span", {}, `fake from ${pText(model.fake_from)}`),
    ),
  );
}

function pictureBody(report, file) {
  if (!report.size_wh) return null;
  const stage = el("figure", { class: "stage" });
  const picture = el("img", { alt: report.faces.length ? "The picture, with a box around each face" : "The picture" });
  picture.addEventListener("error", () => showDrawn(report, picture, stage), { once: true });
  picture.src = URL.createObjectURL(file);
  stage.append(picture, boxes(report.size_wh, report.faces));
  const drawn = report.pictures?.faces ?? [];
  const faces = report.faces.map((face, k) => faceCard(report, face, k, drawn[k]));
  return el("div", { class: "body" }, stage, el("div", { class: "column" }, faces));
}

// Not every browser shows every format (HEIC, TIFF); the service's own drawing has its boxes.
function showDrawn(report, picture, stage) {
  if (!report.pictures?.boxed_png) return;
  picture.src = png(report.pictures.boxed_png);
  stage.replaceChildren(picture);
}

// faces: with box_xyxy, verdict and perhaps a label, in pixels of the picture.
export function boxes([width, height], faces) {
  const size = Math.max(width, height) / 28;
  const parts = faces.flatMap((face, k) => {
    const [x0, y0, x1, y1] = face.box_xyxy;
    const place = { x: x0, y: y0, width: x1 - x0, height: y1 - y0, rx: size / 5 };
    const label = face.label ?? (faces.length > 1 ? `${k + 1}` : null);
    const tag = label && svg("text", { class: "tag" }, label);
    tag?.setAttribute("transform", `translate(${x0} ${Math.max(size, y0 - size / 3)}) scale(${size})`);
    return [svg("rect", { class: "halo", ...place }), svg("rect", { class: `box ${face.verdict}`, ...place }), tag];
  });
  return svg("svg", { viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" }, ...parts);
}

function faceCard(report, face, k, drawn) {
  const several = report.faces.length > 1;
  return el(
    "section",
    { class: "face", "aria-label": several ? `Face ${k + 1}` : "Evidence" },
    several && el("h3", {}, `Face ${k + 1}: `, el("span", { class: `word ${face.verdict}` }, face.verdict)),
    several && scale(face.p_fake, report.model),
    several && face.warnings.length > 0 && list("warnings", face.warnings),
    drawn ? compare(drawn) : el("p", { class: "soft" }, "Its evidence is not drawn here."),
    el("p", { class: "soft" }, quality(face.quality)),
  );
}

export function quality(measured) {
  const jpeg = measured.jpeg_quality ? `, JPEG quality ${Math.round(measured.jpeg_quality)}` : "";
  return `Face ${Math.round(measured.size_px)} px, sharpness ${measured.sharpness.toFixed(2)}, brightness ${Math.round(measured.brightness)}${jpeg}`;
}

// What the model saw, and the evidence over it, with a slider between them.
export function compare(drawn) {
  const edge = el("span", { class: "edge" });
  const slider = el("input", {
    type: "range",
    min: 0,
    max: 100,
    value: 50,
    "aria-label": "How much of the evidence is laid over the face",
    "aria-valuetext": "50 % evidence",
  });
  const box = el(
    "div",
    { class: "compare" },
    el("img", { src: png(drawn.crop_png), alt: "The face as the model saw it" }),
    el("img", { class: "above", src: png(drawn.evidence_png), alt: "The evidence over the face" }),
    edge,
    slider,
  );
  slider.addEventListener("input", () => {
    box.style.setProperty("--at", `${slider.value}%`);
    slider.setAttribute("aria-valuetext", `${100 - slider.value} % evidence`);
  });
  return el("div", {}, box, el("p", { class: "legend" }, el("span", {}, "what the model saw"), el("span", {}, "evidence")));
}

const png = (base64) => `data:image/png;base64,${base64}`;

const list = (name, sentences) => el("ul", { class: name }, sentences.map((words) => el("li", {}, words)));

// What the model's maker warns of first stands open; a verdict must not be read without it.
function after(report) {
  const [first, ...others] = report.limits;
  return el(
    "div",
    { class: "after" },
    report.verdict && el("p", { class: "caution" }, first),
    NEXT[report.verdict] && el("p", { class: "next" }, NEXT[report.verdict]),
    el(
      "details",
      {},
      el("summary", {}, "What this does not mean"),
      list("", report.verdict ? others : report.limits),
      el(
        "p",
        { class: "soft" },
        "The evidence is the decision itself: orange spoke for fake, blue for real, and its mean is the log-odds " +
          "of p_fake. It is coarse and shows where, not why. ",
        `Model ${report.model.name} ${report.model.version}, SHA-256 ${report.model.sha256.slice(0, 16)}…`,
      ),
    ),
    downloads(report),
  );
}

function downloads(report) {
  const { pictures, page, ...plain } = report;
  const stem = report.path.replace(/\.[^.]*$/, "");
  return el(
    "div",
    { class: "buttons" },
    page && download("Report (HTML)", `${stem}-facetell.html`, page, "text/html"),
    download("Data (JSON)", `${stem}-facetell.json`, JSON.stringify(plain, null, 2), "application/json"),
  );
}

function download(label, name, text, type) {
  const url = URL.createObjectURL(new Blob([text], { type: `${type};charset=utf-8` }));
  return el("a", { class: "button", href: url, download: name }, label);
}
