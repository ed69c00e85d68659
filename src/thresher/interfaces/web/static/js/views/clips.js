// The clips of a query, as a grid of cards.

import { Grid } from "../grid.js";
import { action } from "../keys.js";
import { move } from "../selection.js";

export function show(container) {
  const grid = new Grid(container);
  const ends = [
    action("row-down", { keys: ["PageDown"], title: "a row down", run: () => move(grid.columns) }),
    action("row-up", { keys: ["PageUp"], title: "a row up", run: () => move(-grid.columns) }),
  ];
  return () => {
    grid.close();
    for (const end of ends) end();
  };
}
