// The waveform and the spectrum of the selected clip. A click seeks; a drag selects a region, which loops; the ends of
// the region can be dragged while it plays. Onsets are ticks, silences are shaded, and what trimming left out is dimmed.

import { whyNot } from "./api.js";
import { element } from "./element.js";
import { action } from "./keys.js";
import { play, playing, position } from "./player.js";
import { keptSignal, loop } from "./player_settings.js";
import { rowOf, rowsVersion, selected } from "./selection.js";
import { loadFirst } from "./thumbnails.js";

const WAVE = 44; // CSS pixels
const SPECTRUM = 84;
const GRIP = 6; // how near an end of the region is taken hold of
const AGAIN = 3000; // milliseconds after which a part of the picture is asked for again
const LEAST_DRAG = 4;
const LEAST_REGION = 0.02; // seconds

const RANGES = ["full", "8k", "2k"];

/** The highest frequency that the spectrum shows. */
export const range = keptSignal("spectrum range", "full", (kept) => RANGES.includes(kept));

const canvas = element("canvas", { class: "sound", tabindex: "0", role: "slider", "aria-label": "Position in the clip", "aria-valuemin": 0, "aria-valuenow": 0 });
const field = element("select", { "aria-label": "Frequency range of the spectrum", onchange: () => { range.value = field.value; } },
  RANGES.map((name) => element("option", { value: name, selected: name === range.value }, name === "full" ? "all Hz" : `to ${name}Hz`)));
export const picture = element("div", { class: "picture" }, canvas, field);

action("spectrum-range", {
  keys: ["Shift+s"],
  title: "another frequency range of the spectrum",
  run: () => {
    range.value = RANGES[(RANGES.indexOf(range.value) + 1) % RANGES.length];
  },
});
range.listen((name) => {
  field.value = name;
});

let peaks = null;
let spectrum = null;
let landmarks = null; // {onsets, silences, before, after}
let shown = null; // the clip that is shown
let drag = null; // {x, at, end, isMoved}
let still = null; // what is drawn without cursor and region
let stillSeconds = 0; // the length of the clip in it

function load(id) {
  shown = id;
  drag = null; // it began in another picture
  peaks = null;
  spectrum = null;
  landmarks = null;
  redraw();
  const row = rowOf(id);
  if (id === null || row?.missing || (row && !row.seconds)) return;
  for (const part of [loadPeaks, loadSpectrum, loadLandmarks]) loadPart(part, id);
}

/** Load a part of the picture. `part` resolves to whether it must be asked for again: the server is away or busy. */
function loadPart(part, id) {
  loadFirst(async () => {
    if (shown !== id || !(await part(id))) return;
    setTimeout(() => shown === id && loadPart(part, id), AGAIN);
  });
}

const isForLater = (response) => response === null || response.status === 503;

async function loadLandmarks(id) {
  const response = await fetch(`/landmarks/${id}`).catch(() => null);
  if (!response?.ok) return isForLater(response);
  const found = await response.json();
  if (shown !== id) return false;
  landmarks = found;
  redraw();
  return false;
}

/** What is shown, in seconds of the clip: the clip, and beside it a part of what trimming left out. */
function axis() {
  return { from: -(landmarks?.before.shown ?? 0), to: secondsOf() + (landmarks?.after.shown ?? 0) };
}

async function loadPeaks(id) {
  const response = await fetch(`/peaks/${id}`).catch(() => null);
  if (!response?.ok) return isForLater(response);
  const found = new Int8Array(await response.arrayBuffer());
  if (shown !== id) return false;
  peaks = found;
  redraw();
  return false;
}

async function loadSpectrum(id) {
  const image = new Image();
  const wanted = range.value;
  image.src = `/spectra/${id}?range=${wanted}`;
  try {
    await image.decode(); // draws at once then
  } catch {
    return !(await whyNot(image.src, "")).isLasting;
  }
  if (shown !== id || range.value !== wanted) return false;
  spectrum = image;
  redraw();
  return false;
}

/** Draw pairs of lowest and highest samples between two places, in pixels. */
function drawPeaks(pen, pairs, left, right, wave) {
  const columns = pairs.length / 2;
  if (!columns) return;
  for (let x = Math.round(left); x < Math.round(right); x += 1) {
    const place = Math.min(columns - 1, Math.floor(((x - left) * columns) / (right - left)));
    const top = (0.5 - pairs[2 * place + 1] / 254) * wave;
    const bottom = (0.5 - pairs[2 * place] / 254) * wave;
    pen.fillRect(x, top, 1, Math.max(1, bottom - top));
  }
}

