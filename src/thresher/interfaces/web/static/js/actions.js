// The actions that every view has: audition, judge, seek, undo.

import { get, post } from "./api.js";
import { newest } from "./changes.js";
import { ask, openDialog } from "./dialogs.js";
import { confirmKey, earsOnly, hasVoices, voice } from "./confirm.js";
import { downloadAll, downloadSelected } from "./downloads.js";
import { element } from "./element.js";
import { heard, named, NO_CLIP, note, redo, refuse, reject, rate, said, tag, undo, unreject } from "./judge.js";
import { ACTIONS, action, keyText } from "./keys.js";
import { likeMoment, NO_MOMENT, starts } from "./moment.js";
import { ended, play, playing, position, prefetch, stop } from "./player.js";
import { keptSignal, matched, speed, volume } from "./player_settings.js";
import { readable } from "./names.js";
import { isReadOnly, refusal } from "./room.js";
import { loadNames, metrics } from "./search.js";
import { carry, chosen, ids, move, placeOf, rowOf, selected } from "./selection.js";
import { Signal } from "./signals.js";
import { go, place, VIEWS } from "./views.js";

const SEEK = 2; // seconds
const PAUSE = 1500; // milliseconds after the end of a clip in which a key still judges it
const MOST_READ = 500; // rows that the server sends at once
const REST = 120; // milliseconds after which a clip plays while a key is held down

/** Whether the next clip plays by itself at the end of one. */
export const advance = keptSignal("play on", false);
/** Whether similar unheard clips follow at the end of a list. */
export const goOn = keptSignal("go on with similar clips", false);

/** Which clip follows one when clips play on; a view can have its own order. Returns undefined at the end. */
export const following = new Signal(nextInList);

function nextInList(id) {
  return ids.value[placeOf(id) + 1];
}

const playsOn = () => advance.value || earsOnly.value || place.value.view === "listen";

/** The selected clip of the list as the only item; none, and that is said, without one. */
function one() {
  if (selected.value !== null && placeOf(selected.value) >= 0) return [selected.value];
  refuse(NO_CLIP);
  return [];
}
/** The clips that a key judges: those that are selected together, else the selected one. */
const here = () => (chosen.value.length ? chosen.value : one());

/** Play the selected clip, then fetch its neighbours. */
export async function audition(event) {
  const id = selected.value;
  if (id === null) {
    refuse(NO_CLIP);
    return;
  }
  await play(id, starts.get(id) ?? 0, event);
  if (selected.value !== id) return;
  const at = placeOf(id);
  prefetch([ids.value[at + 1], ids.value[at + 2], ids.value[at - 1]].filter((each) => each !== undefined));
}

let rest = null; // the timer of a clip that plays once a key is no longer held down
let pause = null; // the timer of the clip that follows the end of another one

/** Stop what plays, and what would play next. */
function stopAll() {
  clearTimeout(rest);
  clearTimeout(pause);
  stop();
}

// one window of a browser plays at a time
const windows = new BroadcastChannel("thresher sound");
playing.listen((now) => now && windows.postMessage(now.id));
windows.onmessage = () => {
  const isHeard = playing.value !== null;
  stopAll();
  if (isHeard) said.value = "stopped: another window plays";
};

function auditionAtRest(event) {
  clearTimeout(rest);
  if (event?.repeat) rest = setTimeout(() => audition(null), REST);
  else audition(event);
}

/** Select the clip `by` places further; returns whether there was one, and says why not. */
export function walk(by) {
  if (move(by)) return true;
  if (ids.value.length) refuse(by > 0 ? "this is the last clip" : "this is the first clip");
  else refuse("the list is empty");
  return false;
}

function step(by) {
  return (event) => {
    if (walk(by)) auditionAtRest(event);
  };
}

function playOrStop(event) {
  if (playing.value?.id === selected.value && playing.value) stopAll();
  else audition(event);
}

