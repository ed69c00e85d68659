// Decisions of this page. Each is sent at once and shown at once; `u` undoes the latest decision of this page.

import { persist, post } from "./api.js";
import { confirmRefusal } from "./confirm.js";
import { keep as keepInTab, recall } from "./recall.js";
import { expect, findAgain, isReleased, keep, placeOf, refresh, release, retain, rowOf, selected } from "./selection.js";
import { isReadOnly, refusal, room } from "./room.js";
import { Signal } from "./signals.js";

/** A sentence about what was done last, for the status line. The same sentence again stays as long again. */
export const said = new Signal("", { isRepeated: true });

/** Say why a key did nothing; with ears only, also by a tone or a voice. */
export function refuse(sentence) {
  said.value = sentence;
  confirmRefusal(sentence);
}

/** What a key says that needs a clip of the list. */
export const NO_CLIP = "no clip of the list is selected";
/** What a key says that needs the sound of a clip, where that is not there. */
export function withoutSound(id) {
  if (id === null) return NO_CLIP;
  return rowOf(id) ? `clip ${id} has no sound` : `clip ${id} is not loaded yet; press the key again in a moment`;
}
/** Dispatches "decided" with {verb, clips, rating} after each decision of this page, undos included. */
export const decisions = new EventTarget();

const made = []; // decisions of this page that can be undone: {decision, clips, places, words}
const undone = []; // undos of this page that can be undone
const MOST_KEPT = 100;
const keyOf = ({ folder }) => `thresher decisions in ${folder}`;

/** Keep what can be undone while the page is loaded again. */
function remember() {
  keepInTab(keyOf(room.value), [made.slice(-MOST_KEPT), undone.slice(-MOST_KEPT)]);
}

let isRecalled = false;
room.listen((now) => {
  if (isRecalled) return;
  isRecalled = true;
  const [before, undoneBefore] = recall(keyOf(now)) ?? [[], []];
  made.unshift(...before);
  undone.unshift(...undoneBefore);
  remember();
});

let last = Promise.resolve();

/** Send changes one after the other: two keys in a row must not overtake each other on the way. */
function inOrder(send) {
  const sent = last.then(send);
  last = sent.catch(() => {});
  return sent;
}

/** Send a decision about clips; returns the server's outcome, null if it was refused. `meanwhile` is said until then. */
export async function decide(path, body, sentence, meanwhile = "") {
  if (isReadOnly()) {
    refuse(refusal());
    return null;
  }
  const clips = body.clips ?? [];
  const places = clips.map(placeOf);
  const wordsOf = (outcome) => (typeof sentence === "function" ? sentence(outcome) : sentence);
  release(clips);
  said.value = meanwhile;
  try {
    const outcome = await inOrder(async () => {
      const done = await post(path, body);
      if (done.decision !== null) {
        expect(done.decision);
        made.push({ decision: done.decision, clips, places, words: wordsOf(done) });
        undone.length = 0;
        remember();
      }
      return done;
    });
    said.value = wordsOf(outcome);
    decisions.dispatchEvent(new CustomEvent("decided", { detail: { path, ...body } }));
    findAgain();
    return outcome;
  } catch (failure) {
    retain(clips);
    refuse(failure.message);
    return null;
  } finally {
    refresh(clips);
  }
}

/** Clips in words: "clip 12", "3 clips". */
export const named = (clips) => (clips.length === 1 ? `clip ${clips[0]}` : `${clips.length} clips`);

/** The listening session in which clips are judged: {started_at, clips}; null outside of one. What is judged there is
 * heard. */
export const session = new Signal(null);
/** Whether the session still waits for a clip to be heard: a clip that was heard before may be in it. */
const isOpen = (id) => session.value?.clips.some((clip) => clip.id === id && !clip.done) ?? false;
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
  return undefined;
}

export function unreject(clips) {
  const words = ({ decision }) => `${named(clips)} ${decision === null ? "not rejected" : "shown again"}`;
  return decide("/api/rejection", { clips, rejected: false }, words);
}
export const trust = (clips) => decide("/api/trust", { clips }, `${named(clips)} trusted`);
export function tag(clips, add, remove) {
  const words = ({ decision }) => (decision === null ? `no tag of ${named(clips)} changed` : `${named(clips)} tagged`);
  return decide("/api/tags", { clips, add, remove }, words);
}
export function note(clips, text) {
  const done = text.trim() ? `note on ${named(clips)}` : `note on ${named(clips)} removed`;
  return decide("/api/note", { clips, text }, ({ decision }) => (decision === null ? `no note on ${named(clips)} changed` : done));
}

/** Mark a clip as heard; this is a decision, too, but no key undoes it: it says what happened. The clip stays in
 * view, because it is judged after it was heard. */
export async function heard(id) {
  if (isReadOnly() || (rowOf(id)?.heard && !isOpen(id))) return;
  if (placeOf(id) >= 0 && !isReleased(id)) keep([[id, placeOf(id)]]); // a decision about it may still be on its way
  const body = { clips: [id], ...(session.value ? heardNow() : {}) };
  const send = () => inOrder(() => post("/api/heard", body));
  await persist(send, () => true, () => {}).then(({ decision }) => expect(decision)).catch(() => {});
  decisions.dispatchEvent(new CustomEvent("decided", { detail: { path: "/api/heard", clips: [id] } }));
  refresh([id]);
}

const revert = (from, to, word) => inOrder(() => reverted(from, to, word));

async function reverted(from, to, word) {
  if (isReadOnly()) {
    refuse(refusal());
    return false;
  }
  said.value = "";
  const latest = from.pop();
  remember();
  if (latest === undefined) {
    refuse(`nothing on this page to ${word}`);
    return false;
  }
  try {
    const entry = await post("/api/undo", { decision: latest.decision });
    expect(entry.decision);
    to.push({ ...latest, decision: entry.decision });
    remember();
    refresh(latest.clips);
    const stays = latest.clips.length !== 1 && placeOf(selected.value) >= 0; // many clips do not draw the listener away
    // in view even if the query hides it
    keep(latest.clips.map((id, at) => [id, latest.places[at]]).filter(([, at], nth) => (nth === 0 && !stays) || at >= 0));
    if (!stays && latest.clips.length) selected.value = latest.clips[0];
    said.value = `${word}: ${latest.words}`;
    decisions.dispatchEvent(new CustomEvent("decided", { detail: { path: "/api/undo", clips: latest.clips } }));
    findAgain();
    return true;
  } catch (failure) {
    // without an answer, or if the server could not do it now, the key can be pressed again
    if (failure.status === 0 || failure.status >= 500) from.push(latest);
    remember();
    refuse(failure.message);
    return false;
  }
}

export const undo = (event) => (event?.repeat ? null : revert(made, undone, "undo"));
export const redo = (event) => (event?.repeat ? null : revert(undone, made, "redo"));
