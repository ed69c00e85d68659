// The player at the bottom: the waveform of the selected clip, where the sound is, volume, speed and loudness.

import { advance } from "./actions.js";
import { checkpointOf, time } from "./card.js";
import { element } from "./element.js";
import { said } from "./judge.js";
import { matched, play, playing, playProblem, position, speed, volume } from "./player.js";
import { rowOf, rowsVersion, selected } from "./selection.js";

const bar = document.getElementById("player");
const says = document.getElementById("says");
const canvas = element("canvas", { class: "waveform", height: 56, role: "img", "aria-label": "Waveform" });
const about = element("span", { class: "about" });
const clock = element("span", { class: "clock" });
const problem = element("span", { class: "problem", role: "alert" });
const toggle = (title, signal) => {
  const button = element("button", { type: "button", "aria-pressed": "false", onclick: () => { signal.value = !signal.value; } }, title);
  signal.follow((value) => button.setAttribute("aria-pressed", String(value)));
  return button;
};
const slider = (title, signal, least, most, step) => {
  const field = element("input", { type: "range", min: least, max: most, step, value: signal.value, oninput: () => { signal.value = Number(field.value); } });
  return element("label", { class: "slider" }, title, field);
};
bar.append(
  element("div", { class: "controls" },
    element("button", { type: "button", "data-action": "previous", title: "previous clip (k)" }, "⏮"),
    element("button", { type: "button", "data-action": "play", title: "play or stop (Space)" }, "⏯"),
    element("button", { type: "button", "data-action": "next", title: "next clip (j)" }, "⏭"),
    ...[1, 2, 3, 4, 5].map((rating) => element("button", { type: "button", "data-action": `rate-${rating}`, title: `rate ${rating}` }, `${rating}★`)),
    element("button", { type: "button", "data-action": "reject", title: "reject (x)" }, "✗"),
    element("button", { type: "button", "data-action": "undo", title: "undo (u)" }, "↶"),
    toggle("Play on", advance), toggle("Match loudness", matched),
    slider("Volume", volume, 0, 1, 0.01), slider("Speed", speed, 0.5, 2, 0.05),
  ),
  canvas,
  element("div", { class: "line" }, about, problem, clock),
);

let peaks = null;
let peaksOf = null;

async function loadPeaks(id) {
  peaksOf = id;
  peaks = null;
  draw();
  const response = await fetch(`/peaks/${id}`);
  if (!response.ok || peaksOf !== id) return;
  peaks = new Int8Array(await response.arrayBuffer());
  draw();
}

function draw() {
  const scale = window.devicePixelRatio || 1;
  const width = Math.round(canvas.clientWidth * scale);
  const height = Math.round(56 * scale);
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
  const pen = canvas.getContext("2d");
  pen.clearRect(0, 0, width, height);
  if (!peaks) return;
  const style = getComputedStyle(canvas);
  pen.fillStyle = style.color;
  const columns = peaks.length / 2;
  for (let x = 0; x < width; x += 1) {
    const place = Math.min(columns - 1, Math.floor((x * columns) / width));
    const top = (0.5 - peaks[2 * place + 1] / 254) * height;
    const bottom = (0.5 - peaks[2 * place] / 254) * height;
    pen.fillRect(x, top, 1, Math.max(1, bottom - top));
  }
  const at = playing.value?.id === peaksOf ? position() : null;
  const seconds = rowOf(peaksOf)?.seconds;
  if (at !== null && seconds) {
    pen.fillStyle = style.accentColor === "auto" ? "red" : style.accentColor;
    pen.fillRect((at / seconds) * width, 0, 2 * scale, height);
  }
}

function describe() {
  const clip = selected.value === null ? null : rowOf(selected.value);
  about.textContent = clip ? `clip ${clip.id} · ${checkpointOf(clip)} · ${clip.path ?? ""}` : "no clip is selected";
  if (clip) clock.textContent = `${time(playing.value?.id === clip.id ? position() : 0)} / ${time(clip.seconds)}`;
}

canvas.addEventListener("click", (event) => {
  const box = canvas.getBoundingClientRect();
  const seconds = rowOf(selected.value)?.seconds;
  if (seconds) play(selected.value, (seconds * (event.clientX - box.left)) / box.width, event);
});
new ResizeObserver(draw).observe(canvas);
selected.follow((id) => {
  if (id !== null) loadPeaks(id);
  describe();
});
rowsVersion.listen(describe);
playProblem.follow((why) => {
  problem.textContent = why ?? "";
});
said.follow((text) => {
  says.textContent = text;
});
let frame = null;
const tick = () => {
  describe();
  draw();
  frame = playing.value ? requestAnimationFrame(tick) : null;
};
playing.listen((now) => {
  if (now && frame === null) tick();
  if (!now) requestAnimationFrame(() => { describe(); draw(); });
});
