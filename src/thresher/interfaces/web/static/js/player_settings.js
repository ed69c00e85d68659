// How the player sounds: volume, speed, loudness, output. They are kept in this browser.

import { Signal } from "./signals.js";

const TARGET_LUFS = -16;
const MOST_GAIN_DB = 12;
const PEAK_LIMIT_DB = -1;

/** A signal whose value is kept in this browser; `isValid` says whether a kept value can still be used. */
export function keptSignal(name, value, isValid = (kept) => typeof kept === typeof value) {
  const key = `thresher ${name}`;
  let first = value;
  try {
    const kept = JSON.parse(localStorage.getItem(key));
    if (kept !== null && isValid(kept)) first = kept;
  } catch {
    // what is there is not ours, or nothing may be stored
  }
  const signal = new Signal(first);
  signal.listen((now) => {
    try {
      localStorage.setItem(key, JSON.stringify(now));
    } catch {
      // the setting lasts as long as the page
    }
  });
  return signal;
}

const between = (least, most) => (kept) => typeof kept === "number" && kept >= least && kept <= most;

export const matched = keptSignal("match loudness", true);
export const volume = keptSignal("volume", 1, between(0, 1));
export const speed = keptSignal("speed", 1, between(0.5, 2));
/** The id of the output device, "" for the system's. */
export const output = keptSignal("output", "");
/** The loop of the selected region: {from, to} in seconds of the clip, or null. */
export const loop = new Signal(null);

/** The gain that matches a clip's loudness with the others': at most +12 dB, and no peak above -1 dBFS. */
export function gainOf(row) {
  if (!matched.value || row?.loudness == null) return 1;
  const wanted = Math.min(TARGET_LUFS - row.loudness, MOST_GAIN_DB);
  const room = row.peak > 0 ? PEAK_LIMIT_DB - 20 * Math.log10(row.peak) : MOST_GAIN_DB;
  return 10 ** (Math.min(wanted, Math.max(room, -60)) / 20);
}
