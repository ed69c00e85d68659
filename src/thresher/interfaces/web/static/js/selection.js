// The clips of the query, and which of them is selected. The rows arrive in pages, as they are needed.

import { get, persist } from "./api.js";
import { newest, OF_LISTS } from "./changes.js";
import { keep as keepInTab, recall } from "./recall.js";
import { Signal } from "./signals.js";

const PAGE = 100;
const ASKED_AT_ONCE = 400;
const AGAIN = 2000; // milliseconds after which rows that could not be read are asked for again
const MOST_ROWS = 6000; // rows that are kept; the others are read again when they are shown

/** The ids that the query found, in its order. */
export const ids = new Signal([]);
/** Whether the server has answered what the query finds. */
export const isFound = new Signal(false);
/** The id of the selected clip, null without one. */
export const selected = new Signal(null);
/** The ids of the clips that are selected together, as on the map; empty where keys mean the selected clip alone. */
export const chosen = new Signal([]);
/** Counts up whenever rows have arrived or changed. */
export const rowsVersion = new Signal(0);
/** Counts up whenever clips were decided about, here or elsewhere, and their rows are read again. */
export const refreshed = new Signal(0);
/** Why there is no list: {error, position, isWrong}; null if it is there. `isWrong` is the query that can't be read, from
 * `position` on. */
export const queryProblem = new Signal(null);

const SELECTED = "thresher selected clip";
const recalled = recall(SELECTED); // the clip that was selected before the page was loaded again
selected.listen((id) => keepInTab(SELECTED, id));

const rows = new Map(); // id → row, the newest last
const stale = new Set(); // ids whose row is shown until a newer one arrives
const wanted = new Set();
const onTheWay = new Set(); // ids whose rows are asked for
let request = null;
let isAsked = false; // whether somebody asked for a list that is not shown yet
let text = null;
let source = null; // resolves to the ids of a view's own list, null for the clips of the query
let places = new Map(); // id → place in the list, for the present list only
const kept = new Map(); // clips that stay in view though the query no longer finds them: id → place in the list
let carried = null; // the clip that a query keeps in view: {id, query}
const released = new Set(); // clips that this page judged: they may leave the list

/** The row of a clip, undefined while it is on its way and if there is no such clip. */
export function rowOf(id) {
  if (id === null || id === undefined) return undefined;
  if (!rows.has(id) || stale.has(id)) ask(id);
  return rows.get(id) ?? undefined;
}

function ask(id) {
  if (wanted.has(id) || onTheWay.has(id)) return;
  wanted.add(id);
  if (wanted.size === 1) setTimeout(fetchRows, 15);
}

async function fetchRows() {
  const batch = [...wanted].slice(-ASKED_AT_ONCE); // what was asked for last is what is on the screen
  wanted.clear();
  const old = batch.filter((id) => stale.delete(id));
  for (const id of batch) onTheWay.add(id);
  for (let first = 0; first < batch.length; first += PAGE) {
    const part = batch.slice(first, first + PAGE);
    try {
      const { clips } = await get("/api/clips/rows", { ids: part.join(",") });
      const found = new Map(clips.map((clip) => [clip.id, clip]));
      for (const id of part) {
        rows.delete(id);
        rows.set(id, found.get(id) ?? null); // null: there is no such clip any more
      }
    } catch {
      for (const id of batch) onTheWay.delete(id);
      for (const id of old) stale.add(id);
      setTimeout(() => {
        rowsVersion.value += 1; // what is on the screen asks again
      }, AGAIN);
      return;
    }
    for (const id of part) onTheWay.delete(id);
    for (const id of rows.keys()) {
      if (rows.size <= MOST_ROWS) break;
      rows.delete(id);
    }
    rowsVersion.value += 1;
  }
}

/** Read the row of a clip unless it is there, as before a clip is played that is not on the screen. Raises ApiError. */
export async function readRow(id) {
  if (rows.has(id)) return;
  const { clips } = await get("/api/clips/rows", { ids: id });
  rows.set(id, clips[0] ?? null);
  rowsVersion.value += 1;
}

/** The place of a clip in the list, -1 if it is not there. */
export const placeOf = (id) => places.get(id) ?? -1;

function setIds(found) {
  places = new Map(found.map((id, place) => [id, place]));
  ids.value = found;
}

/** Ask the server for the clips of a query; the selected clip stays selected where it can. */
export async function find(query, { quietly = false } = {}) {
  isAsked ||= !quietly; // what asks again meanwhile stands for the request that it ends
  request?.abort();
  const mine = new AbortController();
  request = mine;
  if (text !== query) {
    kept.clear();
    released.clear();
    if (carried?.query === query) kept.set(carried.id, 0);
    carried = null;
  }
  text = query;
  const ask = async () => (source ? source({ signal: mine.signal, quietly: !isAsked }) : (await get("/api/clips", { q: query }, mine.signal)).ids);
  const report = ({ message, status, position }) => {
    if (isAsked) queryProblem.value = { error: message, position, isWrong: status === 400 };
    isFound.value = true;
  };
  try {
    const list = await persist(ask, () => request === mine, report);
    if (request !== mine) return; // another list was asked for meanwhile
    queryProblem.value = null;
    show(list, !isAsked);
    isAsked = false;
    isFound.value = true;
  } catch (failure) {
    if (request !== mine) return;
    report(failure);
  }
}

