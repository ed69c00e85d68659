// Names of files, runs and tags as text of the page. A name that is written from right to left, or that holds characters
// which turn the direction of text, must not change the order of what stands beside it.

const TURNING = /[\u202a-\u202e\u2066-\u2069]/g;
const RIGHT_TO_LEFT = /[\p{Script=Hebrew}\p{Script=Arabic}\p{Script=Syriac}\p{Script=Thaana}\p{Script=Nko}]/u;
const LONGEST = 30; // characters of a name beside other text
const [ISOLATE, END] = ["\u2068", "\u2069"];

/** A name to be shown beside other text; characters that turn its direction are written as in the terminal. */
export function readable(name) {
  const shown = name.replace(TURNING, (character) => `\\u${character.charCodeAt(0).toString(16)}`);
  return RIGHT_TO_LEFT.test(shown) ? `${ISOLATE}${shown}${END}` : shown;
}

/** A name of which the middle is left out if it is long, so that what follows it on a line stays in view. */
export function shortened(name) {
  const characters = [...name];
  const end = LONGEST / 2;
  return characters.length > LONGEST ? `${characters.slice(0, end - 1).join("")}…${characters.slice(-end).join("")}` : name;
}
