// The page: it puts the bar, the views and the player together.

import { get } from "./api.js";
import { followChanges, newest } from "./changes.js";
import { element } from "./element.js";
import "./actions.js";
import "./cutting.js";
import "./player_bar.js";
import { NO_MOMENT } from "./moment.js";
import { room } from "./room.js";
import { loadNames } from "./search.js";
import "./visits.js";
import { VIEWS, go, place } from "./views.js";
import * as checkpoints from "./views/checkpoints.js";
import * as clips from "./views/clips.js";
import * as duplicates from "./views/duplicates.js";
import * as listen from "./views/listen.js";
import * as map from "./views/map.js";
import * as tiles from "./views/tiles.js";

const AGAIN = 2000; // milliseconds
/** Each has `show(container, place)`, which returns the end of the view. All are read with the page: a browser does not
 * read a module again that it could not read once. */
const MODULES = { checkpoints, clips, duplicates, listen, map, tiles };

const view = document.getElementById("view");
const trouble = document.getElementById("trouble");
let leave = () => {};
let shown = null;

function show(now) {
  if (shown === now.view) return;
  shown = now.view;
  leave();
  for (const link of document.querySelectorAll("[data-view-link]")) {
    const isShown = link.dataset.viewLink === now.view && link.closest("nav");
    if (isShown) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
    if (isShown) link.scrollIntoView({ block: "nearest", inline: "nearest" });
  }
  view.replaceChildren();
  leave = MODULES[now.view].show(view, place);
  view.dataset.view = now.view;
}

function linkTo(name, { title, key }) {
  return element("a", { href: name === "clips" ? "/" : `/${name}`, "data-view-link": name, title: `${title} (${key})` }, title);
}

document.getElementById("views").append(...[...VIEWS].map(([name, about]) => linkTo(name, about)));
document.addEventListener("click", (event) => {
  const link = event.target.closest?.("[data-view-link]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
  event.preventDefault();
  go({ view: link.dataset.viewLink, values: NO_MOMENT });
});

newest.follow(({ trouble: why }) => {
  trouble.hidden = !why;
  trouble.textContent = why ?? "";
});

/** After the server was away: another version, or the server of another catalog, needs another page. */
let wasAway = false;
newest.listen(async ({ trouble: why }) => {
  if (why || !wasAway) {
    wasAway = wasAway || Boolean(why);
    return;
  }
  wasAway = false;
  const now = await get("/api/room").catch(() => null);
  if (now === null) return;
  if (now.version !== room.value.version || now.folder !== room.value.folder) location.reload();
  else room.value = now;
  readNames();
});

room.listen(({ name, read_only, refusal }) => {
  document.getElementById("catalog-name").textContent = name;
  document.body.classList.toggle("read-only", read_only);
  const notice = document.getElementById("read-only");
  notice.textContent = `Clips can be heard, but not judged: ${refusal}.`;
  notice.hidden = !read_only;
});

/** Read the names that completion knows. If that fails, they are read when the server is back. */
const readNames = () => loadNames().catch(() => {});

/** Ask about the room until the server answers, then show the view. */
async function begin() {
  try {
    room.value = await get("/api/room");
  } catch (failure) {
    trouble.hidden = false;
    trouble.textContent = failure.message;
    setTimeout(begin, AGAIN);
    return;
  }
  trouble.hidden = true;
  followChanges();
  readNames();
  place.follow(show);
}
begin();