/**
 * Show a list of a view's own instead of the clips of the query; null goes back to them. `own({signal, quietly})` resolves
 * to the ids; the signal ends it once another list is asked for, and `quietly` says that nobody asked for this one.
 */
export function useSource(own) {
  source = own;
  kept.clear();
  released.clear();
  return text === null ? null : find(text);
}

/** Show a clip first in the list of a query, if that is the next one: the clip to which others are compared. */
export function carry(id, query) {
  carried = { id, query };
}

/** Ask again for the clips of the present query. */
export const findAgain = () => (text === null ? null : find(text, { quietly: true }));

function show(found, quietly) {
  const before = ids.value;
  const at = selected.value;
  const inFound = new Set(found);
  // a clip leaves the list under the listener's fingers only if this page judged it
  if (quietly && at !== null && placeOf(at) >= 0 && !inFound.has(at) && !released.has(at)) kept.set(at, placeOf(at));
  const list = withKept(found, inFound);
  for (const id of list) if (rows.get(id) === null) rows.delete(id); // a clip that was gone is back
  const same = list.length === before.length && list.every((id, place) => id === before[place]);
  if (same) return keepSelection(before, quietly);
  setIds(list);
  keepSelection(before, quietly);
}

/** Let clips leave the list, because this page judged them. */
export function release(clips) {
  for (const id of clips) {
    kept.delete(id);
    released.add(id);
  }
}

/** Say that clips were not judged after all. */
export function retain(clips) {
  for (const id of clips) released.delete(id);
}

/** Whether this page judged a clip, so that it may leave the list. */
export const isReleased = (id) => released.has(id);

/** Keep clips in view even if the query no longer finds them, as after an undo: [id, place in the list] each. */
export function keep(clips) {
  for (const [id, place] of clips) {
    released.delete(id);
    kept.set(id, Math.max(0, place));
  }
  if (clips.some(([id]) => placeOf(id) < 0)) setIds(withKept(ids.value, new Set(ids.value)));
}

function withKept(found, known) {
  const missing = [...kept].filter(([id]) => !known.has(id)).sort(([, one], [, other]) => one - other);
  if (!missing.length) return found;
  const merged = [];
  let next = 0;
  for (const [id, place] of missing) {
    while (merged.length < place && next < found.length) merged.push(found[next++]);
    merged.push(id);
  }
  return merged.concat(found.slice(next));
}

/** If the selected clip left, select the one that followed it, else the one before it: never the first of all. */
function keepSelection(before, quietly) {
  const at = selected.value;
  if (at === null) {
    if (!quietly) selected.value = placeOf(recalled) >= 0 ? recalled : (ids.value[0] ?? null);
    return;
  }
  if (placeOf(at) >= 0) return;
  const place = before.indexOf(at);
  const next = before.slice(place + 1).find((id) => placeOf(id) >= 0);
  const previous = before.slice(0, Math.max(0, place)).findLast((id) => placeOf(id) >= 0);
  selected.value = next ?? previous ?? ids.value[0] ?? at; // an empty list leaves it, for the list that follows
}

/** Select the clip `step` places further; returns whether there was one. */
export function move(step) {
  const place = placeOf(selected.value);
  const next = ids.value[place < 0 ? 0 : Math.max(0, Math.min(ids.value.length - 1, place + step))];
  if (next === undefined || next === selected.value) return false;
  selected.value = next;
  return true;
}

/** Read the rows of some clips again; until then their present rows are shown. */
export function refresh(changed) {
  for (const id of changed) stale.add(id);
  rowsVersion.value += 1;
  refreshed.value += 1;
}

const own = new Set(); // decisions of this page, after which it has looked already

/** Say that a decision is this page's own. */
export function expect(decision) {
  if (decision !== null) own.add(decision);
}

/** Whether decisions were made elsewhere, after one and up to another. */
function isElsewhere(after, upTo) {
  for (let decision = after + 1; decision <= upTo; decision += 1) {
    if (!own.delete(decision)) return true;
  }
  return upTo < after;
}

let timer = null;
let before = newest.value;
newest.listen((now) => {
  const isNew = OF_LISTS.some((name) => now[name] !== before[name]);
  const isChanged = isElsewhere(before.decision, now.decision) || isNew;
  const isBack = before.trouble && !now.trouble;
  before = now;
  if ((!isChanged && !isBack) || text === null) return;
  clearTimeout(timer);
  timer = setTimeout(() => {
    refresh(rows.keys());
    findAgain();
  }, 150);
});
