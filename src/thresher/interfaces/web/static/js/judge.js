// Decisions of this page. Each is sent at once and shown at once; `u` undoes the latest decision of this page.

import { post } from "./api.js";
import { keep, refresh, rowOf, selected } from "./selection.js";
import { Signal } from "./signals.js";

/** A sentence about what was done last, for the status line. */
export const said = new Signal("");

const made = []; // decisions of this page that can be undone
const undone = []; // undos of this page that can be undone

async function decided(path, body, sentence) {
  try {
    const outcome = await post(path, body);
    if (outcome.decision !== null) {
      made.push({ decision: outcome.decision, clips: body.clips ?? [] });
      undone.length = 0;
    }
    refresh(body.clips ?? []);
    said.value = sentence;
    return outcome;
  } catch (failure) {
    said.value = failure.message;
    refresh(body.clips ?? []);
    return null;
  }
}

const named = (clips) => (clips.length === 1 ? `clip ${clips[0]}` : `${clips.length} clips`);

export const rate = (clips, rating) =>
  decided("/api/rating", { clips, rating }, rating ? `${named(clips)}: ${"★".repeat(rating)}` : `${named(clips)}: no rating`);

/** Reject clips. Clips that are rejected stay so: a key that is held down never brings one back. */
export function reject(clips) {
  const open = clips.filter((id) => !rowOf(id)?.rejected);
  return open.length ? decided("/api/rejection", { clips: open, rejected: true }, `${named(open)} rejected`) : null;
}

export const unreject = (clips) => decided("/api/rejection", { clips, rejected: false }, `${named(clips)} shown again`);
export const trust = (clips) => decided("/api/trust", { clips }, `${named(clips)} trusted`);
export const tag = (clips, add, remove) => decided("/api/tags", { clips, add, remove }, `${named(clips)} tagged`);
export const note = (clips, text) => decided("/api/note", { clips, text }, `note on ${named(clips)}`);

/** Mark a clip as heard; this is a decision, too, but no key undoes it: it says what happened. */
export async function heard(id) {
  if (rowOf(id)?.heard) return;
  await post("/api/heard", { clips: [id] }).catch(() => {});
  refresh([id]);
}

async function revert(from, to, word) {
  const last = from.pop();
  if (last === undefined) {
    said.value = `nothing of this page to ${word}`;
    return;
  }
  try {
    const entry = await post("/api/undo", { decision: last.decision });
    to.push({ decision: entry.decision, clips: last.clips });
    refresh(last.clips);
    const [first] = last.clips;
    if (first !== undefined) {
      keep(first); // in view even if the query hides it
      selected.value = first;
    }
    said.value = `${word}: ${named(last.clips)}`;
  } catch (failure) {
    said.value = failure.message;
  }
}

export const undo = () => revert(made, undone, "undo");
export const redo = () => revert(undone, made, "redo");
