// The page: it puts the bar, the views and the player together.

import { get } from "./api.js";
import { followChanges, newest } from "./changes.js";
import { element } from "./element.js";
import "./actions.js";
import "./player_bar.js";
import { room } from "./room.js";
import { loadNames } from "./search.js";
import { VIEWS, go, place } from "./views.js";

const view = document.getElementById("view");
const trouble = document.getElementById("trouble");
let leave = () => {};
let shown = null;

async function show(now) {
  if (shown === now.view) return;
  shown = now.view;
  leave();
  leave = () => {};
  for (const link of document.querySelectorAll("[data-view-link]")) {
    link.toggleAttribute("aria-current", link.dataset.viewLink === now.view);
  }
  const module = await VIEWS.get(now.view).load();
  if (shown !== now.view) return; // another view was asked for meanwhile
  view.replaceChildren();
  leave = module.show(view, place) ?? (() => {});
}

function linkTo(name, { title, key }) {
  return element("a", { href: name === "clips" ? "/" : `/${name}`, "data-view-link": name, title: `${title} (${key})` }, title);
}

document.getElementById("views").append(...[...VIEWS].map(([name, about]) => linkTo(name, about)));
document.addEventListener("click", (event) => {
  const link = event.target.closest?.("[data-view-link]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
  event.preventDefault();
  go({ view: link.dataset.viewLink });
});

newest.follow(({ trouble: why }) => {
  trouble.hidden = !why;
  trouble.textContent = why ?? "";
});

room.value = await get("/api/room");
document.getElementById("catalog-name").textContent = room.value.name;
document.body.classList.toggle("read-only", room.value.read_only);
followChanges();
loadNames();
place.follow(show);
