// The player at the bottom: buttons, the pictures of the selected clip, volume, speed, loudness and output.

import { advance, goOn } from "./actions.js";
import { checkpointOf, shortCheckpointOf, time } from "./card.js";
import { earsOnly } from "./confirm.js";
import { dragOut } from "./downloads.js";
import { element } from "./element.js";
import { said } from "./judge.js";
import { ACTIONS, action, keyText } from "./keys.js";
import { readable } from "./names.js";
import { outputField } from "./outputs.js";
import { playing, playProblem, position } from "./player.js";
import { loop, matched, speed, volume } from "./player_settings.js";
import { picture } from "./sound_picture.js";
import { rowOf, rowsVersion, selected } from "./selection.js";
import { waiting } from "./waiting.js";

const SAID = 12_000; // milliseconds for which a sentence stays

const bar = document.getElementById("player");
const says = document.querySelector("#says .says-text");
const about = element("span", { class: "about", draggable: "true", ondragstart: (event) => dragOut(event, selected.value) });
const clock = element("span", { class: "clock" });
const problem = element("span", { class: "problem", role: "alert" });

function button(name, face, className = null) {
  const { title, keys } = ACTIONS.get(name);
  const words = `${title} (${keyText(keys.at(-1))})`;
  return element("button", { type: "button", class: className, "data-action": name, title: words, "aria-label": words }, face);
}

function toggle(name, face, signal) {
  const made = button(name, face);
  signal.follow((value) => made.setAttribute("aria-pressed", String(value)));
  return made;
}

function slider(title, signal, least, most, step) {
  const field = element("input", { type: "range", min: least, max: most, step, oninput: () => { signal.value = Number(field.value); } });
  signal.follow((value) => {
    field.value = value;
    field.setAttribute("aria-valuetext", title === "Speed" ? `${value} times` : `${Math.round(value * 100)} %`);
  });
  return element("label", { class: "slider" }, title, field);
}

/** On a narrow screen, the less frequent buttons are shown when they are asked for. */
function more() {
  const isOpen = bar.classList.toggle("open");
  for (const each of bar.querySelectorAll("[data-action=more]")) each.setAttribute("aria-expanded", String(isOpen));
}
action("more", { keys: ["Shift+b"], title: "narrow screens: show the other buttons, or hide them", run: more });

const group = (label, className, ...buttons) => element("div", { class: `group ${className}`, role: "group", "aria-label": label }, buttons.flat());

const STARS = [1, 2, 3, 4, 5];
const stars = STARS.map((rating) => button(`rate-${rating}`, "☆", "star"));
const playButton = button("play", "▶", "play");
const sliders = element("div", { class: "group modes" }, slider("Volume", volume, 0, 1, 0.01), slider("Speed", speed, 0.5, 2, 0.05), outputField);

bar.append(
  element("div", { class: "controls" },
    group("Play", "", button("previous", "▲"), playButton, button("next", "▼"),
      button("reject", "✗", "judging narrow"), button("undo", "↶", "judging narrow"), button("more", "⋯", "narrow")),
    group("Rate", "judging", stars, button("rate-0", "0")),
    group("Judge", "judging wide", button("reject", "✗ Reject", "wide"), button("undo", "↶", "wide"), button("redo", "↷"), button("tag", "Tag"), button("note", "Note")),
    group("Cut", "judging wide", button("mark", "Mark"), button("split", "Split"), button("download", "File")),
    group("Find", "wide", button("like", "Like this"), button("like-moment", "Like this moment"), button("unheard", "Unheard")),
  ),
  picture,
  element("div", { class: "foot" },
    element("div", { class: "now" }, about, " ", problem),
    group("Modes", "modes", toggle("advance", "Play on", advance), toggle("go-on", "Go on", goOn), toggle("ears", "Ears only", earsOnly), toggle("match", "Match loudness", matched)),
    sliders,
    clock,
  ),
);
function describe() {
  const clip = selected.value === null ? null : rowOf(selected.value);
  stars.forEach((star, place) => {
    star.textContent = place < (clip?.rating ?? 0) ? "★" : "☆";
  });
  about.textContent = clip ? [`clip ${clip.id}`, clip.place, shortCheckpointOf(clip), readable(clip.path ?? "")].filter(Boolean).join(" · ") : selected.value === null ? "no clip is selected" : `clip ${selected.value}`;
  about.title = clip ? `${checkpointOf(clip)}\n${readable(clip.path ?? "")}\n(drag it out as a file)` : ""; // long names are cut
  showTime();
}

/** Write only what changed: this runs in each frame while a clip plays. */
function showTime() {
  const clip = selected.value === null ? null : rowOf(selected.value);
  const text = clip ? timeText(clip) : "";
  if (text !== clock.textContent) clock.textContent = text;
}

function timeText(clip) {
  const region = loop.value ? ` · region ${time(loop.value.from)} to ${time(loop.value.to)}` : "";
  return `${time(playing.value?.id === clip.id ? Math.min(position(), clip.seconds ?? 0) : 0)} / ${time(clip.seconds)}${region}`;
}

for (const signal of [selected, rowsVersion, loop]) signal.follow(describe);
playProblem.follow((why) => {
  problem.textContent = why ?? "";
});
let silence = null;
said.follow((text) => {
  says.textContent = text;
  clearTimeout(silence);
  if (text) silence = setTimeout(() => { said.value = ""; }, SAID);
});
waiting.listen((isLong) => {
  document.querySelector("#says .says-wait").textContent = isLong ? "waiting for the server …" : "";
});
playing.follow((now) => {
  playButton.textContent = now ? "■" : "▶";
});
let frame = null;
const tick = () => {
  showTime();
  frame = playing.value ? requestAnimationFrame(tick) : null;
};
playing.listen((now) => {
  if (now && frame === null) tick();
  else if (!now) describe();
});
