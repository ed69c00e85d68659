// Plays one clip at a time. The next two clips and the previous one are fetched and decoded ahead, so that a key is
// heard at once. Every start, stop and switch is faded over 10 ms.

import { rowOf } from "./selection.js";
import { Signal } from "./signals.js";

const FADE = 0.01; // seconds
const KEPT = 12; // decoded clips
const LONGEST_DECODED = 120; // seconds; longer clips are streamed
const TARGET_LUFS = -16;
const MOST_GAIN_DB = 12;
const PEAK_LIMIT_DB = -1;

/** What is playing: {id, since, offset, rate} or null. `offset` is where in the clip it began, in seconds. */
export const playing = new Signal(null);
/** A sentence about the clip that can't be played; null if all is well. */
export const playProblem = new Signal(null);
export const matched = new Signal(true);
export const volume = new Signal(1);
export const speed = new Signal(1);
/** The loop of the selected region: {from, to} in seconds of the clip, or null. */
export const loop = new Signal(null);
/** Called with the id when a clip has played to its end. */
export const ended = new EventTarget();

let context = null;
let master = null;
let current = null; // {id, node, gain, stop}
const decoded = new Map(); // id → Promise of an AudioBuffer, oldest first
let timing = null;

function audio() {
  if (context === null) {
    context = new AudioContext({ latencyHint: "interactive" });
    master = context.createGain();
    master.connect(context.destination);
    volume.follow((value) => master.gain.setTargetAtTime(value, context.currentTime, FADE));
  }
  if (context.state === "suspended") context.resume();
  return context;
}

async function fetchDecoded(id) {
  const response = await fetch(`/audio/${id}`);
  if (!response.ok) throw new Error((await response.json().catch(() => null))?.error ?? "the clip can't be played");
  return audio().decodeAudioData(await response.arrayBuffer());
}

/** Return the decoded clip, from memory if it is there. */
function bufferOf(id) {
  let buffer = decoded.get(id);
  if (buffer === undefined) {
    buffer = fetchDecoded(id);
    buffer.catch(() => decoded.delete(id));
  } else {
    decoded.delete(id);
  }
  decoded.set(id, buffer); // the newest is last
  for (const oldest of decoded.keys()) {
    if (decoded.size <= KEPT) break;
    if (oldest !== current?.id) decoded.delete(oldest);
  }
  return buffer;
}

/** Fetch clips that will probably be played next. */
export function prefetch(ids) {
  if (context === null) return; // nothing was played yet, and browsers allow no context before a key
  for (const id of ids) {
    const row = rowOf(id);
    if (row && (row.seconds ?? 0) <= LONGEST_DECODED && !row.missing) bufferOf(id).catch(() => {});
  }
}

/** The gain that matches a clip's loudness with the others': at most +12 dB, and no peak above -1 dBFS. */
export function gainOf(row) {
  if (!matched.value || row?.loudness == null) return 1;
  const wanted = Math.min(TARGET_LUFS - row.loudness, MOST_GAIN_DB);
  const room = row.peak > 0 ? PEAK_LIMIT_DB - 20 * Math.log10(row.peak) : MOST_GAIN_DB;
  return 10 ** (Math.min(wanted, Math.max(room, -60)) / 20);
}

/** Where the clip that plays is now, in seconds of the clip; null if nothing plays. */
export function position() {
  const now = playing.value;
  if (now === null) return null;
  if (current?.element) return current.element.currentTime;
  const passed = now.offset + (context.currentTime - now.since) * now.rate;
  const region = loop.value;
  return region && passed > region.to ? region.from + ((passed - region.from) % (region.to - region.from)) : passed;
}

function release(voice, at) {
  voice.gain.gain.cancelScheduledValues(at);
  voice.gain.gain.setValueAtTime(voice.gain.gain.value, at);
  voice.gain.gain.linearRampToValueAtTime(0, at + FADE);
  voice.stop(at + FADE);
}

/** Stop what plays, with a fade. */
export function stop() {
  if (current !== null) release(current, audio().currentTime);
  current = null;
  playing.value = null;
}

/** Play a clip from `from` seconds on. `event` is the key or click that asked for it, for the measured delay. */
export async function play(id, from = 0, event = null) {
  const asked = audio();
  playProblem.value = null;
  timing = { asked: event?.timeStamp ?? performance.now() };
  const turn = Symbol(id);
  play.turn = turn;
  try {
    const row = rowOf(id);
    const voice = (row?.seconds ?? 0) > LONGEST_DECODED ? streamed(id, from) : await sampled(id, from, turn);
    if (voice === null) return;
    const begin = asked.currentTime;
    if (current !== null) release(current, begin);
    current = voice;
    voice.gain.gain.setValueAtTime(0, begin);
    voice.gain.gain.linearRampToValueAtTime(gainOf(row), begin + FADE);
    voice.start(begin);
    measure(begin);
    playing.value = { id, since: begin, offset: from, rate: speed.value };
  } catch (failure) {
    if (play.turn === turn) {
      stop();
      playProblem.value = failure.message;
    }
  }
}

async function sampled(id, from, turn) {
  const buffer = await bufferOf(id);
  if (play.turn !== turn) return null; // another clip was asked for meanwhile
  const node = audio().createBufferSource();
  node.buffer = buffer;
  node.playbackRate.value = speed.value;
  if (loop.value) Object.assign(node, { loop: true, loopStart: loop.value.from, loopEnd: loop.value.to });
  const gain = audio().createGain();
  node.connect(gain).connect(master);
  node.onended = () => finished(id, node);
  return { id, node, gain, start: (at) => node.start(at, from), stop: (at) => node.stop(at) };
}

function streamed(id, from) {
  const element = new Audio(`/audio/${id}`);
  element.currentTime = from;
  element.playbackRate = speed.value;
  const node = audio().createMediaElementSource(element);
  const gain = audio().createGain();
  node.connect(gain).connect(master);
  element.onended = () => finished(id, node);
  element.onerror = () => {
    playProblem.value = "the clip can't be played";
  };
  const stopSoon = () => setTimeout(() => element.pause(), FADE * 1000);
  return { id, node, gain, element, start: () => element.play(), stop: stopSoon };
}

function finished(id, node) {
  if (current?.node !== node) return;
  current = null;
  playing.value = null;
  ended.dispatchEvent(new CustomEvent("ended", { detail: id }));
}

/** Milliseconds from the key to the sound of the last clip, with the output's latency; for the benchmark. */
export function lastDelay() {
  return timing?.delay ?? null;
}

function measure(begin) {
  const stamp = context.getOutputTimestamp();
  const latency = (context.baseLatency || 0) + (context.outputLatency || 0);
  const heard = stamp.performanceTime + (begin - stamp.contextTime + latency) * 1000;
  timing.delay = heard - timing.asked;
}

speed.listen((rate) => {
  const now = playing.value;
  if (now === null) return;
  const at = position();
  if (current.element) current.element.playbackRate = rate;
  else current.node.playbackRate.value = rate;
  playing.value = { ...now, since: audio().currentTime, offset: at, rate };
});

loop.listen((region) => {
  if (!current?.node.buffer) return;
  Object.assign(current.node, region ? { loop: true, loopStart: region.from, loopEnd: region.to } : { loop: false });
});
