// Duplicates and suspects side by side: one key switches between the two at the same moment of the sound, one keeps what
// is heard and rejects the others.

import { audition } from "../actions.js";
import { get, persist } from "../api.js";
import { shortCheckpointOf, notes, time } from "../card.js";
import { element } from "../element.js";
import { Grid } from "../grid.js";
import { refuse, reject, said, trust } from "../judge.js";
import { action } from "../keys.js";
import { play, playing, position } from "../player.js";
import { rowOf, rowsVersion, selected, useSource } from "../selection.js";
import { place } from "../views.js";

const AGAIN = 400; // milliseconds between two looks whether the pairs are found
const MOST_LANES = 4;
const WORDS = { copy: "copy of", contained: "is part of", shared: "shares a passage with", suspect: "resembles the rejected" };

class PairsView {
  #ids = [];
  #groups = new Map(); // id → the ids of its group, the clip to keep first
  #pairs = [];
  #turn = 0;

  constructor(container) {
    this.container = container;
    this.status = element("div", { class: "status", role: "status" });
    this.lanes = element("div", { class: "lanes" });
    this.keep = element("button", { type: "button", "data-action": "pair-keep", class: "judging", title: "keep the selected clip, reject the others of its group (Shift-y)" }, "Keep this, reject the others");
    const buttons = [
      element("button", { type: "button", "data-action": "pair-switch", title: "hear the other at this moment (y)" }, "A / B"),
      this.keep,
      element("button", { type: "button", onclick: () => this.#load() }, "Look again"),
    ];
    this.head = element("section", { class: "session", "aria-label": "Duplicates" }, this.status, this.lanes, element("div", { class: "plan" }, buttons));
    this.list = element("div", { class: "scroller" });
    container.append(this.head, this.list);
    container.classList.add("split");
    this.grid = new Grid(this.list, undefined, "", () => this.#empty());
    useSource(async () => this.#ids);
    this.ends = [
      action("pair-switch", { keys: ["y"], title: "hear the other at this moment", run: (event) => this.#switch(event) }),
      action("pair-keep", { keys: ["Shift+y"], title: "keep the selected clip, reject the others of its group", run: (event) => this.#keep(event) }),
      selected.listen(() => this.#describe()),
      rowsVersion.listen(() => this.#describe()),
      place.follow(({ view, query }) => view === "duplicates" && query !== this.query && this.#load(query)),
    ];
  }

  #empty() {
    if (this.failure) return ["No clips", `The clips can't be compared: ${this.failure}.`];
    if (!this.isCompared) return ["Comparing clips …", "The first comparison of many clips takes a while; later ones are quick."];
    return ["No duplicates and no suspects", "No clip of the query sounds like another one again, and none resembles rejected clips."];
  }

  async #load(query = place.value.query) {
    this.query = query;
    const mine = (this.asked = Symbol("pairs"));
    const isWanted = () => this.asked === mine && !this.isClosed;
    this.failure = null;
    const report = (failure) => {
      this.failure = this.status.textContent = failure.message;
      rowsVersion.value += 1; // the list says it, too
    };
    try {
      for (;;) {
        const { ready, progress, pairs } = await persist(() => get("/api/duplicates", { q: query }), isWanted, report);
        if (!isWanted()) return;
        this.failure = null;
        if (ready) {
          this.#show(pairs);
          return;
        }
        this.status.textContent = `comparing clips: ${Math.round(progress * 100)} %`;
        await new Promise((resolve) => setTimeout(resolve, AGAIN));
      }
    } catch (failure) {
      if (isWanted()) report(failure);
    }
  }

  async #show(pairs) {
    this.isCompared = true;
    this.#pairs = pairs;
    this.#groups.clear();
    notes.clear();
    for (const { first, second, kind } of pairs) {
      const group = this.#groups.get(first) ?? [first];
      this.#groups.set(first, group);
      if (this.#groups.has(second)) continue; // it stands with another clip already
      group.push(second);
      this.#groups.set(second, group);
      if (kind === "suspect") notes.set(first, `${WORDS.suspect} ${second}`);
      else notes.set(second, `${WORDS[kind]} ${first}`);
    }
    this.#ids = [...new Set(this.#groups.values())].flatMap((group) => (group.length > 1 ? group : []));
    const kinds = Object.groupBy(pairs, ({ kind }) => (kind === "suspect" ? "suspects" : kind === "copy" ? "copies" : "shared passages"));
    const counts = Object.entries(kinds).map(([kind, { length }]) => `${length} ${kind}`);
    this.status.textContent = counts.join(", ") || "no duplicates and no suspects among the clips of the query";
    await useSource(async () => this.#ids);
    if (this.isClosed) return;
    rowsVersion.value += 1; // a list that stays empty says why
    if (this.#ids.length && !this.#ids.includes(selected.value)) [selected.value] = this.#ids;
    this.#describe();
  }

  /** The clips that the selected one is paired with: {id, offset}, the time in the selected clip at which they begin. */
  #partners(id) {
    return this.#pairs.flatMap(({ first, second, offset, kind }) => {
      if (first === id) return [{ id: second, offset, kind }];
      return second === id ? [{ id: first, offset: offset === null ? null : -offset, kind }] : [];
    });
  }

  #switch(event) {
    const id = selected.value;
    const partners = this.#partners(id);
    if (partners.length === 0) {
      refuse("this clip has no duplicate here");
      return;
    }
    // from the clip to keep, one copy after the other; from a copy, back
    const other = partners[this.#turn % partners.length];
    if (partners.length > 1) this.#turn += 1;
    const now = playing.value?.id === id ? position() : Math.max(0, other.offset ?? 0);
    const at = Math.max(0, Math.min(now - (other.offset ?? 0), (rowOf(other.id)?.seconds ?? 0) - 0.05));
    selected.value = other.id;
    play(other.id, at, event);
    said.value = `clip ${other.id} at ${time(at)}`;
  }

  async #keep(event) {
    const id = selected.value;
    if (event.repeat) return;
    if (!this.#groups.has(id)) {
      refuse("this clip has no duplicate here");
      return;
    }
    const group = this.#groups.get(id);
    const after = this.#ids[this.#ids.indexOf(group.at(-1)) + 1];
    const isSuspect = this.#pairs.some(({ first, kind }) => first === id && kind === "suspect");
    const others = group.filter((each) => each !== id && !rowOf(each)?.rejected);
    if (isSuspect && (await trust([id])) === null) return; // it was refused
    if (others.length && (await reject(others)) === null) return;
    if (after === undefined || selected.value !== id || this.isClosed) return;
    selected.value = after;
    audition(event);
  }

  /** Draw the group of the selected clip as lanes on one axis of time. */
  #describe() {
    const id = selected.value;
    const others = (this.#groups.get(id) ?? []).filter((each) => each !== id && !rowOf(each)?.rejected);
    this.keep.textContent = others.length === 1 ? "Keep this, reject the other" : `Keep this, reject the ${others.length ? `${others.length} ` : ""}others`;
    const related = this.#groups.has(id) ? [{ id, offset: 0 }, ...this.#partners(id)] : [];
    const members = related.filter((each) => rowOf(each.id)?.seconds);
    const begin = Math.min(0, ...members.map(({ offset }) => offset ?? 0));
    const end = Math.max(1, ...members.map((each) => (each.offset ?? 0) + rowOf(each.id).seconds));
    const key = members.map((each) => `${each.id} ${rowOf(each.id).rejected}`).join(",");
    if (key === this.drawn) return;
    this.drawn = key;
    this.lanes.replaceChildren(...members.slice(0, MOST_LANES).map((each) => this.#lane(each, begin, end)));
    if (members.length > MOST_LANES) this.lanes.append(element("p", { class: "facts" }, `and ${members.length - MOST_LANES} more clips that share sound with clip ${id}`));
  }

  #lane({ id, offset }, begin, end) {
    const row = rowOf(id);
    const image = element("img", { src: `/thumbnails/${id}`, alt: "", draggable: "false" });
    image.style.left = `${(100 * ((offset ?? 0) - begin)) / (end - begin)}%`;
    image.style.width = `${(100 * row.seconds) / (end - begin)}%`;
    const name = `${id} · ${shortCheckpointOf(row)} · ${time(row.seconds)}${row.rejected ? " · rejected" : ""}`;
    return element("div", { class: "lane" }, element("span", { class: "line" }, name), element("div", { class: "track" }, image));
  }

  close() {
    this.isClosed = true;
    notes.clear();
    for (const end of this.ends) end();
    this.grid.close();
    this.container.classList.remove("split");
    useSource(null);
  }
}

export function show(container) {
  const view = new PairsView(container);
  return () => view.close();
}
