// Decisions of this page. Each is sent at once and shown at once; `u` undoes the latest decision of this page.

import { post } from "./api.js";
import { findAgain, keep, placeOf, refresh, release, rowOf, selected } from "./selection.js";
import { isReadOnly } from "./room.js";
import { Signal } from "./signals.js";

/** A sentence about what was done last, for the status line. */
export const said = new Signal("");
/** Dispatches "decided" with {verb, clips, rating} after each decision of this page, undos included. */
export const decisions = new EventTarget();

export const READ_ONLY = "this room is read-only; start `thresher serve` without --read-only to decide";

const made = []; // decisions of this page that can be undone: {decision, clips, places, verb}
const undone = []; // undos of this page that can be undone

/** Send a decision about clips; returns the server's outcome, null if it was refused. */
export async function decide(path, body, sentence) {
  if (isReadOnly()) {
    said.value = READ_ONLY;
    return null;
  }
  const clips = body.clips ?? [];
  const places = clips.map(placeOf);
  release(clips);
  try {
    const outcome = await post(path, body);
    if (outcome.decision !== null) {
      made.push({ decision: outcome.decision, clips, places });
      undone.length = 0;
    }
    said.value = typeof sentence === "function" ? sentence(outcome) : sentence;
    refresh(clips);
    decisions.dispatchEvent(new CustomEvent("decided", { detail: { path, ...body } }));
    findAgain();
    return outcome;
  } catch (failure) {
    said.value = failure.message;
    refresh(clips);
    return null;
  }
}

const named = (clips) => (clips.length === 1 ? `clip ${clips[0]}` : `${clips.length} clips`);

/** The listening session in which clips are judged: {started_at}; null outside of one. What is judged there is heard. */
export const session = new Signal(null);
const heardNow = () => ({ not_before: session.value.started_at });

export function rate(clips, rating) {
  const words = rating ? `${named(clips)}: ${"★".repeat(rating)}` : `${named(clips)}: no rating`;
  if (session.value && rating) return decide("/api/heard", { clips, rating, ...heardNow() }, words);
  return decide("/api/rating", { clips, rating }, words);
}

/** Reject clips. Clips that are rejected stay so: a key that is held down never brings one back. */
export async function reject(clips) {
  const open = clips.filter((id) => !rowOf(id)?.rejected);
  const words = `${named(open)} rejected`;
  if (open.length && session.value) return decide("/api/heard", { clips: open, rejected: true, ...heardNow() }, words);
  if (open.length) return decide("/api/rejection", { clips: open, rejected: true }, words);
  said.value = `${named(clips)}: rejected already; Shift-x shows it again`;
  return null;
}

export const unreject = (clips) => decide("/api/rejection", { clips, rejected: false }, `${named(clips)} shown again`);
export const trust = (clips) => decide("/api/trust", { clips }, `${named(clips)} trusted`);
export const tag = (clips, add, remove) => decide("/api/tags", { clips, add, remove }, `${named(clips)} tagged`);
export const note = (clips, text) => decide("/api/note", { clips, text }, `note on ${named(clips)}`);

/** Mark a clip as heard; this is a decision, too, but no key undoes it: it says what happened. The clip stays in
 * view, because it is judged after it was heard. */
export async function heard(id) {
  if (isReadOnly() || (rowOf(id)?.heard && !session.value)) return;
  if (placeOf(id) >= 0) keep(id);
  await post("/api/heard", { clips: [id], ...(session.value ? heardNow() : {}) }).catch(() => {});
  refresh([id]);
}

async function revert(from, to, word) {
  if (isReadOnly()) {
    said.value = READ_ONLY;
    return;
  }
  const last = from.pop();
  if (last === undefined) {
    said.value = `nothing of this page to ${word}`;
    return;
  }
  try {
    const entry = await post("/api/undo", { decision: last.decision });
    to.push({ ...last, decision: entry.decision });
    refresh(last.clips);
    // in view even if the query hides it
    last.clips.forEach((id, at) => (at === 0 || last.places[at] >= 0) && keep(id, last.places[at]));
    if (last.clips.length) selected.value = last.clips[0];
    said.value = `${word}: ${named(last.clips)}`;
    decisions.dispatchEvent(new CustomEvent("decided", { detail: { path: "/api/undo", clips: last.clips } }));
    findAgain();
  } catch (failure) {
    said.value = failure.message;
  }
}

export const undo = () => revert(made, undone, "undo");
export const redo = () => revert(undone, made, "redo");
