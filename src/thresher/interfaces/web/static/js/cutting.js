// Regions by key, and what becomes of them: marks, and parts between silences.

import { time } from "./card.js";
import { decide, NO_CLIP, refuse, said, withoutSound } from "./judge.js";
import { action } from "./keys.js";
import { play, playing, position, stop } from "./player.js";
import { loop } from "./player_settings.js";
import { findAgain, rowOf, selected } from "./selection.js";

const LEAST = 0.02; // seconds
const NO_REGION = "select a region first: drag in the waveform, or press i and o while it plays";

/** Let the region begin or end where the sound is. */
function setEnd(end) {
  return () => {
    const seconds = rowOf(selected.value)?.seconds;
    if (!seconds) {
      refuse(withoutSound(selected.value));
      return;
    }
    const at = playing.value?.id === selected.value ? position() : end === "from" ? 0 : seconds;
    const region = { from: 0, to: seconds, ...loop.value, [end]: Math.min(at, seconds) };
    if (region.to - region.from < LEAST) {
      refuse("a region ends after it begins");
      return;
    }
    loop.value = region;
    said.value = `region ${time(region.from)} to ${time(region.to)}`;
  };
}

function playRegion(event) {
  if (loop.value) play(selected.value, loop.value.from, event);
  else refuse(NO_REGION);
}

function clear() {
  loop.value = null;
  said.value = "no region";
}

async function mark(event) {
  const id = selected.value;
  const region = loop.value;
  if (event.repeat) return;
  if (id === null || region === null) {
    refuse(id === null ? NO_CLIP : NO_REGION);
    return;
  }
  const words = ({ clips }) => `clip ${clips[0]}: ${time(region.from)} to ${time(region.to)} of clip ${id}`;
  await decide("/api/marks", { clips: [id], start: region.from, end: region.to }, words, "marking …");
}

async function split(event) {
  const id = selected.value;
  if (event.repeat) return;
  if (id === null) {
    refuse(NO_CLIP);
    return;
  }
  const words = ({ clips, reasons }) => (clips.length ? `clip ${id}: ${clips.length} parts` : `clip ${id} ${reasons[0] ?? "stays as it is"}`);
  const outcome = await decide("/api/splits", { clips: [id] }, words, "looking for silences …");
  if (!outcome?.clips.length) return;
  await findAgain();
  stop();
  selected.value = outcome.clips[0];
}

action("region-from", { keys: ["i"], title: "the region begins here", run: setEnd("from") });
action("region-to", { keys: ["o"], title: "the region ends here", run: setEnd("to") });
action("region-play", { keys: ["r"], title: "play the region from its start", run: playRegion });
action("region-clear", { keys: ["Shift+r"], title: "remove the region", run: clear });
action("mark", { keys: ["s"], title: "store the region as a marked clip", run: mark });
action("split", { keys: ["b"], title: "split the recording at its silences", run: split });
