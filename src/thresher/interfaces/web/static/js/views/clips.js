// The clips of a query, or those like a moment, as a grid of cards.

import { element } from "../element.js";
import { Grid } from "../grid.js";
import { followMoment } from "../moment.js";

export function show(container) {
  const line = element("div", { class: "session", role: "status", hidden: true });
  const list = element("div", { class: "scroller" });
  container.append(line, list);
  container.classList.add("split");
  const grid = new Grid(list);
  const end = followMoment(line);
  return () => {
    grid.close();
    end();
    container.classList.remove("split");
  };
}
