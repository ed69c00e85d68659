// The map of the query's clips: similar clips are near each other. Drag pans, the wheel zooms, Shift+drag draws a
// lasso, Alt+hover plays.

import { get, getMeanwhile, persist } from "../api.js";
import { shortCheckpointOf, time } from "../card.js";
import { newest } from "../changes.js";
import { colouring, colours, css } from "../colours.js";
import { element } from "../element.js";
import { dragOut } from "../downloads.js";
import { NO_CLIP, refuse, said } from "../judge.js";
import { action } from "../keys.js";
import { dimmed, drawPoints, nearestPoint, packed, pointSize, pointsWithin } from "../map_raster.js";
import { actionButton, chosenButtons, MapList } from "../map_parts.js";
import { play, playing } from "../player.js";
import { chosen as together, ids, refreshed, rowOf, rowsVersion, selected } from "../selection.js";
import { go } from "../views.js";
import { isNewClip } from "../visits.js";

const FIELDS = ["epoch", "step", "run", "rating", "cluster", "score", "length", "loudness", "silence", "loop", "noise", "tempo", "heard"];
const REACH = 12; // pixels around the pointer in which a point is hit
const MOST_RINGS = 3000; // new clips that are marked
const AGAIN = 400; // milliseconds between two looks whether the map is ready, and after new clips
const REST = 100; // milliseconds after a change until the colours are asked for again

/** The least and the largest value, at least 0.05 apart. */
function extent(values) {
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  if (low > high) return [0, 1];
  const more = Math.max(0, 0.05 - (high - low)) / 2;
  return [low - more, high + more];
}

export function show(container, place) {
  const view = new MapView(container, place);
  return () => view.close();
}

class MapView {
  #ends = [];
  #found = { ids: [], x: [], y: [] }; // the map as the server sent it
  #points = { ids: [], x: [], y: [], colours: new Uint32Array(), sizes: new Uint8Array(), order: [] }; // what is drawn of it
  #asked = new Set(); // the clips of the query when the map arrived: clips beyond them need another map
  #values = new Map();
  #legend = [];
  #packed = []; // the colour of each point, chosen or not
  #lasso = null;
  #chosen = [];
  #neighbours = [];
  #view = { scale: 1, left: 0, top: 0 };
  #closed = false;

