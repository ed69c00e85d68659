// "More like this moment": the clips in which a moment of a clip occurs, then those that sound like it. The moment is
// the selected region, or what is around the sound; its address is that of the view Clips with near, at and length.

import { get } from "./api.js";
import { notes, time } from "./card.js";
import { element } from "./element.js";
import { refuse, said, withoutSound } from "./judge.js";
import { playing, position } from "./player.js";
import { loop } from "./player_settings.js";
import { rowOf, rowsVersion, selected, useSource } from "./selection.js";
import { go, place } from "./views.js";

const LENGTH = 5; // seconds
const SHORTEST = 0.1;
const LONGEST = 120;

/** Where clips begin to play when they are auditioned: id → seconds. */
export const starts = new Map();

/** The values of an address without a moment. */
export const NO_MOMENT = { near: null, at: null, length: null };

/** The moment of an address: {near, at, length}; null if there is none. */
export function momentOf({ values }) {
  const near = Number(values.get("near"));
  if (!Number.isInteger(near) || near < 1) return null;
  return { near, at: Number(values.get("at")) || 0, length: Number(values.get("length")) || LENGTH };
}

/** The moment that is selected or heard now, as {from, to} in seconds of the clip. */
function momentNow(id, seconds) {
  if (loop.value) return loop.value;
  const heard = playing.value?.id === id ? position() : LENGTH / 2;
  const from = Math.max(0, Math.min(heard - LENGTH / 2, seconds - LENGTH));
  return { from, to: Math.min(seconds, from + LENGTH) };
}

/** Go to the clips like the moment that is selected or heard now. */
export function likeMoment() {
  const id = selected.value;
  const seconds = rowOf(id)?.seconds;
  if (!seconds) {
    refuse(withoutSound(id));
    return;
  }
  const { from, to } = momentNow(id, seconds);
  const length = Math.max(SHORTEST, Math.min(LONGEST, to - from));
  said.value = `looking for clips like ${time(from)} to ${time(from + length)} of clip ${id} …`;
  go({ view: "clips", query: "", values: { near: id, at: from.toFixed(2), length: length.toFixed(2) } });
}

/** The ids of the clips most similar to a moment, its own clip first. */
async function found({ near, at, length }, { signal, quietly }) {
  const { neighbours } = await get(`/api/clips/${near}/moment`, { at, length }, signal);
  signal.throwIfAborted(); // another list is shown
  notes.clear();
  starts.clear();
  starts.set(near, at);
  notes.set(near, `the moment at ${time(at)}`);
  for (const each of neighbours) {
    if (each.at !== null) starts.set(each.clip, each.at);
    notes.set(each.clip, each.at === null ? `${Math.round(100 * each.score)} % alike` : `has it at ${time(each.at)}`);
  }
  rowsVersion.value += 1;
  const same = neighbours.filter((each) => each.at !== null).length;
  const occurs = same ? `the moment occurs in ${same} ${same === 1 ? "clip" : "clips"}, ` : "";
  if (!quietly) said.value = `${occurs}${neighbours.length - same} sound like it`;
  return [near, ...neighbours.map(({ clip }) => clip)];
}

function forget() {
  notes.clear();
  starts.clear();
}

/** Show the moment of the address while the view Clips is open; `line` says what is shown. Returns its end. */
export function followMoment(line) {
  let shown = null;
  const end = place.follow((now) => {
    const moment = momentOf(now);
    const key = moment && JSON.stringify(moment);
    if (key === shown) return;
    shown = key;
    line.hidden = moment === null;
    forget();
    if (moment) {
      const { near, at, length } = moment;
      const all = element("button", { type: "button", onclick: () => go({ query: "", values: NO_MOMENT }) }, "All clips");
      line.replaceChildren(`Like ${time(at)} to ${time(at + length)} of clip ${near} `, all);
      useSource((asked) => found(moment, asked));
    } else useSource(null);
  });
  return () => {
    end();
    if (shown === null) return;
    forget();
    useSource(null);
  };
}