function seek(by) {
  return (event) => {
    const id = playing.value?.id ?? selected.value;
    if (id === null) {
      refuse(NO_CLIP);
      return;
    }
    const length = rowOf(id)?.seconds ?? 0;
    play(id, Math.max(0, Math.min(length - 0.05, (position() ?? 0) + by)), event);
  };
}

/** Judge the selected clip. Where clips play on, the next one plays at once; a refusal leads back. */
async function judged(event, judge, pitch, words) {
  const clips = here();
  if (!clips.length) return;
  if (chosen.value.length) {
    const outcome = await judge(clips);
    if (outcome !== null) confirmKey(pitch, words);
    return;
  }
  const [clip] = clips;
  clearTimeout(pause);
  const next = playsOn() ? following.value(clip) : undefined;
  const answer = judge([clip]);
  if (next !== undefined) {
    selected.value = next;
    audition(event);
  }
  const outcome = await answer;
  if (outcome === null) {
    if (selected.value === next) {
      selected.value = clip;
      audition(event); // what is heard and what the next key judges are one clip
    }
    return;
  }
  confirmKey(pitch, words);
  if (playsOn() && next === undefined) continueSimilar(clip, event);
}

const rated = (rating, event) =>
  event.repeat ? null : judged(event, (clips) => rate(clips, rating), rating ? 330 * 2 ** (rating / 6) : 262, rating ? `${rating}` : "no rating");
const rejected = (event) => (event.repeat ? null : judged(event, reject, 165, "rejected"));

function shownAgain() {
  const clips = here();
  if (clips.length) unreject(clips);
}

/** Undo or redo, and confirm it. */
const reverts = (revert, pitch, words) => async (event) => {
  if (event.repeat) return;
  if (!(await revert(event))) return;
  confirmKey(pitch, words);
  // where clips play on, what is heard and what the next key judges are one clip
  if (playsOn() && playing.value && playing.value.id !== selected.value) audition(event);
};

/** Return a function that says whether the listener is still where they were: an answer may arrive after they went on. */
function stayed() {
  const [clip, where] = [selected.value, place.value];
  return () => selected.value === clip && place.value === where;
}

/** Ask which clips are unheard; most of them have no row in this page. */
async function nextUnheard(event) {
  const isHere = stayed();
  said.value = "";
  try {
    const unheard = new Set((await get("/api/clips", { q: "heard:no rejected+ status+" })).ids);
    if (!isHere()) return;
    const at = placeOf(selected.value);
    const order = [...ids.value.slice(at + 1), ...ids.value.slice(0, Math.max(0, at))];
    const next = order.find((id) => unheard.has(id));
    if (next === undefined) refuse("all clips of this query are heard");
    else {
      selected.value = next;
      audition(event);
    }
  } catch (failure) {
    refuse(failure.message);
  }
}

/** The query of the clips like one, by how they sound where that is computed. */
const likeQuery = (id) => `${metrics.value.includes("likeness") ? "near@likeness" : "near"}:${id}`;

async function continueSimilar(id, event) {
  if (!goOn.value || place.value.view === "listen") {
    refuse("this was the last clip");
    return;
  }
  const query = `${likeQuery(id)} heard:no`;
  const where = place.value;
  const { ids: found } = await get("/api/clips", { q: query }).catch(() => ({ ids: [] }));
  const isElsewhere = selected.value !== id && placeOf(id) >= 0; // a clip that left the list did not take them along
  if (isElsewhere || place.value !== where || (playing.value && playing.value.id !== id)) return;
  const next = found.find((each) => each !== id);
  if (next === undefined) {
    refuse("no similar clip is unheard");
    return;
  }
  selected.value = next;
  go({ view: "clips", query });
  said.value = `clips like clip ${id}`;
  audition(event);
}

/** The clips that a key writes on; none, with the reason said, where it can't. */
function writable() {
  if (!isReadOnly()) return here();
  refuse(refusal());
  return [];
}