  constructor(container, place) {
    this.field = element("select", { "aria-label": "Colour by" }, FIELDS.map((name) => element("option", { value: name }, name)));
    this.field.value = place.value.values.get("colour") ?? "epoch";
    this.field.addEventListener("change", () => {
      go({ values: { colour: this.field.value }, replace: true });
      this.#colour();
    });
    this.canvas = element("canvas", { class: "points" });
    this.ink = element("canvas", { class: "ink", tabindex: "0", role: "application", "aria-label": "Map of clips; the list below has the same clips" });
    this.says = element("p", { class: "map-says", role: "status" });
    this.legend = element("ul", { class: "legend", "aria-label": "Legend" });
    this.chosen = element("div", { class: "chosen", hidden: true });
    this.about = element("p", { class: "map-about", draggable: "true", title: "drag it out as a file", ondragstart: (event) => dragOut(event, selected.value) });
    this.list = new MapList((id) => this.#pick([id]));
    this.board = element("div", { class: "board" }, this.canvas, this.ink);
    container.replaceChildren(
      element("div", { class: "map" },
        element("div", { class: "map-bar" }, element("label", {}, "Colour by ", this.field), this.legend, this.chosen),
        this.board, this.says, this.about, this.list.node),
    );
    this.observer = new ResizeObserver(() => this.#fit());
    this.observer.observe(this.board);
    this.#ends.push(
      place.follow(({ query }) => query !== this.query && this.#load(query)),
      this.#followClips(),
      ids.listen(() => this.#followList()),
      refreshed.listen(() => {
        clearTimeout(this.colourTimer);
        this.colourTimer = setTimeout(() => this.#colour(), REST);
      }),
      selected.listen(() => this.#selectedChanged()),
      rowsVersion.listen(() => {
        this.#describe();
        this.#list();
      }),
      playing.listen(() => this.#later()),
      colours.listen(() => this.#colour()),
      action("map-none", { keys: ["Shift+Escape"], title: "map: select nothing", run: () => this.#choose([]) }),
      action("map-pick", { keys: ["p"], title: "map: add the clip to the selection, or take it out", run: () => this.#pick(this.#here()) }),
      action("map-pick-near", { keys: ["Shift+p"], title: "map: add the clip and its nearest ones to the selection", run: () => this.#here().length && this.#add([...this.#here(), ...this.#neighbours]) }),
      action("map-nearer", { keys: ["]"], title: "map: zoom in", run: () => this.#zoomAtClip(1.5) }),
      action("map-farther", { keys: ["["], title: "map: zoom out", run: () => this.#zoomAtClip(1 / 1.5) }),
      action("map-fit", { keys: ["f"], title: "map: show all", run: () => this.#fit() }),
    );
    this.#listen();
    this.#selectedChanged();
  }

  /** Load the map again when clips were added, or when the server is back after a failure; the view stays. */
  #followClips() {
    let before = newest.value;
    return newest.listen((now) => {
      const isNew = now.batch !== before.batch || now.clip !== before.clip || (before.trouble && !now.trouble);
      before = now;
      if (isNew) this.#loadSoon();
    });
  }

  #loadSoon() {
    clearTimeout(this.againTimer);
    this.againTimer = setTimeout(() => this.#load(this.query), AGAIN);
  }

  /** Clips that left the list leave the map, and come back with it; the others stay where they are. */
  #followList() {
    if (this.fitted !== this.query) return; // the map of the query is on its way
    if (ids.value.some((id) => !this.#asked.has(id))) this.#loadSoon();
    this.#take();
  }

  async #load(query) {
    const mine = (this.loading = Symbol("map"));
    const isWanted = () => this.loading === mine && !this.#closed;
    this.query = query;
    this.says.textContent = "";
    while (isWanted()) {
      try {
        const found = await persist(() => get("/api/map", { q: query }), isWanted, (failure) => { this.says.textContent = failure.message; });
        if (!isWanted()) return;
        if (found.ready) {
          const isSeen = this.fitted === query && this.#found.ids.length > 0;
          this.fitted = query;
          this.#found = found;
          this.#asked = new Set([...found.ids, ...ids.value]);
          this.#take();
          this.#colour();
          this.#selectedChanged();
          if (!isSeen) this.#fit();
          return;
        }
        this.says.textContent = `the map is being computed: ${Math.round(found.progress * 100)} %`;
      } catch (failure) {
        if (isWanted()) this.says.textContent = failure.message;
        return;
      }
      await new Promise((resolve) => setTimeout(resolve, AGAIN));
    }
  }

  /** Draw those clips of the map that are in the list. */
  #take() {
    const { ids: drawable, x, y } = this.#found;
    const listed = new Set(ids.value);
    const points = [...drawable.keys()].filter((point) => listed.has(drawable[point]));
    const count = points.length;
    const here = points.map((point) => drawable[point]);
    this.#points = { ids: here, x: Float32Array.from(points, (point) => x[point]), y: Float32Array.from(points, (point) => y[point]), colours: new Uint32Array(count), sizes: new Uint8Array(count).fill(pointSize(count)), order: Uint32Array.from(here.keys()) };
    this.placeOf = new Map(here.map((id, point) => [id, point]));
    const without = ids.value.length - count;
    this.fresh = here.filter(isNewClip);
    const sentences = [
      count === 0 && without > 0 ? "no clip of the query can be drawn: the map needs descriptors, which `likeness` in [metrics] use gives" : "",
      count > 0 && without > 0 ? `${without} ${without === 1 ? "clip has no descriptor and is" : "clips have no descriptor and are"} not on the map` : "",
      this.fresh.length ? `${this.fresh.length.toLocaleString("en")} clips are new since the last visit and have a ring` : "",
    ];
    this.says.textContent = sentences.filter(Boolean).join("; ");
    if (this.coloured === this.query) this.#paint();
    else [this.#packed, this.#legend] = [[], []]; // the values of the query are on their way
    this.#choose(this.#chosen.filter((id) => this.placeOf.has(id)));
  }

  async #colour() {
    const mine = (this.colouring = Symbol("colours"));
    const { query } = this;
    const isWanted = () => this.colouring === mine && !this.#closed;
    try {
      const ask = () => get("/api/values", { q: query, field: this.field.value });
      const { ids: known, values } = await persist(ask, isWanted, (failure) => { said.value = failure.message; });
      if (!isWanted()) return; // other colours were asked for meanwhile
      this.#values = new Map(known.map((id, place) => [id, values[place]]));
    } catch (failure) {
      if (!isWanted()) return;
      this.#values = new Map();
      said.value = failure.message;
    }
    this.coloured = query;
    this.#paint();
    this.#shade();
    this.#drawLegend();
  }

  /** Give the points the colours of their values. */
  #paint() {
    const { colourOf, legend } = colouring(this.#points.ids.map((id) => this.#values.get(id)));
    this.#legend = legend;
    const isKnown = ({ ids: drawn }, point) => this.#values.get(drawn[point]) != null;
    this.#points.order.sort((one, other) => isKnown(this.#points, one) - isKnown(this.#points, other));
    this.#packed = this.#points.ids.map((id) => packed(colourOf(this.#values.get(id))));
  }

  /** Dim what is not chosen, if anything is. */
  #shade() {
    const chosen = new Set(this.#chosen);
    this.#points.ids.forEach((id, point) => {
      const colour = this.#packed[point] ?? 0;
      this.#points.colours[point] = chosen.size === 0 || chosen.has(id) ? colour : dimmed(colour);
    });
    this.#later();
  }

  #drawLegend() {
    const chosen = new Set(this.#chosen);
    this.legend.replaceChildren(
      ...this.#legend.map(({ text, colour, holds }) => {
        const members = this.#points.ids.filter((id) => holds(this.#values.get(id)));
        const among = members.filter((id) => chosen.has(id)).length;
        const swatch = element("span", { class: "swatch" });
        swatch.style.background = css(colour);
        const count = chosen.size ? `${among} / ${members.length}` : `${members.length}`;
        return element("li", {}, swatch, ` ${text} `, element("span", { class: "facts" }, count));
      }),
    );
  }

  #fit() {
    const scale = window.devicePixelRatio || 1;
    const box = this.board.getBoundingClientRect();
    for (const canvas of [this.canvas, this.ink]) {
      canvas.width = Math.max(1, Math.round(box.width * scale));
      canvas.height = Math.max(1, Math.round(box.height * scale));
    }
    const margin = 16 * scale;
    const [left, right] = extent(this.#found.x);
    const [bottom, top] = extent(this.#found.y);
    const room = [this.canvas.width - 2 * margin, this.canvas.height - 2 * margin];
    const size = Math.max(1, Math.min(room[0] / (right - left), room[1] / (top - bottom)));
    this.#view = {
      scale: size,
      left: this.canvas.width / 2 - (size * (left + right)) / 2,
      top: this.canvas.height / 2 + (size * (bottom + top)) / 2,
    };
    this.#later();
  }

  #later() {
    this.pending ??= requestAnimationFrame(() => {
      this.pending = null;
      drawPoints(this.canvas, this.#points, this.#view);
      this.#drawInk();
    });
  }

  #at(id) {
    const point = this.placeOf?.get(id);
    if (point === undefined) return null;
    return [this.#points.x[point] * this.#view.scale + this.#view.left, this.#view.top - this.#points.y[point] * this.#view.scale];
  }

  #drawInk() {
    const pen = this.ink.getContext("2d");
    pen.clearRect(0, 0, this.ink.width, this.ink.height);
    pen.strokeStyle = getComputedStyle(this.ink).color;
    pen.lineWidth = 2;
    const here = this.#at(selected.value);
    if (here) {
      pen.globalAlpha = 0.5;
      for (const id of this.#neighbours) {
        const there = this.#at(id);
        if (!there) continue;
        pen.beginPath();
        pen.moveTo(...here);
        pen.lineTo(...there);
        pen.stroke();
      }
      pen.globalAlpha = 1;
      for (const id of this.#neighbours) this.#ring(pen, this.#at(id), 6);
      pen.beginPath();
      pen.arc(...here, playing.value?.id === selected.value ? 13 : 8, 0, 2 * Math.PI);
      pen.stroke();
    }
    const sounding = this.#at(playing.value?.id);
    if (sounding) {
      pen.beginPath();
      pen.arc(...sounding, 13, 0, 2 * Math.PI);
      pen.stroke();
    }
    pen.lineWidth = 1;
    for (const id of this.fresh?.length <= MOST_RINGS ? this.fresh : []) this.#ring(pen, this.#at(id), 5);
    pen.lineWidth = 2;
    if (this.#lasso) {
      pen.setLineDash([6, 4]);
      pen.beginPath();
      this.#lasso.forEach((at, step) => (step ? pen.lineTo(...at) : pen.moveTo(...at)));
      pen.closePath();
      pen.stroke();
      pen.setLineDash([]);
    }
  }

  #ring(pen, at, radius) {
    if (!at) return;
    pen.beginPath();
    pen.arc(...at, radius, 0, 2 * Math.PI);
    pen.stroke();
  }

  #list() {
    this.list.show(this.#points.ids, this.#chosen);
  }

  /** The selected clip as the only item, if it is on the map; else that is said. */
  #here() {
    if (this.placeOf?.has(selected.value)) return [selected.value];
    refuse(selected.value === null ? NO_CLIP : `clip ${selected.value} is not on the map`);
    return [];
  }

  /** Add clips to the selection. */
  #add(more) {
    this.#choose([...new Set([...this.#chosen, ...more])].filter((id) => this.placeOf?.has(id)));
  }

  /** Add a clip to the selection, or take it out. */
  #pick(picked) {
    if (picked.every((id) => this.#chosen.includes(id))) this.#choose(this.#chosen.filter((id) => !picked.includes(id)));
    else this.#add(picked);
  }

  #zoom(factor, [left, top]) {
    this.#view = { scale: this.#view.scale * factor, left: left + (this.#view.left - left) * factor, top: top + (this.#view.top - top) * factor };
    this.#later();
  }

  /** Two fingers move from two places to two others: the map follows their middle and their distance. */
  #pinch([a, b], [c, d]) {
    const middle = ([[x, y], [u, v]]) => [(x + u) / 2, (y + v) / 2];
    const apart = ([[x, y], [u, v]]) => Math.max(1, Math.hypot(x - u, y - v));
    const [before, after] = [middle([a, b]), middle([c, d])];
    this.#view.left += after[0] - before[0];
    this.#view.top += after[1] - before[1];
    this.#zoom(apart([c, d]) / apart([a, b]), after);
  }

  #zoomAtClip(factor) {
    this.#zoom(factor, this.#at(selected.value) ?? [this.canvas.width / 2, this.canvas.height / 2]);
  }

  async #selectedChanged() {
    const id = selected.value;
    this.#neighbours = [];
    this.#describe();
    this.#list();
    this.#later();
    if (id === null) return;
    clearTimeout(this.nearTimer);
    this.nearTimer = setTimeout(async () => {
      const { neighbours } = await getMeanwhile(`/api/clips/${id}/near`, { limit: 5 }).catch(() => ({ neighbours: [] }));
      if (selected.value !== id) return;
      this.#neighbours = neighbours.map(({ clip }) => clip.id);
      this.#later();
    }, 120);
  }

  #describe() {
    const clip = selected.value === null ? null : rowOf(selected.value);
    this.about.textContent = clip ? `clip ${clip.id} · ${shortCheckpointOf(clip)} · ${time(clip.seconds)}` : "";
  }

  #choose(chosen) {
    const isSame = chosen.length === this.#chosen.length && chosen.every((id, at) => id === this.#chosen[at]);
    this.#chosen = chosen;
    together.value = chosen;
    this.chosen.hidden = chosen.length === 0;
    if (!isSame) this.chosen.replaceChildren(...chosenButtons(chosen)); // one of them may have the focus
    this.#list();
    this.#drawLegend();
    this.#shade();
  }

  #listen() {
    const scale = () => this.ink.width / this.ink.clientWidth;
    const at = (event) => {
      const box = this.ink.getBoundingClientRect();
      return [(event.clientX - box.left) * scale(), (event.clientY - box.top) * scale()];
    };
    let drag = null;
    const fingers = new Map(); // pointer → where it is; two of them zoom
    this.ink.addEventListener("pointerdown", (event) => {
      this.ink.setPointerCapture(event.pointerId);
      fingers.set(event.pointerId, at(event));
      if (fingers.size > 1) {
        drag = null;
        this.#lasso = null;
        return;
      }
      drag = { from: at(event), view: { ...this.#view }, moved: false };
      if (event.shiftKey || this.isLassoing) this.#lasso = [at(event)];
    });
    this.ink.addEventListener("pointermove", (event) => {
      const now = at(event);
      if (fingers.size === 2 && fingers.has(event.pointerId)) {
        this.#pinch([...fingers.values()], [...fingers.set(event.pointerId, now).values()]);
        return;
      }
      if (this.#lasso && drag) {
        this.#lasso.push(now);
        this.#later();
      } else if (drag) {
        const [dx, dy] = [now[0] - drag.from[0], now[1] - drag.from[1]];
        drag.moved ||= Math.hypot(dx, dy) > 4 * scale();
        if (drag.moved) {
          Object.assign(this.#view, { left: drag.view.left + dx, top: drag.view.top + dy });
          this.#later();
        }
      } else if (event.altKey) {
        const id = this.#hit(now);
        if (id !== null && id !== playing.value?.id) {
          selected.value = id;
          play(id, 0, event);
        }
      }
    });
    const lift = ({ pointerId }) => fingers.delete(pointerId);
    this.ink.addEventListener("pointercancel", (event) => {
      lift(event);
      drag = null;
      this.#lasso = null;
      this.#later();
    });
    this.ink.addEventListener("pointerup", lift);
    this.ink.addEventListener("pointerup", (event) => {
      if (this.#lasso) {
        const found = this.#lasso.length > 2 ? pointsWithin(this.#points, this.#view, this.#lasso) : [];
        this.#lasso = null;
        this.#choose(found.map((point) => this.#points.ids[point]));
      } else if (drag && !drag.moved) {
        const id = this.#hit(at(event));
        if (id !== null) {
          selected.value = id;
          play(id, 0, event);
        }
      }
      drag = null;
    });
    this.ink.addEventListener("wheel", (event) => {
      event.preventDefault();
      const [left, top] = at(event);
      const factor = Math.min(200, Math.max(0.5, (this.#view.scale / this.canvas.width) * 1.0015 ** -event.deltaY)) / (this.#view.scale / this.canvas.width);
      this.#zoom(factor, [left, top]);
    }, { passive: false });
    const lasso = element("button", { type: "button", "aria-pressed": "false", title: "draw around points (or Shift+drag)", onclick: () => {
      this.isLassoing = !this.isLassoing;
      lasso.setAttribute("aria-pressed", String(this.isLassoing));
    } }, "Lasso");
    this.field.parentElement.after(lasso, actionButton("map-nearer", "+"), actionButton("map-farther", "−"), actionButton("map-fit", "All"));
  }

  #hit([left, top]) {
    const point = nearestPoint(this.#points, this.#view, left, top, REACH * (window.devicePixelRatio || 1));
    return point < 0 ? null : this.#points.ids[point];
  }

  close() {
    this.#closed = true;
    together.value = [];
    clearTimeout(this.nearTimer);
    clearTimeout(this.againTimer);
    clearTimeout(this.colourTimer);
    if (this.pending) cancelAnimationFrame(this.pending);
    this.observer.disconnect();
    for (const end of this.#ends) end();
  }
}
