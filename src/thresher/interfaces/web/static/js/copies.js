// Which clips are copies of others. It is asked for after the rows, so that it delays nothing.

import { AGAIN, getMeanwhile } from "./api.js";
import { newest } from "./changes.js";
import { rowsVersion } from "./selection.js";

const LATER = 300; // milliseconds
const AT_ONCE = 200;

const known = new Map(); // id → "copy of 12" or "copied: 12", null if there is no copy
const wanted = new Set();
let timer = null;
let state = 0; // counts the batches of new clips, which may have copies

/** In words, of which clip another one is a copy, or that it has a copy; null if neither, or not known yet. */
export function copyOf(id) {
  if (known.has(id)) return known.get(id);
  wanted.add(id);
  timer ??= setTimeout(fetchCopies, LATER);
  return null;
}

async function fetchCopies() {
  const ids = [...wanted].slice(-AT_ONCE); // what was asked for last is what is on the screen
  const isMore = wanted.size > ids.length;
  const mine = state;
  wanted.clear();
  try {
    const { copies } = await getMeanwhile("/api/copies", { ids: ids.join(",") });
    const found = new Map(copies.map(({ clip, of, is_kept: isKept }) => [clip, isKept ? `copied: ${of}` : `copy of ${of}`]));
    if (mine === state) for (const id of ids) known.set(id, found.get(id) ?? null);
    if (found.size || isMore || mine !== state) rowsVersion.value += 1; // cards that do not know yet ask again
  } catch {
    setTimeout(() => {
      rowsVersion.value += 1; // cards that do not know yet ask again
    }, AGAIN);
  }
  timer = null;
}

let batch = newest.value.batch;
newest.listen((now) => {
  if (now.batch !== batch) {
    known.clear();
    state += 1;
  }
  batch = now.batch;
});
