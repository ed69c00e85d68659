// Whether the page waits for the server, so that a key on a slow server does not look like one that did nothing.

import { Signal } from "./signals.js";

const LONG = 600; // milliseconds

/** Whether an answer that somebody asked for has been on its way for long. */
export const waiting = new Signal(false);

const late = new Set();

/** Follow a promise of an answer; returns the promise. */
export function awaited(answer) {
  const mine = Symbol("answer");
  const timer = setTimeout(() => {
    late.add(mine);
    waiting.value = true;
  }, LONG);
  const done = () => {
    clearTimeout(timer);
    late.delete(mine);
    waiting.value = late.size > 0;
  };
  answer.then(done, done);
  return answer;
}
