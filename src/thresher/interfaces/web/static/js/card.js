// The card of one clip. A card is made once and filled again with other clips while the grid scrolls.

import { copyOf } from "./copies.js";
import { dragOut } from "./downloads.js";
import { element } from "./element.js";
import { readable, shortened } from "./names.js";
import { play, playing, position, problems } from "./player.js";
import { rowOf, selected } from "./selection.js";
import { showThumbnail } from "./thumbnails.js";

/** Seconds as m:ss.t */
export function time(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  const minutes = Math.floor(seconds / 60);
  const rest = (seconds - minutes * 60).toFixed(1).padStart(4, "0");
  return `${minutes}:${rest}`;
}

const epochOf = ({ epoch, step }) => [epoch === null ? null : `e${epoch}`, step === null ? null : `i${step}`].filter((part) => part !== null).join(" ");

/** The checkpoint of a clip as the terminal writes it: "run7 e40 i1200". */
export function checkpointOf(clip) {
  return [clip.run === null ? "" : readable(clip.run), epochOf(clip)].filter(Boolean).join(" ") || "no checkpoint";
}

/** The checkpoint of a clip with at most a part of the name of its run, for a line with other text. */
export function shortCheckpointOf(clip) {
  return checkpointOf({ ...clip, run: clip.run && shortened(clip.run) });
}

const STARS = ["", "★", "★★", "★★★", "★★★★", "★★★★★"];

/** What a view says about clips in their cards: id → text. */
export const notes = new Map();

function flagsOf(clip) {
  const flags = [
    notes.get(clip.id),
    clip.missing ? "missing" : null,
    clip.rejected ? "rejected" : null,
    clip.suspect ? "suspect" : null,
    copyOf(clip.id),
    clip.status === "ok" ? null : clip.status.replace("_", " "),
    clip.place ?? (clip.kind === "whole" ? null : clip.kind),
    clip.heard ? null : "new",
  ];
  return [...new Set(flags.filter(Boolean))]; // a view may say of a copy what the card says anyway
}