async function tagged() {
  const clips = writable();
  if (!clips.length) return;
  const text = await ask(`Tags of ${named(clips)}, with commas; -name removes one`);
  const names = (text ?? "").split(",").map((name) => name.trim()).filter(Boolean);
  const remove = names.filter((name) => name.startsWith("-")).map((name) => name.slice(1).trim()).filter(Boolean);
  const add = names.filter((name) => !name.startsWith("-"));
  if (add.length || remove.length) await tag(clips, add, remove);
  else if (text !== null) refuse("no tag was given");
}

/** The note that clips share, with a hint if they do not share one, or if they are too many to read. */
async function commonNote(clips) {
  if (clips.length > MOST_READ) return { text: "", hint: `The notes of more than ${MOST_READ} clips are not shown. What you write replaces them.` };
  const { clips: found } = await get("/api/clips/rows", { ids: clips.join(",") });
  const [first, ...others] = new Set(found.map((clip) => clip.note ?? ""));
  return others.length ? { text: "", hint: "These clips have different notes. What you write replaces them." } : { text: first ?? "" };
}

async function annotated() {
  const clips = writable();
  if (!clips.length) return;
  const row = clips.length === 1 ? rowOf(clips[0]) : undefined;
  try {
    const text = await ask(`Note on ${named(clips)}`, row ? row.note ?? "" : commonNote(clips));
    if (text !== null) await note(clips, text);
  } catch (failure) {
    refuse(failure.message);
  }
}

async function saveQuery() {
  const { query } = place.value;
  if (isReadOnly()) refuse(refusal());
  else if (!query) refuse("there is no query to save; / leads to the search field");
  else {
    const name = (await ask(`Save the query “${readable(query)}” under a name`))?.trim();
    if (!name) {
      if (name === "") refuse("no name was given");
      return;
    }
    try {
      await post("/api/queries", { name, query });
      await loadNames();
      said.value = `saved: query:${readable(name)}`;
    } catch (failure) {
      refuse(failure.message);
    }
  }
}

async function sameCluster() {
  const [clip] = one();
  if (clip === undefined) return;
  const isHere = stayed();
  said.value = "";
  try {
    const { cluster } = await get(`/api/clips/${clip}/cluster`);
    if (!isHere()) return;
    if (cluster === null) refuse(`clip ${clip} is in no cluster; \`thresher clusters${newest.value.clustered_at ? " --refit" : ""}\` makes clusters`);
    else go({ view: "clips", query: `cluster:${cluster}` });
  } catch (failure) {
    refuse(failure.message);
  }
}

function like() {
  const [clip] = one();
  if (clip === undefined) return;
  const query = likeQuery(clip);
  carry(clip, query);
  go({ view: "clips", query });
}

function help() {
  const rows = [...ACTIONS.values()].map(({ keys, title, run }) =>
    element("li", {}, element("kbd", {}, keys.map(keyText).join(" ")), element("button", { type: "button", onclick: (event) => { dialog.close(); run(event); } }, title)),
  );
  const close = element("form", { method: "dialog" }, element("button", {}, "Close"));
  const dialog = openDialog("Keys", "help", element("h2", {}, "Keys"), element("ul", {}, rows), close);
}

function anotherVoice() {
  if (!hasVoices()) {
    refuse("this browser has no voice; tones confirm keys");
    return;
  }
  voice.value = !voice.value;
  said.value = voice.value ? "a voice confirms keys" : "tones confirm keys";
  confirmKey(440, said.value);
}

const toggle = (signal, on, off) => () => {
  signal.value = !signal.value;
  said.value = signal.value ? on : off;
};

