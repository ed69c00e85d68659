// Which clips are new since the last visit of this browser.

import { newest } from "./changes.js";
import { room } from "./room.js";

let before = null; // the newest clip of the last visit

const kept = (store, key) => {
  try {
    const found = Number(store.getItem(key) ?? NaN);
    return Number.isFinite(found) ? found : null;
  } catch {
    return null;
  }
};
const keep = (store, key, id) => {
  try {
    store.setItem(key, String(id));
  } catch {
    // nothing may be stored: then no clip is new
  }
};
const keyOf = ({ folder }) => `thresher newest clip of ${folder}`;

/** Whether a clip came after the last visit. At the first visit, none is new. */
export const isNewClip = (id) => before !== null && id > before;

room.listen((now) => {
  if (before !== null) return;
  const key = keyOf(now);
  // a page that is loaded again continues its visit
  before = kept(sessionStorage, key) ?? kept(localStorage, key) ?? now.clip;
  keep(sessionStorage, key, before);
  keep(localStorage, key, Math.max(now.clip, kept(localStorage, key) ?? 0));
});
newest.listen(({ clip }) => {
  if (room.value && clip) keep(localStorage, keyOf(room.value), clip);
});