function drawStill(width, height, scale) {
  const layer = new OffscreenCanvas(width, height);
  const pen = layer.getContext("2d");
  const style = getComputedStyle(canvas);
  const wave = WAVE * scale;
  const { from, to } = axis();
  const x = (at) => ((at - from) / (to - from)) * width;
  const [left, right] = [x(0), x(secondsOf())];
  if (spectrum) pen.drawImage(spectrum, left, wave, right - left, height - wave);
  pen.fillStyle = style.borderColor;
  for (const [begin, end] of landmarks?.silences ?? []) pen.fillRect(x(begin), 0, x(end) - x(begin), wave);
  pen.fillStyle = style.color;
  if (peaks) drawPeaks(pen, peaks, left, right, wave);
  pen.globalAlpha = 0.4; // what does not belong to the clip
  for (const [outside, begin, end] of [[landmarks?.before, 0, left], [landmarks?.after, right, width]]) {
    if (outside?.shown) drawPeaks(pen, outside.peaks, begin, end, wave);
  }
  pen.globalAlpha = 1;
  pen.fillStyle = "#d08700"; // reads on both grounds
  for (const at of landmarks?.onsets ?? []) pen.fillRect(x(at), wave - 5 * scale, Math.max(1, scale), 5 * scale);
  if (left > 0) pen.fillRect(left - scale, 0, scale, height);
  if (right < width) pen.fillRect(right, 0, scale, height);
  return layer;
}

function redraw() {
  still = null;
  draw();
}

function draw() {
  const scale = window.devicePixelRatio || 1;
  const width = Math.max(1, Math.round(canvas.clientWidth * scale));
  const height = Math.round((WAVE + SPECTRUM) * scale);
  if (canvas.width !== width || canvas.height !== height) {
    Object.assign(canvas, { width, height });
    still = null;
  }
  if (stillSeconds !== secondsOf()) still = null; // the clip's row arrived after its pictures
  stillSeconds = secondsOf();
  still ??= drawStill(width, height, scale);
  const pen = canvas.getContext("2d");
  pen.clearRect(0, 0, width, height);
  pen.drawImage(still, 0, 0);
  const seconds = rowOf(shown)?.seconds;
  if (!seconds) return;
  const { from, to } = axis();
  const x = (at) => ((at - from) / (to - from)) * width;
  if (loop.value) {
    pen.fillStyle = "rgb(110 180 240 / 0.3)"; // reads on both grounds
    pen.fillRect(x(loop.value.from), 0, x(loop.value.to) - x(loop.value.from), height);
    pen.fillStyle = "#d08700";
    for (const end of [loop.value.from, loop.value.to]) pen.fillRect(x(end) - scale, 0, 2 * scale, height);
  }
  if (playing.value?.id === shown) {
    const at = Math.min(position(), seconds);
    pen.fillStyle = "#f0543c";
    pen.fillRect(x(at), 0, 2 * scale, height);
    canvas.setAttribute("aria-valuenow", at.toFixed(1));
  }
  canvas.setAttribute("aria-valuemax", seconds.toFixed(1));
}

const secondsOf = () => rowOf(shown)?.seconds ?? 0;

function timeAt(event) {
  const box = canvas.getBoundingClientRect();
  const { from, to } = axis();
  return Math.max(0, Math.min(secondsOf(), from + ((event.clientX - box.left) / box.width) * (to - from)));
}

/** Which end of the region lies at a place of the pointer, null if none. */
function endAt(event) {
  if (!loop.value) return null;
  const { from, to } = axis();
  const grip = (GRIP / canvas.clientWidth) * (to - from);
  const at = timeAt(event);
  return ["from", "to"].find((end) => Math.abs(loop.value[end] - at) <= grip) ?? null;
}

canvas.addEventListener("pointerdown", (event) => {
  if (event.button || !secondsOf()) return;
  drag = { x: event.clientX, at: timeAt(event), end: endAt(event), isMoved: false };
  canvas.setPointerCapture(event.pointerId);
});
canvas.addEventListener("pointermove", (event) => {
  canvas.style.cursor = endAt(event) ? "ew-resize" : "";
  if (!drag) return;
  drag.isMoved ||= Math.abs(event.clientX - drag.x) >= LEAST_DRAG;
  if (!drag.isMoved) return;
  const other = drag.end === "from" ? loop.value.to : drag.end === "to" ? loop.value.from : drag.at;
  const here = timeAt(event);
  if (Math.abs(here - other) < LEAST_REGION) return;
  if (drag.end) drag.end = here < other ? "from" : "to";
  loop.value = { from: Math.min(here, other), to: Math.max(here, other) };
});
canvas.addEventListener("pointerup", (event) => {
  if (!drag) return;
  const { isMoved, end } = drag;
  drag = null;
  if (!isMoved) {
    const at = timeAt(event);
    if (loop.value && (at < loop.value.from || at > loop.value.to)) loop.value = null;
    play(shown, at, event);
  } else if (loop.value && !end && playing.value?.id !== shown) play(shown, loop.value.from, event);
  else if (loop.value && !end && (position() < loop.value.from || position() > loop.value.to)) play(shown, loop.value.from, event);
});
canvas.addEventListener("pointercancel", () => {
  drag = null;
});

new ResizeObserver(redraw).observe(canvas);
window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
selected.follow(load);
range.listen(() => load(shown));
for (const signal of [loop, rowsVersion]) signal.listen(draw);
loop.listen((region) => {
  if (region === null && drag?.end) drag = null; // the end that is dragged is gone
});
let frame = null;
const tick = () => {
  draw();
  frame = playing.value ? requestAnimationFrame(tick) : null;
};
playing.listen((now) => {
  if (now && frame === null) tick();
  else if (!now) draw();
});