action("next", { keys: ["ArrowDown", "j"], title: "next clip", run: step(1) });
action("previous", { keys: ["ArrowUp", "k"], title: "previous clip", run: step(-1) });
action("play", { keys: [" "], title: "play or stop", run: playOrStop });
action("stop", { keys: ["Escape"], title: "stop", run: stopAll });
action("forward", { keys: ["ArrowRight"], title: "seek forward", run: seek(SEEK) });
action("back", { keys: ["ArrowLeft"], title: "seek back", run: seek(-SEEK) });
for (let rating = 1; rating <= 5; rating += 1) {
  action(`rate-${rating}`, { keys: [`Digit${rating}`], title: `rate ${rating}`, run: (event) => rated(rating, event) });
}
action("rate-0", { keys: ["Digit0"], title: "clear the rating", run: (event) => rated(null, event) });
action("reject", { keys: ["x"], title: "reject", run: rejected });
action("unreject", { keys: ["Shift+x"], title: "show a rejected clip again", run: shownAgain });
action("undo", { keys: ["u"], title: "undo this page's latest decision", run: reverts(undo, 220, "undone") });
action("redo", { keys: ["Shift+u"], title: "redo", run: reverts(redo, 294, "done again") });
action("tag", { keys: ["t"], title: "tag", run: tagged });
action("note", { keys: ["n"], title: "note", run: annotated });
action("like", { keys: ["l"], title: "more like this clip", run: like });
action("like-moment", { keys: ["Shift+l"], title: "more like this moment", run: likeMoment });
action("cluster", { keys: ["c"], title: "clips of the same cluster", run: sameCluster });
action("unheard", { keys: ["h"], title: "next unheard clip", run: nextUnheard });
action("download", { keys: ["z"], title: "download the clip, or the clips selected on the map as a ZIP file", run: downloadSelected });
action("download-all", { keys: ["Shift+z"], title: "download all clips of the query as a ZIP file", run: downloadAll });
action("advance", { keys: ["a"], title: "play on after each clip, or not", run: toggle(advance, "plays on by itself", "stops after each clip") });
action("go-on", {
  keys: ["Shift+a"],
  title: "go on with similar unheard clips at the end, or not",
  run: toggle(goOn, "similar unheard clips follow at the end", "stops at the end"),
});
action("ears", {
  keys: ["e"],
  title: "ears only: clips play on, and tones or a voice confirm keys",
  run: toggle(earsOnly, "ears only: clips play on, keys are confirmed", "ears only is off"),
});
action("voice", { keys: ["Shift+e"], title: "ears only: a voice or tones", run: anotherVoice });
action("match", { keys: ["Shift+m"], title: "match the loudness of clips, or not", run: toggle(matched, "loudness is matched", "clips are as loud as they are") });
const nudge = (signal, by, least, most, words) => () => {
  signal.value = Math.round(Math.max(least, Math.min(most, signal.value + by)) * 100) / 100;
  said.value = words(signal.value);
};
const volumeText = (value) => `volume ${Math.round(value * 100)} %`;
const speedText = (value) => `${value} times the speed`;
action("first", { keys: ["Home"], title: "first clip", run: () => walk(-Infinity) });
action("last", { keys: ["End"], title: "last clip", run: () => walk(Infinity) });
action("softer", { keys: ["-"], title: "softer", run: nudge(volume, -0.1, 0, 1, volumeText) });
action("louder", { keys: ["+", "="], title: "louder", run: nudge(volume, 0.1, 0, 1, volumeText) });
action("slower", { keys: [","], title: "slower", run: nudge(speed, -0.05, 0.5, 2, speedText) });
action("faster", { keys: ["."], title: "faster", run: nudge(speed, 0.05, 0.5, 2, speedText) });
action("search", { keys: ["/"], title: "search", run: () => document.getElementById("query").select() });
action("save-query", { keys: ["Shift+q"], title: "save the query under a name", run: saveQuery });
action("help", { keys: ["?"], title: "keys", run: help });
for (const [name, { title, key }] of VIEWS) {
  action(`view-${name}`, { keys: [key], title: `view: ${title}`, run: () => go({ view: name, values: NO_MOMENT }) });
}

ended.addEventListener("ended", ({ detail: id }) => {
  heard(id);
  clearTimeout(pause);
  pause = setTimeout(() => {
    if (!playsOn() || selected.value !== id || playing.value) return;
    const next = following.value(id);
    if (next === undefined) continueSimilar(id, null);
    else {
      selected.value = next;
      audition(null);
    }
  }, PAUSE);
});
