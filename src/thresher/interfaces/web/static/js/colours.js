// Colours of values: a scale for numbers, and up to eight colours for names, for a dark and for a light ground. All can
// be told apart with every kind of colour vision, and from the ground.

import { readable } from "./names.js";
import { Signal } from "./signals.js";

const DARK = {
  scale: ["#6d4edb", "#5778c8", "#2eacb6", "#8ee2b8", "#c5ff62", "#faff9b"],
  named: ["#f2830e", "#24bbff", "#027453", "#a7359c", "#fffc3d", "#be2902", "#4e45fe", "#9aa3ad"],
  without: "#59626c",
};
const LIGHT = {
  scale: ["#8c530a", "#88950d", "#1d9d88", "#006a90", "#353186", "#140855"],
  named: ["#d17418", "#468be9", "#003b36", "#7d1b82", "#af855b", "#7c1f04", "#4712d8", "#7c8086"],
  without: "#b0b2b5",
};
const STEPS = 5; // of a scale in the legend

const isDark = window.matchMedia("(prefers-color-scheme: dark)");
/** The colours of the system's scheme, as [red, green, blue]. */
export const colours = new Signal(null);
const parts = (hex) => [1, 3, 5].map((at) => Number.parseInt(hex.slice(at, at + 2), 16));
function readScheme() {
  const { scale, named, without } = isDark.matches ? DARK : LIGHT;
  colours.value = { scale: scale.map(parts), named: named.map(parts), without: parts(without) };
}
readScheme();
isDark.addEventListener("change", readScheme);

/** The colour of a share from 0 to 1, as [red, green, blue]. */
export function scaled(share) {
  const { scale } = colours.value;
  const at = Math.max(0, Math.min(1, share)) * (scale.length - 1);
  const low = Math.min(scale.length - 2, Math.floor(at));
  return scale[low].map((from, part) => Math.round(from + (scale[low + 1][part] - from) * (at - low)));
}

const isMissing = (value) => value === null || value === undefined;

/** Return {colourOf(value), legend: [{text, colour, holds(value)}]} for the values that occur. */
export function colouring(values) {
  const known = values.filter((value) => !isMissing(value));
  const isNumeric = known.length > 0 && known.every((value) => typeof value === "number");
  const { colourOf, legend } = isNumeric ? byNumber(known) : byName(known);
  const { without } = colours.value;
  if (known.length < values.length) legend.push({ text: "none", colour: without, holds: isMissing });
  return { colourOf: (value) => (isMissing(value) ? without : colourOf(value)), legend };
}

/** Numbers by the share of values below them, so that a few far values do not make all others alike. */
function byNumber(known) {
  const sorted = Float64Array.from(known).sort();
  const distinct = [...new Set(sorted)];
  const shares = new Map();
  if (distinct.length <= STEPS + 1) distinct.forEach((value, place) => shares.set(value, place / Math.max(1, distinct.length - 1)));
  else sorted.forEach((value, place) => shares.has(value) || shares.set(value, place / (sorted.length - 1)));
  if (distinct.length <= STEPS + 1) {
    const legend = distinct.map((value) => ({ text: short(value), colour: scaled(shares.get(value)), holds: (each) => each === value }));
    return { colourOf: (value) => scaled(shares.get(value)), legend };
  }
  const edges = [...new Set(Array.from({ length: STEPS }, (_, step) => sorted[Math.floor((step * sorted.length) / STEPS)]))];
  const legend = edges.map((from, step) => {
    const to = edges[step + 1] ?? Infinity;
    const last = sorted.findLast((value) => value < to);
    const middle = shares.get(sorted.find((value) => value >= (from + last) / 2)) ?? 1;
    const text = short(from) === short(last) ? short(from) : `${short(from)} – ${short(last)}`;
    return { text, colour: scaled(middle), holds: (value) => value >= from && value < to };
  });
  return { colourOf: (value) => scaled(shares.get(value)), legend };
}

/** The most frequent names have a colour of their own. */
function byName(known) {
  const { named } = colours.value;
  const counts = new Map();
  for (const value of known) counts.set(String(value), (counts.get(String(value)) ?? 0) + 1);
  const names = [...counts].sort((a, b) => b[1] - a[1]).map(([name]) => name);
  const places = new Map(names.slice(0, named.length - 1).map((name, place) => [name, place]));
  const colourOf = (value) => named[places.get(String(value)) ?? named.length - 1];
  const legend = [...places].map(([name, place]) => ({ text: readable(name), colour: named[place], holds: (value) => String(value) === name }));
  if (names.length > places.size) {
    legend.push({ text: `${names.length - places.size} more`, colour: named.at(-1), holds: (value) => !isMissing(value) && !places.has(String(value)) });
  }
  return { colourOf, legend };
}

const short = (value) => (Math.abs(value) >= 100 || Number.isInteger(value) ? Math.round(value).toLocaleString("en") : value.toPrecision(3));
export const css = ([red, green, blue]) => `rgb(${red} ${green} ${blue})`;
