// What stands beside the map: what can be done with the clips that are selected on it, and its twin as a list.

import { shortCheckpointOf, time } from "./card.js";
import { element } from "./element.js";
import { refuse } from "./judge.js";
import { ACTIONS, keyText } from "./keys.js";
import { play } from "./player.js";
import { ids, rowOf, selected } from "./selection.js";
import { go } from "./views.js";

const LISTED = 200;
const LONGEST_QUERY = 20_000; // characters that the server reads

/** A button that does an action. */
export function actionButton(name, face) {
  const { title, keys } = ACTIONS.get(name);
  const words = `${title} (${keyText(keys.at(-1))})`;
  return element("button", { type: "button", "data-action": name, title: words, "aria-label": words }, face);
}

function showAsClips(chosen) {
  const query = chosen.join(" ");
  if (query.length > LONGEST_QUERY) refuse("these are too many clips for one query; select fewer");
  else go({ view: "clips", query });
}

/** The buttons for the clips that are selected together. They do what their keys do. */
export function chosenButtons(chosen) {
  const rating = [1, 2, 3, 4, 5].map((each) => actionButton(`rate-${each}`, `${each}★`));
  return [
    `${chosen.length.toLocaleString("en")} selected `,
    ...rating.map((each) => { each.classList.add("judging"); return each; }),
    ...[actionButton("reject", "Reject"), actionButton("tag", "Tag"), actionButton("note", "Note")].map((each) => { each.classList.add("judging"); return each; }),
    actionButton("download", "Download"),
    element("button", { type: "button", onclick: () => showAsClips(chosen) }, "Show as clips"),
    actionButton("map-none", "Clear"),
  ];
}

/** The clips of the map as a list, for keyboard and screen reader: each can be played, and added to the selection. */
export class MapList {
  #drawn = [];

  /** `pick` adds a clip to the selection or takes it out. */
  constructor(pick) {
    this.pick = pick;
    this.list = element("ol", { class: "twin", "aria-label": "Clips of the map" });
    this.rest = element("p", { class: "map-says" });
    this.node = element("details", { ontoggle: () => this.show(this.#drawn, this.chosen ?? []) }, element("summary", {}, "As a list"), this.list, this.rest);
  }

  /** Show the first clips, in the order of the query, of those that are drawn. */
  show(drawn, chosen) {
    this.#drawn = drawn;
    this.chosen = chosen;
    if (!this.node.open) return;
    const known = new Set(drawn);
    const isChosen = new Set(chosen);
    const shown = ids.value.filter((id) => known.has(id));
    const focused = document.activeElement?.closest?.(".twin [data-clip]")?.dataset.clip;
    const control = document.activeElement?.localName; // the one that selects or the one that plays
    this.list.replaceChildren(...shown.slice(0, LISTED).map((id) => this.#line(id, isChosen.has(id))));
    if (focused) this.list.querySelector(`[data-clip="${focused}"] ${control}`)?.focus();
    this.rest.textContent = shown.length > LISTED ? `and ${(shown.length - LISTED).toLocaleString("en")} more; a query narrows them down` : "";
  }

  #line(id, isChosen) {
    const row = rowOf(id);
    const words = row ? `clip ${id} · ${shortCheckpointOf(row)} · ${time(row.seconds)}${row.rating ? ` · ${"★".repeat(row.rating)}` : ""}${row.rejected ? " · rejected" : ""}` : `clip ${id}`;
    const listen = element("button", { type: "button", onclick: (event) => { selected.value = id; play(id, 0, event); }, "aria-current": selected.value === id ? "true" : null }, words);
    const pick = element("input", { type: "checkbox", checked: isChosen, "aria-label": `select clip ${id}`, onchange: () => this.pick(id) });
    return element("li", { "data-clip": id }, pick, listen);
  }
}
