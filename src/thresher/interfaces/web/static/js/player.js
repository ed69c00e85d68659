// Plays one clip at a time. The next two clips and the previous one are fetched and decoded ahead, so that a key is
// heard at once. Every start, stop and switch is faded over 10 ms.

import { whyNot } from "./api.js";
import { newest } from "./changes.js";
import { bufferOf, outputOf, outputProblem } from "./audio_output.js";
import { readRow, rowOf, rowsVersion, selected } from "./selection.js";
import { gainOf, loop, matched, speed } from "./player_settings.js";
import { Signal } from "./signals.js";
import { SoundBuffers } from "./sound_buffers.js";
import { awaited } from "./waiting.js";
import { regionOf } from "./wav_region.js";

const FADE = 0.01; // seconds
const REST = 150; // milliseconds
const LONGEST_DECODED = 120; // seconds; longer clips are streamed

/** What is playing: {id, since, offset, rate} or null. `offset` is where in the clip it began, in seconds. */
export const playing = new Signal(null);
/** A sentence about the clip that can't be played; null if all is well. */
export const playProblem = new Signal(null);
/** Why clips could not be played: id → sentence. */
export const problems = new Map();
/** Dispatches "ended" with the id when a clip has played to its end. */
export const ended = new EventTarget();

let current = null; // {id, context, node, gain, element?, stop}
let timing = null;
let turn = null;
let looped = null; // the region that loops in what plays

const buffers = new SoundBuffers(bufferOf);
let part = null; // the decoded region of a long clip: {id, from, to, buffer}
const isLong = (id) => (rowOf(id)?.seconds ?? 0) > LONGEST_DECODED;

/** Fetch clips that will probably be played next, one after the other. */
export function prefetch(ids) {
  buffers.prefetch(ids.filter((id) => rowOf(id) && !rowOf(id).missing && !isLong(id)));
}

/** Where the clip that plays is now, in seconds of the clip; null if nothing plays. */
export function position() {
  const now = playing.value;
  if (now === null) return null;
  if (current?.element) return current.element.currentTime;
  const passed = now.offset + Math.max(0, current.context.currentTime - now.since) * now.rate;
  const region = looped;
  return region && passed > region.to ? region.from + ((passed - region.from) % (region.to - region.from)) : passed;
}

function release(voice, at) {
  const { gain } = voice.gain;
  gain.cancelScheduledValues(at);
  gain.setValueAtTime(gain.value, at);
  gain.linearRampToValueAtTime(0, at + FADE);
  voice.stop(at + FADE);
}

/** Stop what plays, with a fade. A clip that is on its way is not played either. */
export function stop() {
  turn = null;
  if (current !== null) release(current, current.context.currentTime);
  current = null;
  playing.value = null;
}

/** Play a clip from `from` seconds on. `event` is the key or click that asked for it, for the measured delay. */
export async function play(id, from = 0, event = null) {
  playProblem.value = null;
  timing = { asked: event?.timeStamp || performance.now(), delay: null };
  const mine = (turn = Symbol(id));
  try {
    const voice = await voiceOf(id, from);
    if (turn !== mine) {
      if (voice.element) voice.stop(); // another clip was asked for meanwhile
      return;
    }
    const begin = voice.context.currentTime;
    if (current !== null) release(current, current.context.currentTime);
    current = voice;
    looped = voice.region ?? null;
    voice.gain.gain.setValueAtTime(0, begin);
    voice.gain.gain.linearRampToValueAtTime(gainOf(rowOf(id)), begin + FADE);
    voice.start(begin);
    measure(voice.context, begin);
    problems.delete(id);
    playing.value = { id, since: begin, offset: from, rate: speed.value };
  } catch (failure) {
    if (turn === mine) failed(id, failure.message);
  }
}

/** Make what plays a clip. A long clip is streamed, but its region is decoded, so that it loops to the sample. */
async function voiceOf(id, from) {
  await readRow(id); // its length and its loudness
  if (!isLong(id)) return sampled(id, await buffers.get(id), from, loopOf(id), 0);
  const region = loopOf(id);
  if (!region || region.to - region.from > LONGEST_DECODED || from < region.from || from >= region.to) return streamed(id, from);
  if (part?.id !== id || part.from !== region.from || part.to !== region.to) {
    const bytes = await awaited(regionOf(`/audio/${id}`, region));
    part = { id, ...region, buffer: await bufferOf(bytes) };
    if (loopOf(id) !== region) return voiceOf(id, from); // another region was selected meanwhile
  }
  return sampled(id, part.buffer, from, region, region.from);
}

const loopOf = (id) => (id === selected.value ? loop.value : null);

