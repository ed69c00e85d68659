// The wall: pictures only, as dense as they can be read, in an order that puts similar clips side by side.

import { get } from "../api.js";
import { element } from "../element.js";
import { Grid } from "../grid.js";
import { action } from "../keys.js";
import { move, useSource } from "../selection.js";
import { go, place } from "../views.js";

const TILE = { leastWidth: 118, height: 40 };
const ORDERS = [["query", "as the query says"], ["chain", "similar clips side by side"], ["cluster", "by cluster"]];

const orderNow = () => place.value.values.get("order") ?? "query";

/** The ids of the wall in its order. */
async function ordered() {
  const { query } = place.value;
  if (orderNow() === "cluster") return (await get("/api/clips", { q: `${query} cluster+` })).ids;
  return (await get("/api/clips", { q: query, order: orderNow() })).ids;
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
      useSource(ordered);
    }),
    action("row-down", { keys: ["PageDown"], title: "a row down", run: () => move(grid.columns) }),
    action("row-up", { keys: ["PageUp"], title: "a row up", run: () => move(-grid.columns) }),
    action("order", {
      keys: ["Shift+w"],
      title: "tiles: another order",
      run: () => choose(ORDERS[(ORDERS.findIndex(([name]) => name === orderNow()) + 1) % ORDERS.length][0]),
    }),
  ];
  return () => {
    for (const end of ends) end();
    grid.close();
    container.classList.remove("split");
    useSource(null);
  };
}
