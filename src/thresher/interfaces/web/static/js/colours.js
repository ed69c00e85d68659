// Colours of values: a scale for numbers, and up to eight colours for names. Both can be told apart by people who
// see red and green alike, and both read on a dark and on a light ground.

const SCALE = [[68, 78, 178], [42, 120, 190], [38, 160, 165], [98, 190, 120], [190, 205, 70], [245, 190, 50]];
const NAMED = [[230, 159, 0], [86, 180, 233], [0, 158, 115], [204, 121, 167], [213, 94, 0], [0, 114, 178], [160, 150, 40], [140, 140, 140]];
export const WITHOUT = [120, 125, 132];

/** The colour of a share from 0 to 1, as [red, green, blue]. */
export function scaled(share) {
  const at = Math.max(0, Math.min(1, share)) * (SCALE.length - 1);
  const low = Math.min(SCALE.length - 2, Math.floor(at));
  return SCALE[low].map((from, part) => Math.round(from + (SCALE[low + 1][part] - from) * (at - low)));
}

/** Return {colourOf(value), legend: [{text, colour, holds(value)}]} for the values that occur. */
export function colouring(values) {
  const known = values.filter((value) => value !== null && value !== undefined);
  if (known.length && known.every((value) => typeof value === "number")) {
    const low = known.reduce((a, b) => Math.min(a, b), Infinity);
    const high = known.reduce((a, b) => Math.max(a, b), -Infinity);
    const share = (value) => (high > low ? (value - low) / (high - low) : 0.5);
    const steps = 5;
    const legend = Array.from({ length: high > low ? steps : 1 }, (_, step) => {
      const from = low + ((high - low) * step) / steps;
      const to = low + ((high - low) * (step + 1)) / steps;
      const isLast = step === steps - 1 || high === low;
      return { text: `${short(from)} – ${short(to)}`, colour: scaled((step + 0.5) / steps), holds: (value) => typeof value === "number" && value >= from && (isLast || value < to) };
    });
    return { colourOf: (value) => (typeof value === "number" ? scaled(share(value)) : WITHOUT), legend };
  }
  const counts = new Map();
  for (const value of known) counts.set(String(value), (counts.get(String(value)) ?? 0) + 1);
  const names = [...counts].sort((a, b) => b[1] - a[1]).map(([name]) => name);
  const places = new Map(names.slice(0, NAMED.length - (names.length > NAMED.length ? 1 : 0)).map((name, place) => [name, place]));
  const colourOf = (value) => (value === null || value === undefined ? WITHOUT : NAMED[places.get(String(value)) ?? NAMED.length - 1]);
  const legend = [...places].map(([name, place]) => ({ text: name, colour: NAMED[place], holds: (value) => String(value) === name }));
  if (names.length > places.size) legend.push({ text: `${names.length - places.size} more`, colour: NAMED.at(-1), holds: (value) => value != null && !places.has(String(value)) });
  return { colourOf, legend };
}

const short = (value) => (Math.abs(value) >= 100 || Number.isInteger(value) ? Math.round(value).toLocaleString("en") : value.toPrecision(3));
export const css = ([red, green, blue]) => `rgb(${red} ${green} ${blue})`;
