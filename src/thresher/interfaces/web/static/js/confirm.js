// Ears only: each key is confirmed by a tone, or by a voice where the browser has one, so that nobody has to look.

import { tone } from "./player.js";
import { keptSignal } from "./player_settings.js";

/** Whether tones or a voice confirm keys, for judging without a look. */
export const earsOnly = keptSignal("ears only", false);
/** Whether a voice confirms keys instead of tones. */
export const voice = keptSignal("voice", false);

export const hasVoices = () => (window.speechSynthesis?.getVoices().length ?? 0) > 0;

const REFUSED = 110; // Hz: lower than any other tone

function speak(words) {
  window.speechSynthesis.cancel(); // the newest word counts
  const spoken = new SpeechSynthesisUtterance(words);
  spoken.lang = "en";
  spoken.rate = 1.3;
  window.speechSynthesis.speak(spoken);
}

/** Confirm a key: by its tone, `pitch` in Hz, or by words. */
export function confirmKey(pitch, words) {
  if (!earsOnly.value) return;
  if (voice.value && hasVoices()) speak(words);
  else tone(pitch);
}

/** Say that a key did nothing, and why: a long low tone, or the sentence. */
export function confirmRefusal(sentence) {
  if (!earsOnly.value) return;
  if (voice.value && hasVoices()) speak(sentence);
  else tone(REFUSED, 0.35);
}

window.speechSynthesis?.getVoices(); // browsers load their voices when they are first asked for
