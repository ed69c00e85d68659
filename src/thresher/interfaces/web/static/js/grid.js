// A grid of cards of which only the visible ones exist, so that it scrolls alike with 50 and 50,000 clips.

import { walk } from "./actions.js";
import { Card } from "./card.js";
import { element } from "./element.js";
import { action } from "./keys.js";
import { playing, playProblem } from "./player.js";
import { ids, isFound, placeOf, queryProblem, rowsVersion, selected } from "./selection.js";
import { place as here } from "./views.js";

const CARDS = { leastWidth: 250, height: 118 };
const BEYOND = 2; // rows of cards above and below the visible ones

/** Why there is nothing to see: [a title, what to do]. */
function emptyText() {
  if (!isFound.value) return ["Looking for clips …", ""];
  if (queryProblem.value) return ["No clips", queryProblem.value.isWrong ? "The query can't be read." : `The clips can't be listed: ${queryProblem.value.error}.`];
  if (here.value.query) return ["No clip matches the query", `Nothing is found by “${here.value.query}”. Press / to change the query.`];
  return ["No clips yet", "Add some: thresher ingest FOLDER. They appear here by themselves."];
}

export class Grid {
  #cards = new Map(); // place → Card
  #spare = [];
  #ends = [];
  #frame = 0;
  #shown = {}; // what the last draw showed, and where the selected clip was then

  /** `size` is {leastWidth, height} of a card in CSS pixels; `className` tells how cards look, `empty` returns
   * [title, sentence] for a list without clips. */
  constructor(container, size = CARDS, className = "", empty = emptyText) {
    this.container = container;
    this.size = size;
    this.empty = empty;
    this.sheet = element("div", { class: `grid ${className}`, role: "listbox", "aria-label": "Clips", tabindex: "0" });
    this.nothing = element("p", { class: "empty", hidden: true });
    container.replaceChildren(this.sheet, this.nothing);
    container.addEventListener("scroll", this.#later, { passive: true });
    this.observer = new ResizeObserver(() => {
      this.#measure();
      this.#later();
    });
    this.observer.observe(container);
    this.#measure();
    for (const signal of [ids, isFound, queryProblem, rowsVersion, playProblem]) this.#ends.push(signal.listen(this.#later));
    this.#ends.push(
      action("row-down", { keys: ["PageDown"], title: "a row down", run: () => walk(this.columns) }),
      action("row-up", { keys: ["PageUp"], title: "a row up", run: () => walk(-this.columns) }),
      selected.listen(() => this.draw()),
      playing.follow((now) => {
        this.draw();
        this.#tick();
        if (now === null) cancelAnimationFrame(this.#frame);
      }),
    );
    this.draw();
  }

  /** Measure once for many frames: to ask for sizes between changes makes the browser lay out the page. */
  #measure() {
    this.width = this.container.clientWidth;
    this.visible = this.container.clientHeight;
    /** How many cards lie side by side. */
    this.columns = Math.max(1, Math.floor(this.width / this.size.leastWidth));
  }

  /** Write what differs only. */
  #set(property, value) {
    if (this[`_${property}`] === value) return;
    this[`_${property}`] = value;
    this.sheet.style[property] = value;
  }

  #later = () => {
    this.pending ??= requestAnimationFrame(() => {
      this.pending = null;
      this.draw();
    });
  };

  /** Fill the cards of the visible places, and give back the others. */
  draw() {
    const { columns, visible, size: { height } } = this;
    const list = ids.value;
    this.#set("height", `${Math.ceil(list.length / columns) * height}px`);
    const scrollTop = this.#follow(list);
    const first = Math.max(0, Math.floor(scrollTop / height) - BEYOND) * columns;
    const end = Math.min(list.length, (Math.ceil((scrollTop + visible) / height) + BEYOND) * columns);
    for (const [place, card] of this.#cards) {
      if (place < first || place >= end) {
        this.#cards.delete(place);
        this.#spare.push(card);
      }
    }
    const width = Math.floor(this.width / columns);
    for (let place = first; place < end; place += 1) {
      let card = this.#cards.get(place);
      if (card === undefined) {
        card = this.#spare.pop() ?? new Card();
        card.clear();
        this.#cards.set(place, card);
        if (!card.node.isConnected) this.sheet.append(card.node);
      }
      card.moveTo((place % columns) * width, Math.floor(place / columns) * height, width);
      card.fill(list[place], place + 1, list.length);
    }
    for (const card of this.#spare) card.node.remove();
    this.#mark(list);
  }

  /** Tell assistive technology which card is selected, if it is there, and say why there is none. */
  #mark(list) {
    const place = placeOf(selected.value);
    const active = this.#cards.has(place) ? `clip-${selected.value}` : null;
    if (active !== this.active) {
      this.active = active;
      if (active) this.sheet.setAttribute("aria-activedescendant", active);
      else this.sheet.removeAttribute("aria-activedescendant");
    }
    this.nothing.hidden = list.length > 0;
    if (list.length) return;
    const [title, sentence] = this.empty();
    this.nothing.replaceChildren(element("b", {}, title), sentence);
  }

  /** Scroll so that the selected clip stays in view while the list or its size changes; returns where the list is then. */
  #follow(list) {
    const { columns, visible, size: { height } } = this;
    const before = this.#shown;
    const now = { list, columns, visible, id: selected.value, address: here.value };
    const isOther = before.id !== now.id || before.address !== now.address; // somebody asked for something else
    const isSame = before.list === list && before.columns === columns && before.visible === visible;
    const place = placeOf(now.id);
    const top = Math.floor(place / columns) * height;
    let { scrollTop } = this.container;
    const isAbove = () => top < scrollTop;
    const isBelow = () => top + height > scrollTop + visible;
    if (place >= 0 && (isOther || (!isSame && before.isInView)) && (isAbove() || isBelow())) {
      if (isOther) this.container.scrollTop = isAbove() ? top : top + height - visible;
      else this.container.scrollTop = top - Math.min(before.offset, Math.max(0, visible - height)); // on the same line of the screen
      ({ scrollTop } = this.container);
    }
    this.#shown = { ...now, offset: top - scrollTop, isInView: place >= 0 && !isAbove() && !isBelow() };
    return scrollTop;
  }

  #tick = () => {
    cancelAnimationFrame(this.#frame);
    for (const card of this.#cards.values()) card.follow();
    this.#frame = requestAnimationFrame(this.#tick);
  };

  /** End: remove the listeners. */
  close() {
    cancelAnimationFrame(this.#frame);
    if (this.pending) cancelAnimationFrame(this.pending);
    this.container.removeEventListener("scroll", this.#later);
    this.observer.disconnect();
    for (const end of this.#ends) end();
  }
}
