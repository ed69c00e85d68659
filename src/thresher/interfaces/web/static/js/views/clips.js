// The clips of a query.

import { get } from "../api.js";
import { element } from "../element.js";

export function show(container, place) {
  return place.follow(async ({ query }) => {
    const { ids } = await get("/api/clips", { q: query });
    container.replaceChildren(element("p", {}, `${ids.length} clips`));
  });
}
