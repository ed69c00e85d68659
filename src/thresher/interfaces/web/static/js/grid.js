// A grid of cards of which only the visible ones exist, so that it scrolls alike with 50 and 50,000 clips.

import { Card } from "./card.js";
import { element } from "./element.js";
import { playing, playProblem } from "./player.js";
import { ids, placeOf, rowsVersion, selected } from "./selection.js";

const CARDS = { leastWidth: 250, height: 128 };
const BEYOND = 2; // rows of cards above and below the visible ones

export class Grid {
  #cards = new Map(); // place → Card
  #spare = [];
  #ends = [];
  #frame = 0;

  /** `size` is {leastWidth, height} of a card in CSS pixels; `className` tells how cards look. */
  constructor(container, size = CARDS, className = "") {
    this.container = container;
    this.size = size;
    this.sheet = element("div", { class: `grid ${className}`, role: "listbox", "aria-label": "Clips", tabindex: "0" });
    container.replaceChildren(this.sheet);
    container.addEventListener("scroll", this.#later, { passive: true });
    this.observer = new ResizeObserver(this.#later);
    this.observer.observe(container);
    for (const signal of [ids, rowsVersion, playProblem]) this.#ends.push(signal.listen(this.#later));
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

  /** How many cards lie side by side. */
  get columns() {
    return Math.max(1, Math.floor(this.container.clientWidth / this.size.leastWidth));
  }

  #later = () => {
    this.pending ??= requestAnimationFrame(() => {
      this.pending = null;
      this.draw();
    });
  };

  /** Fill the cards of the visible places, and give back the others. */
  draw() {
    const { columns, size: { height } } = this;
    const list = ids.value;
    const lines = Math.ceil(list.length / columns);
    this.sheet.style.height = `${lines * height}px`;
    const top = Math.floor(this.container.scrollTop / height) - BEYOND;
    const bottom = Math.ceil((this.container.scrollTop + this.container.clientHeight) / height) + BEYOND;
    const first = Math.max(0, top) * columns;
    const end = Math.min(list.length, bottom * columns);
    for (const [place, card] of this.#cards) {
      if (place < first || place >= end) {
        this.#cards.delete(place);
        this.#spare.push(card);
      }
    }
    const width = 100 / columns;
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
    if (selected.value !== null) this.sheet.setAttribute("aria-activedescendant", `clip-${selected.value}`);
  }

  /** Scroll the selected clip into view. */
  reveal() {
    const place = placeOf(selected.value);
    if (place < 0) return;
    const { height } = this.size;
    const top = Math.floor(place / this.columns) * height;
    const { scrollTop, clientHeight } = this.container;
    if (top < scrollTop) this.container.scrollTop = top;
    else if (top + height > scrollTop + clientHeight) this.container.scrollTop = top + height - clientHeight;
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
