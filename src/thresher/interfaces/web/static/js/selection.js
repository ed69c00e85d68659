// The clips of the query, and which of them is selected. The rows arrive in pages, as they are needed.

import { get } from "./api.js";
import { newest } from "./changes.js";
import { Signal } from "./signals.js";

const PAGE = 100;

/** The ids that the query found, in its order. */
export const ids = new Signal([]);
/** The id of the selected clip, null without one. */
export const selected = new Signal(null);
/** Counts up whenever rows have arrived or changed. */
export const rowsVersion = new Signal(0);
/** The sentence of a query that can't be read, and where it is wrong: {error, position}; null if it is fine. */
export const queryProblem = new Signal(null);

const rows = new Map();
const wanted = new Set();
let request = null;
let text = null;
let kept = new Set(); // clips that stay in view though the query no longer finds them

/** The row of a clip, undefined while it is on its way. */
export function rowOf(id) {
  if (!rows.has(id)) ask(id);
  return rows.get(id);
}

function ask(id) {
  wanted.add(id);
  if (wanted.size === 1) queueMicrotask(() => setTimeout(fetchRows, 15));
}

async function fetchRows() {
  const batch = [...wanted].slice(-PAGE * 4); // what was asked for last is what is on the screen
  wanted.clear();
  for (let first = 0; first < batch.length; first += PAGE) {
    const part = batch.slice(first, first + PAGE);
    try {
      const { clips } = await get("/api/clips/rows", { ids: part.join(",") });
      for (const clip of clips) rows.set(clip.id, clip);
    } catch {
      return; // asked for again when it is drawn again
    }
    rowsVersion.value += 1;
  }
}

/** Ask the server for the clips of a query; the selected clip stays selected where it can. */
export async function find(query, { quietly = false } = {}) {
  request?.abort();
  request = new AbortController();
  if (text !== query) kept = new Set();
  text = query;
  try {
    const found = await get("/api/clips", { q: query }, request.signal);
    queryProblem.value = null;
    const before = ids.value;
    ids.value = withKept(found.ids, before);
    keepSelection(before, quietly);
  } catch (failure) {
    if (failure.name === "AbortError") return;
    if (!quietly) queryProblem.value = { error: failure.message, position: failure.position };
  }
}

/** Keep a clip in view even if the query no longer finds it, as after an undo. */
export function keep(id) {
  kept.add(id);
  if (!ids.value.includes(id)) ids.value = withKept(ids.value, [id, ...ids.value]);
}

function withKept(found, before) {
  const known = new Set(found);
  const missing = [...kept].filter((id) => !known.has(id));
  if (!missing.length) return found;
  const merged = [...found];
  for (const id of missing) {
    const place = before.indexOf(id);
    merged.splice(place < 0 ? 0 : Math.min(place, merged.length), 0, id);
  }
  return merged;
}

/** If the selected clip left, select the one that followed it, else the one before it: never the first of all. */
function keepSelection(before, quietly) {
  const now = new Set(ids.value);
  if (selected.value === null) {
    if (!quietly) selected.value = ids.value[0] ?? null;
    return;
  }
  if (now.has(selected.value)) return;
  const place = before.indexOf(selected.value);
  const next = before.slice(place + 1).find((id) => now.has(id));
  const previous = before.slice(0, Math.max(0, place)).findLast((id) => now.has(id));
  selected.value = next ?? previous ?? ids.value[0] ?? null;
}

/** Select the clip `step` places further; returns whether there was one. */
export function move(step) {
  const place = ids.value.indexOf(selected.value);
  const next = ids.value[place < 0 ? 0 : Math.max(0, Math.min(ids.value.length - 1, place + step))];
  if (next === undefined || next === selected.value) return false;
  selected.value = next;
  return true;
}

/** Forget the rows of some clips, so that they are read again. */
export function refresh(changed) {
  for (const id of changed) rows.delete(id);
  rowsVersion.value += 1;
}

let timer = null;
let before = newest.value;
newest.listen((now) => {
  const isChanged = now.decision !== before.decision || now.clip !== before.clip || now.batch !== before.batch;
  before = now;
  if (!isChanged || text === null) return;
  clearTimeout(timer);
  timer = setTimeout(() => {
    refresh(rows.keys());
    find(text, { quietly: true });
  }, 150);
});