export class Card {
  constructor() {
    this.id = null;
    this.picture = element("img", { alt: "", draggable: "false", width: 240, height: 64, decoding: "async" });
    this.picture.addEventListener("nothumbnail", (event) => this.#explain(event.detail));
    this.picture.addEventListener("load", () => {
      if (!problems.has(this.id)) this.problem.hidden = true; // it could be loaded after all
    });
    this.cursor = element("span", { class: "cursor", hidden: true });
    this.problem = element("span", { class: "why", hidden: true });
    this.screen = element("span", { class: "screen", onclick: (event) => this.#playFrom(event) }, this.picture, this.cursor, this.problem);
    this.run = element("span", { class: "run" });
    this.epoch = element("span", { class: "epoch" });
    this.file = element("span", { class: "file" });
    this.name = element("span", { class: "name" }, element("span", { class: "checkpoint" }, this.run, " ", this.epoch), this.file);
    this.facts = element("span", { class: "facts" });
    this.stars = element("span", { class: "stars" });
    this.flags = element("span", { class: "flags" });
    this.node = element(
      "div",
      { class: "card", role: "option", draggable: "true", onclick: () => this.#select(), ondragstart: (event) => dragOut(event, this.id) },
      this.screen,
      element("span", { class: "line" }, this.name, this.stars),
      element("span", { class: "line" }, this.facts, this.flags),
    );
  }

  /** Forget the clip, so that the card can show another one. */
  clear() {
    this.id = null;
    this.state = null;
  }

  /** Move the card, in CSS pixels of the grid. */
  moveTo(left, top, width) {
    if (width !== this.width) {
      this.width = width;
      this.node.style.width = `${width}px`;
    }
    const spot = `translate(${left}px, ${top}px)`;
    if (spot === this.spot) return;
    this.spot = spot;
    this.node.style.transform = spot;
  }

  /** Show a clip; `place` is its place in the list, from 1. */
  fill(id, place, count) {
    const clip = rowOf(id);
    const state = [id, place, count, clip, selected.value === id, playing.value?.id === id, notes.get(id), problems.get(id), copyOf(id)];
    if (this.state?.every((part, at) => Object.is(part, state[at]))) return; // while scrolling, most cards stay as they are
    const isNew = id !== this.id;
    if (this.problematic && !problems.has(id)) this.pictured = null; // it can be played after all
    this.problematic = problems.has(id);
    this.state = state;
    this.id = id;
    this.node.id = `clip-${id}`;
    this.node.setAttribute("aria-setsize", count);
    this.node.setAttribute("aria-posinset", place);
    this.node.setAttribute("aria-selected", String(selected.value === id));
    this.node.classList.toggle("selected", selected.value === id);
    this.node.classList.toggle("playing", playing.value?.id === id);
    if (isNew) {
      this.picture.removeAttribute("src");
      this.problem.hidden = true;
      this.pictured = null;
    }
    if (clip && this.pictured !== clip.missing) {
      this.pictured = clip.missing;
      this.problem.hidden = true;
      if (clip.missing || !clip.seconds) this.#explain();
      else showThumbnail(this.picture, id, () => this.id === id && this.node.isConnected);
    }
    if (problems.has(id)) this.#explain();
    if (!clip) {
      this.node.classList.add("waiting");
      this.node.classList.remove("rejected");
      this.node.setAttribute("aria-label", `clip ${id}`);
      this.node.removeAttribute("title");
      for (const part of [this.run, this.epoch, this.file, this.facts, this.stars, this.flags]) part.textContent = "";
      return;
    }
    this.node.classList.remove("waiting");
    this.node.classList.toggle("rejected", clip.rejected);
    this.epoch.textContent = epochOf(clip);
    this.run.textContent = clip.run !== null ? readable(clip.run) : this.epoch.textContent ? "" : "no checkpoint";
    this.file.textContent = readable(clip.path?.split("/").at(-1) ?? "");
    this.facts.textContent = [`${id}`, time(clip.seconds), clip.tags.map((tag) => readable(`#${tag}`)).join(" ")].filter(Boolean).join(" · ");
    this.stars.textContent = STARS[clip.rating ?? 0];
    this.flags.replaceChildren(...flagsOf(clip).map((flag) => element("span", { class: "flag", "data-flag": flag, title: flag }, flag)));
    const rating = clip.rating === null ? "not rated" : `${clip.rating} of 5`;
    this.node.setAttribute("aria-label", `clip ${id}, ${checkpointOf(clip)}, ${time(clip.seconds)}, ${rating}, ${flagsOf(clip).join(", ")}`);
    this.node.title = `${checkpointOf(clip)}\n${readable(clip.path ?? "")}`;
  }

  /** Say in the card why there is no picture or no sound. */
  #explain(reason = null) {
    const clip = rowOf(this.id);
    const why = clip?.missing ? "the file is missing" : clip && !clip.seconds ? `no sound: ${clip.status.replace("_", " ")}` : reason;
    this.problem.textContent = problems.get(this.id) ?? why;
    this.problem.hidden = false;
  }

  /** Move the line that shows where the sound is. */
  follow() {
    const isPlaying = playing.value?.id === this.id;
    this.cursor.hidden = !isPlaying;
    const seconds = rowOf(this.id)?.seconds;
    if (isPlaying && seconds) this.cursor.style.left = `${Math.min(100, (100 * position()) / seconds)}%`;
  }

  #select() {
    selected.value = this.id;
  }

  #playFrom(event) {
    const box = this.screen.getBoundingClientRect();
    const share = Math.max(0, Math.min(1, (event.clientX - box.left) / box.width));
    selected.value = this.id;
    play(this.id, share * (rowOf(this.id)?.seconds ?? 0), event);
  }
}
