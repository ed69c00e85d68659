// A grid of cards of which only the visible ones exist, so that it scrolls alike with 50 and 50,000 clips.

import { Card } from "./card.js";
import { element } from "./element.js";
import { playing, playProblem } from "./player.js";
import { ids, isFound, placeOf, queryProblem, rowsVersion, selected } from "./selection.js";
import { place as here } from "./views.js";

const CARDS = { leastWidth: 250, height: 118 };
const BEYOND = 2; // rows of cards above and below the visible ones

/** Why there is nothing to see: [a title, what to do]. */
function emptyText() {
  if (!isFound.value) return ["Looking for clips …", ""];
  if (queryProblem.value) return ["No clips", "The query can't be read."];
  if (here.value.query) return ["No clip matches the query", `Nothing is found by “${here.value.query}”. Press / to change the query.`];
  return ["No clips yet", "Add some: thresher ingest FOLDER. They appear here by themselves."];
}

export class Grid {
  #cards = new Map(); // place → Card
  #spare = [];
  #ends = [];
  #frame = 0;

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
      selected.listen(() => {
        this.reveal();
        this.draw();
      }),
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
    const { scrollTop } = this.container;
    const first = Math.max(0, Math.floor(scrollTop / height) - BEYOND) * columns;
    const end = Math.min(list.length, (Math.ceil((scrollTop + visible) / height) + BEYOND) * columns);
    this.#set("height", `${Math.ceil(list.length / columns) * height}px`);
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

  /** Scroll the selected clip into view. */
  reveal() {
    const place = placeOf(selected.value);
    if (place < 0) return;
    const { height } = this.size;
    const top = Math.floor(place / this.columns) * height;
    const { scrollTop } = this.container;
    if (top < scrollTop) this.container.scrollTop = top;
    else if (top + height > scrollTop + this.visible) this.container.scrollTop = top + height - this.visible;
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
