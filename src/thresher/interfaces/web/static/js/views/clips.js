// The clips of a query, or those like a moment, as a grid of cards.

import { element } from "../element.js";
import { Grid } from "../grid.js";
import { action } from "../keys.js";
import { followMoment } from "../moment.js";
import { move } from "../selection.js";

export function show(container) {
  const line = element("div", { class: "session", role: "status", hidden: true });
  const list = element("div", { class: "scroller" });
  container.append(line, list);
  container.classList.add("split");
  const grid = new Grid(list);
  const ends = [
    followMoment(line),
    action("row-down", { keys: ["PageDown"], title: "a row down", run: () => move(grid.columns) }),
    action("row-up", { keys: ["PageUp"], title: "a row up", run: () => move(-grid.columns) }),
  ];
  return () => {
    grid.close();
    for (const end of ends) end();
    container.classList.remove("split");
  };
}
