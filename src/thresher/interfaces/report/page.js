"use strict";
// Every clip can be played without this script: points of the map are links then.
const one = (selector) => document.querySelector(selector);

// play one sound at a time
document.addEventListener("play", (event) => {
  for (const other of document.querySelectorAll("audio")) if (other !== event.target) other.pause();
}, true);

// replace a player whose file does not load by a note
document.addEventListener("error", (event) => {
  if (event.target.tagName !== "AUDIO" || event.target.dataset.failed) return;
  event.target.dataset.failed = "yes";
  const note = document.createElement("p");
  note.className = "silent";
  note.textContent = "this browser cannot play the file, or the file is missing";
  event.target.after(note);
}, true);

// a link to a checkpoint opens its section
const open = () => {
  const target = location.hash && document.getElementById(location.hash.slice(1));
  if (target && target.tagName === "DETAILS") target.open = true;
};
addEventListener("hashchange", open);
open();

const points = [...document.querySelectorAll(".map a")];
if (points.length) {
  const now = one("#now"), player = one("#map-player");
  const tell = (point) => { now.textContent = point.getAttribute("aria-label"); };
  const place = (point) => {
    const mark = point.querySelector("use, path");
    return [Number(mark.getAttribute("x")), Number(mark.getAttribute("y"))];
  };
  const places = points.map(place);
  const focus = (index) => {
    for (const each of points) each.setAttribute("tabindex", "-1");
    points[index].setAttribute("tabindex", "0");
  };
  focus(0);
  const ways = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  points.forEach((point, index) => {
    point.addEventListener("pointerenter", () => tell(point));
    point.addEventListener("focus", () => { tell(point); focus(index); });
    point.addEventListener("click", (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey || !point.getAttribute("href")) return;
      event.preventDefault();
      for (const other of points) other.classList.toggle("playing", other === point);
      tell(point);
      player.hidden = false;
      player.src = point.getAttribute("href");
      player.play().catch(() => {});
    });
    point.addEventListener("keydown", (event) => {
      const way = ways[event.key];
      if (!way) return;
      event.preventDefault();
      const [x, y] = places[index];
      let best = -1, least = Infinity;
      places.forEach(([otherX, otherY], other) => {
        const ahead = (otherX - x) * way[0] + (otherY - y) * way[1];
        const aside = Math.abs((otherX - x) * way[1]) + Math.abs((otherY - y) * way[0]);
        const cost = ahead + 2 * aside;
        if (other !== index && ahead > 0 && cost < least) [best, least] = [other, cost];
      });
      if (best >= 0) points[best].focus();
    });
  });
}
