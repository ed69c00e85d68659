// Values that tell their listeners when they change.

export class Signal {
  #value;
  #listeners = new Set();
  #isRepeated;

  /** Listeners hear of a value that equals the one before only if `isRepeated`. */
  constructor(value, { isRepeated = false } = {}) {
    this.#value = value;
    this.#isRepeated = isRepeated;
  }

  get value() {
    return this.#value;
  }

  set value(value) {
    if (Object.is(value, this.#value) && !this.#isRepeated) return;
    this.#value = value;
    for (const listener of [...this.#listeners]) {
      if (this.#listeners.has(listener)) listener(value); // one before it may have ended it
    }
  }

  /** Call `listener` with each new value; returns the function that ends this. */
  listen(listener) {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Like `listen`, and call it at once with the present value. */
  follow(listener) {
    listener(this.#value);
    return this.listen(listener);
  }
}
