// Decoded clips. What is asked for comes first: prefetches go one at a time, wait for it, and thumbnails wait, too.

import { reasonOf } from "./api.js";
import { pauseThumbnails } from "./thumbnails.js";
import { awaited } from "./waiting.js";

const MOST = 12; // decoded clips
const MOST_SECONDS = 400; // of all decoded clips together

export class SoundBuffers {
  #decode;
  #kept = new Map(); // id → Promise of an AudioBuffer, oldest first
  #seconds = new Map(); // id → length of the decoded clip
  #next = []; // ids to prefetch
  #prefetching = null; // {id, abort}
  #asked = 0;

  /** `decode` makes an AudioBuffer of the bytes of a file. */
  constructor(decode) {
    this.#decode = decode;
  }

  /** Return the decoded clip, from memory if it is there. */
  async get(id) {
    if (this.#prefetching && this.#prefetching.id !== id) this.#prefetching.abort.abort();
    const resume = this.#kept.has(id) ? null : pauseThumbnails();
    this.#asked += 1;
    try {
      return await awaited(this.#buffer(id));
    } finally {
      this.#asked -= 1;
      resume?.();
      this.#fetchNext();
    }
  }

  /** Fetch clips when nothing else is fetched. */
  prefetch(ids) {
    this.#next = ids.filter((id) => !this.#kept.has(id));
    this.#fetchNext();
  }

  #fetchNext() {
    if (this.#asked > 0 || this.#prefetching || this.#next.length === 0) return;
    const id = this.#next.shift();
    const abort = new AbortController();
    const mine = { id, abort };
    this.#prefetching = mine;
    const done = () => {
      if (this.#prefetching === mine) this.#prefetching = null;
      this.#fetchNext();
    };
    this.#buffer(id, abort.signal).then(done, done);
  }

  #buffer(id, signal) {
    const known = this.#kept.get(id);
    const buffer = known ?? this.#fetch(id, signal);
    this.#kept.delete(id);
    this.#kept.set(id, buffer); // the newest is last
    if (known === undefined) {
      buffer.then(
        ({ duration }) => {
          this.#seconds.set(id, duration);
          this.#forget(id);
        },
        () => this.#kept.get(id) === buffer && this.#kept.delete(id),
      );
    }
    return buffer;
  }

  async #fetch(id, signal) {
    const lost = (failure) => {
      throw failure.name === "AbortError" ? failure : new Error("the server does not answer; start it again with `thresher serve`");
    };
    const response = await fetch(`/audio/${id}`, { signal }).catch(lost);
    if (!response.ok) throw new Error(await reasonOf(response, "the clip can't be played"));
    const bytes = await response.arrayBuffer().catch(lost);
    return this.#decode(bytes).catch(() => {
      throw new Error("the browser can't decode the clip");
    });
  }

  /** Forget the oldest clips, but never the newest one. */
  #forget(newest) {
    let seconds = [...this.#seconds.values()].reduce((sum, each) => sum + each, 0);
    for (const id of [...this.#kept.keys()]) {
      if (this.#kept.size <= MOST && seconds <= MOST_SECONDS) return;
      if (id === newest || !this.#seconds.has(id)) continue;
      seconds -= this.#seconds.get(id);
      this.#kept.delete(id);
      this.#seconds.delete(id);
    }
  }
}
