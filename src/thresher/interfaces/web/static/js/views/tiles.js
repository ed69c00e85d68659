// The wall: pictures only, as dense as they can be read, in an order that puts similar clips side by side.

import { get } from "../api.js";
import { element } from "../element.js";
import { Grid } from "../grid.js";
import { said } from "../judge.js";
import { action } from "../keys.js";
import { findAgain, useSource } from "../selection.js";
import { go, place } from "../views.js";

const TILE = { leastWidth: 118, height: 40 };
const ORDERS = [["query", "as the query says"], ["chain", "similar clips side by side"], ["cluster", "by cluster"], ["map", "as on the map"]];
const AGAIN = 400; // milliseconds between two looks whether the map is ready

const orderNow = () => place.value.values.get("order") ?? "query";

/** The ids of the wall in its order; `columns` tiles lie side by side. */
async function ordered(columns, signal) {
  const { query } = place.value;
  if (orderNow() === "map") return asOnMap(query, columns, signal);
  if (orderNow() === "cluster") return (await get("/api/clips", { q: `${query} cluster+` }, signal)).ids;
  return (await get("/api/clips", { q: query, order: orderNow() }, signal)).ids;
}

/** The ids in rows from the top of the map to its bottom, each from left to right; clips that are not on it are last. */
async function asOnMap(query, columns, signal) {
  let found = await get("/api/map", { q: query }, signal);
  while (!found.ready) {
    said.value = `the map is being computed: ${Math.round(found.progress * 100)} %`;
    await new Promise((resolve) => setTimeout(resolve, AGAIN));
    found = await get("/api/map", { q: query }, signal);
    if (found.ready) said.value = "";
  }
  const points = found.ids.map((id, point) => ({ id, x: found.x[point], y: found.y[point] })).sort((one, other) => other.y - one.y);
  const drawn = new Set(found.ids);
  const { ids: all } = await get("/api/clips", { q: query }, signal);
  const rows = [];
  for (let first = 0; first < points.length; first += columns) rows.push(points.slice(first, first + columns).sort((one, other) => one.x - other.x));
  return [...rows.flat().map(({ id }) => id), ...all.filter((id) => !drawn.has(id))];
}

export function show(container) {
  const field = element("select", { onchange: () => choose(field.value) }, ORDERS.map(([name, title]) => element("option", { value: name }, title)));
  const list = element("div", { class: "scroller" });
  container.append(element("div", { class: "session" }, element("label", {}, "Order: ", field)), list);
  container.classList.add("split");
  const grid = new Grid(list, TILE, "tiles");
  const choose = (order) => go({ values: { order: order === "query" ? null : order }, replace: true });
  let shown = null;
  const ends = [
    place.follow(() => {
      field.value = orderNow();
      if (shown === field.value) return;
      shown = field.value;
      useSource(({ signal }) => ordered(grid.columns, signal));
    }),
    action("order", {
      keys: ["Shift+w"],
      title: "tiles: another order",
      run: () => choose(ORDERS[(ORDERS.findIndex(([name]) => name === orderNow()) + 1) % ORDERS.length][0]),
    }),
  ];
  let columns = grid.columns;
  const observer = new ResizeObserver(() => {
    if (grid.columns === columns) return;
    columns = grid.columns;
    if (orderNow() === "map") findAgain();
  });
  observer.observe(list);
  return () => {
    observer.disconnect();
    for (const end of ends) end();
    grid.close();
    container.classList.remove("split");
    useSource(null);
  };
}
