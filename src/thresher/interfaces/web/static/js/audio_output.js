// Where sound goes: an audio context for each sample rate, so that no clip is converted before it plays, and one with
// the rate of the device for what is streamed.

import { output, volume } from "./player_settings.js";
import { Signal } from "./signals.js";

const FADE = 0.01; // seconds
const HEADER = 44; // bytes; the server's files have no other chunks

/** A sentence about the output that can't be used; null if all is well. */
export const outputProblem = new Signal(null);

const outputs = new Map(); // sample rate, or null for that of the device → {context, master}

function open(rate) {
  const options = { latencyHint: "interactive" };
  const context = new AudioContext(rate === null ? options : { ...options, sampleRate: rate });
  const master = context.createGain();
  master.connect(context.destination);
  volume.follow((value) => master.gain.setTargetAtTime(value, context.currentTime, FADE));
  output.follow((device) => {
    if (!context.setSinkId || (!device && !context.sinkId)) return;
    context.setSinkId(device ?? "").catch(() => {
      outputProblem.value = "the chosen output is not there; another one plays";
    });
  });
  return { context, master };
}

/** The output of a sample rate, in Hz: {context, master}; null means that of the device. It begins to run. */
export function outputOf(rate = null) {
  let found = outputs.get(rate);
  if (found === undefined) {
    try {
      found = open(rate);
    } catch {
      found = outputOf(null); // a browser that has no contexts of this rate converts while it plays
    }
    outputs.set(rate, found);
  }
  if (found.context.state !== "running") {
    found.context.resume().catch(() => {
      outputProblem.value = null; // the sentence is said again
      outputProblem.value = "the browser can't start the sound output";
    });
  }
  return found;
}

/** The samples of a WAV file of the server: 16 bits, one or two channels. This takes a millisecond, decodeAudioData 50. */
export async function bufferOf(bytes) {
  const view = new DataView(bytes);
  const channels = view.getUint16(22, true);
  const samples = new Int16Array(bytes, HEADER, (bytes.byteLength - HEADER) >> 1);
  const length = samples.length / channels;
  const buffer = new AudioBuffer({ length, numberOfChannels: channels, sampleRate: view.getUint32(24, true) });
  for (let channel = 0; channel < channels; channel += 1) {
    const into = buffer.getChannelData(channel);
    for (let frame = 0, from = channel; frame < length; frame += 1, from += channels) into[frame] = samples[from] / 32768;
  }
  return buffer;
}