function failed(id, why) {
  problems.set(id, why);
  stop();
  playProblem.value = why;
}

/** Play samples that begin `base` seconds after the clip does, and loop a region of the clip. */
function sampled(id, buffer, from, region, base) {
  const { context, master } = outputOf(buffer.sampleRate);
  const node = context.createBufferSource();
  node.buffer = buffer;
  node.playbackRate.value = speed.value;
  setLoop(node, region, base);
  const gain = context.createGain();
  node.connect(gain).connect(master);
  node.onended = () => {
    gain.disconnect();
    finished(id, node);
  };
  const begin = Math.min(from - base, Math.max(0, buffer.duration - 0.01));
  return { id, context, node, gain, base, region, start: (at) => node.start(at, begin), stop: (at) => node.stop(at) };
}

function setLoop(node, region, base) {
  if (region) Object.assign(node, { loopStart: region.from - base, loopEnd: region.to - base });
  node.loop = region !== null;
}

function streamed(id, from) {
  const element = new Audio(`/audio/${id}`);
  element.currentTime = from;
  element.playbackRate = speed.value;
  const { context, master } = outputOf();
  const node = context.createMediaElementSource(element);
  const gain = context.createGain();
  node.connect(gain).connect(master);
  element.onended = () => finished(id, node);
  element.onerror = async () => {
    const { why } = await whyNot(`/audio/${id}`, "the clip can't be played");
    if (current?.node === node) failed(id, why);
  };
  element.ontimeupdate = () => {
    const region = loopOf(id); // one that is too long to be decoded
    if (region && element.currentTime >= region.to) element.currentTime = region.from;
  };
  const end = () => {
    element.onerror = null;
    element.pause();
    element.removeAttribute("src");
    element.load();
    gain.disconnect();
  };
  return { id, context, node, gain, element, start: () => awaited(element.play().catch(() => {})), stop: () => setTimeout(end, FADE * 1000) };
}

function finished(id, node) {
  if (current?.node !== node) return;
  current = null;
  playing.value = null;
  ended.dispatchEvent(new CustomEvent("ended", { detail: id }));
}

/** Milliseconds from the key to the sound of the last clip, with the output's latency; for the benchmark. */
export const lastDelay = () => timing?.delay ?? null;

function measure(context, begin) {
  const latency = (context.baseLatency || 0) + (context.outputLatency || 0);
  timing.delay = performance.now() - timing.asked + (begin - context.currentTime + latency) * 1000;
}

/** A short tone, which confirms a key without a look: `pitch` in Hz. */
export function tone(pitch, seconds = 0.09) {
  const { context: on, master } = outputOf();
  const node = new OscillatorNode(on, { frequency: pitch });
  const gain = new GainNode(on, { gain: 0 });
  node.connect(gain).connect(master);
  gain.gain.linearRampToValueAtTime(0.12, on.currentTime + FADE);
  gain.gain.setTargetAtTime(0, on.currentTime + seconds, FADE);
  node.start();
  node.stop(on.currentTime + seconds + 6 * FADE);
  node.onended = () => gain.disconnect();
}

speed.listen((rate) => {
  const now = playing.value;
  if (now === null) return;
  const at = position();
  if (current.element) current.element.playbackRate = rate;
  else current.node.playbackRate.value = rate;
  playing.value = { ...now, since: current.context.currentTime, offset: at, rate };
});

matched.listen(() => {
  if (current === null) return;
  current.gain.gain.setTargetAtTime(gainOf(rowOf(current.id)), current.context.currentTime, FADE);
});

outputProblem.listen((why) => {
  playProblem.value = why;
});

let later = null;
loop.listen(() => {
  if (current === null) return;
  const { id, node, base } = current;
  clearTimeout(later);
  if (isLong(id)) {
    // its region is fetched once its ends rest
    if (id === selected.value) later = setTimeout(() => current?.id === id && play(id, within(position())), REST);
    return;
  }
  const at = position();
  looped = loopOf(id);
  setLoop(node, looped, base);
  playing.value = { ...playing.value, since: current.context.currentTime, offset: at };
});

/** A place in the region, if there is one: the same, or its start. */
function within(at) {
  const region = loop.value;
  return region && (at < region.from || at >= region.to) ? region.from : at;
}

// a region, and why a clip could not be played, belong to that clip
selected.listen(() => {
  loop.value = null;
  playProblem.value = null;
});

let wasAway = false;
newest.listen(({ trouble }) => {
  if (wasAway && !trouble) {
    problems.clear(); // what could not be played may be there now
    playProblem.value = null;
    rowsVersion.value += 1;
  }
  wasAway = Boolean(trouble);
});
