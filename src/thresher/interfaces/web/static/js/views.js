// Which view is shown, and with which query. Each view has an address, so back, forward, reload and bookmarks work.

import { Signal } from "./signals.js";

/** The registry of views: name, title and key. main.js has the module of each. */
export const VIEWS = new Map([
  ["clips", { title: "Clips", key: "g" }],
  ["tiles", { title: "Tiles", key: "w" }],
  ["listen", { title: "Listen", key: "q" }],
  ["duplicates", { title: "Duplicates", key: "d" }],
  ["map", { title: "Map", key: "m" }],
  ["checkpoints", { title: "Checkpoints", key: "v" }],
]);

function placeOf(location) {
  const name = location.pathname.slice(1) || "clips";
  const values = new URLSearchParams(location.search);
  return { view: VIEWS.has(name) ? name : "clips", query: values.get("q") ?? "", values };
}

/** The view, its query, and the other values of the address. */
export const place = new Signal(placeOf(window.location));

const OF_LIST = ["near", "at", "length"]; // the moment to which clips are compared: another query ends it

/** Go to a view; values that are left out stay, those that are null go away. `replace` adds no step to the history. */
export function go({ view = place.value.view, query = place.value.query, values = {}, replace = false }) {
  const next = new URLSearchParams(view === place.value.view ? place.value.values : undefined);
  next.delete("q");
  if (query !== place.value.query) for (const name of OF_LIST) next.delete(name);
  for (const [name, value] of Object.entries(values)) {
    if (value === null) next.delete(name);
    else next.set(name, value);
  }
  if (query) next.set("q", query);
  const rest = next.toString();
  const address = (view === "clips" ? "/" : `/${view}`) + (rest ? `?${rest}` : "");
  if (address === window.location.pathname + window.location.search) return;
  if (replace) window.history.replaceState(null, "", address);
  else window.history.pushState(null, "", address);
  place.value = placeOf(window.location);
}

window.addEventListener("popstate", () => {
  place.value = placeOf(window.location);
});
