// The actions that every view has: audition, judge, seek, undo.

import { element } from "./element.js";
import { heard, note, redo, reject, rate, said, tag, undo, unreject } from "./judge.js";
import { ACTIONS, action } from "./keys.js";
import { ended, play, playing, position, prefetch, stop } from "./player.js";
import { ids, move, rowOf, selected } from "./selection.js";
import { Signal } from "./signals.js";
import { go, place, VIEWS } from "./views.js";

const SEEK = 2; // seconds

/** Whether the next clip plays by itself at the end of one. */
export const advance = new Signal(false);

const here = () => (selected.value === null ? [] : [selected.value]);

function audition(event) {
  if (selected.value !== null) play(selected.value, 0, event);
  const at = ids.value.indexOf(selected.value);
  prefetch([ids.value[at + 1], ids.value[at + 2], ids.value[at - 1]].filter((id) => id !== undefined));
}

function step(by) {
  return (event) => {
    if (move(by)) audition(event);
  };
}

function seek(by) {
  return (event) => {
    const id = playing.value?.id ?? selected.value;
    if (id === null) return;
    const length = rowOf(id)?.seconds ?? 0;
    play(id, Math.max(0, Math.min(length - 0.05, (position() ?? 0) + by)), event);
  };
}

async function rated(rating, event) {
  const clips = here();
  if (clips.length === 0) return;
  await rate(clips, rating);
  if (rating && advance.value) step(1)(event);
}

async function rejected(event) {
  if (event.repeat) return;
  const clips = here();
  if (clips.length === 0) return;
  const at = ids.value.indexOf(clips[0]);
  const next = ids.value[at + 1];
  await reject(clips);
  if (advance.value && next !== undefined) {
    selected.value = next;
    audition(event);
  }
}

function nextUnheard(event) {
  const at = ids.value.indexOf(selected.value);
  const order = [...ids.value.slice(at + 1), ...ids.value.slice(0, Math.max(0, at))];
  const next = order.find((id) => rowOf(id) && !rowOf(id).heard);
  if (next === undefined) {
    said.value = "no unheard clip is loaded; heard:no in the query finds the others";
    return;
  }
  selected.value = next;
  audition(event);
}

/** Ask for a line of text in a dialog; resolves to null if it was cancelled. */
export function ask(title, value = "") {
  return new Promise((resolve) => {
    const field = element("input", { type: "text", value, "aria-label": title });
    const form = element("form", { method: "dialog" }, element("label", {}, title, field), element("button", { value: "yes" }, "OK"), element("button", { value: "" , formnovalidate: true }, "Cancel"));
    const dialog = element("dialog", { class: "ask" }, form);
    field.addEventListener("keydown", (event) => {
      if (event.key === "Enter") {
        event.preventDefault();
        dialog.close("yes");
      }
    });
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes" ? field.value : null);
    });
    document.body.append(dialog);
    dialog.showModal();
    field.select();
  });
}

async function tagged() {
  const clips = here();
  if (!clips.length) return;
  const text = await ask("Tags, with commas; -name removes one", "");
  const names = (text ?? "").split(",").map((name) => name.trim()).filter(Boolean);
  const remove = names.filter((name) => name.startsWith("-")).map((name) => name.slice(1));
  const add = names.filter((name) => !name.startsWith("-"));
  if (names.length) await tag(clips, add, remove);
}

async function annotated() {
  const clips = here();
  if (!clips.length) return;
  const text = await ask("Note", rowOf(clips[0])?.note ?? "");
  if (text !== null) await note(clips, text);
}

function help() {
  const rows = [...ACTIONS.values()].map(({ keys, title, run }) =>
    element("li", {}, element("kbd", {}, keys.map((key) => key.replace("Digit", "").replace("Arrow", "")).join(" ")), element("button", { type: "button", onclick: (event) => { dialog.close(); run(event); } }, title)),
  );
  const dialog = element("dialog", { class: "help", "aria-label": "Keys" }, element("h2", {}, "Keys"), element("ul", {}, rows), element("form", { method: "dialog" }, element("button", {}, "Close")));
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

action("next", { keys: ["ArrowDown", "j"], title: "next clip", run: step(1) });
action("previous", { keys: ["ArrowUp", "k"], title: "previous clip", run: step(-1) });
action("play", { keys: [" "], title: "play or stop", run: (event) => (playing.value ? stop() : audition(event)) });
action("stop", { keys: ["Escape"], title: "stop", run: stop });
action("forward", { keys: ["ArrowRight"], title: "seek forward", run: seek(SEEK) });
action("back", { keys: ["ArrowLeft"], title: "seek back", run: seek(-SEEK) });
for (let rating = 1; rating <= 5; rating += 1) {
  action(`rate-${rating}`, { keys: [`Digit${rating}`], title: `rate ${rating}`, run: (event) => rated(rating, event) });
}
action("rate-0", { keys: ["Digit0"], title: "clear the rating", run: (event) => rated(null, event) });
action("reject", { keys: ["x"], title: "reject", run: rejected });
action("unreject", { keys: ["Shift+x"], title: "show a rejected clip again", run: () => unreject(here()) });
action("undo", { keys: ["u"], title: "undo this page's latest decision", run: undo });
action("redo", { keys: ["Shift+u"], title: "redo", run: redo });
action("tag", { keys: ["t"], title: "tag", run: tagged });
action("note", { keys: ["n"], title: "note", run: annotated });
action("like", {
  keys: ["l"],
  title: "more like this clip",
  run: () => selected.value !== null && go({ view: "clips", query: `near:${selected.value}` }),
});
action("cluster", {
  keys: ["c"],
  title: "clips of the same cluster",
  run: () => selected.value !== null && go({ view: "clips", query: `cluster:${rowOf(selected.value)?.cluster ?? 0}` }),
});
action("unheard", { keys: ["h"], title: "next unheard clip", run: nextUnheard });
action("advance", {
  keys: ["a"],
  title: "play on after each clip, or not",
  run: () => {
    advance.value = !advance.value;
    said.value = advance.value ? "plays on by itself" : "stops after each clip";
  },
});
action("search", { keys: ["/"], title: "search", run: () => document.getElementById("query").focus() });
action("help", { keys: ["?"], title: "keys", run: help });
for (const [name, { title, key }] of VIEWS) {
  action(`view-${name}`, { keys: [key], title: `view: ${title}`, run: () => go({ view: name, query: place.value.query }) });
}

ended.addEventListener("ended", ({ detail: id }) => {
  heard(id);
  if (advance.value && selected.value === id && move(1)) audition(null);
});
