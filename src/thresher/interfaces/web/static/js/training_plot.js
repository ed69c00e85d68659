// A figure of the checkpoints over training as an SVG, with a line for each run.

import { element } from "./element.js";

const [WIDE, HIGH] = [300, 130];
const EDGE = { left: 34, right: 8, top: 8, bottom: 18 };
const DIGIT = 7; // the width of a character of a label
const SVG = "http://www.w3.org/2000/svg";
const FAR = 30; // times the median from which on an axis is logarithmic

function shape(name, attributes, ...children) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

const short = (value) => (Math.abs(value) >= 10_000 ? `${Math.round(value / 1000)}k` : Number(value.toPrecision(2)).toString());

/** Where in training a checkpoint is: by epoch, or by step where more checkpoints have one. */
export function trainingAxis(rows) {
  const having = (name) => rows.filter((row) => row[name] !== null).length;
  const name = having("step") > having("epoch") ? "step" : "epoch";
  const values = rows.map((row) => row[name]).filter((value) => value !== null).sort((one, other) => one - other);
  if (values.length === 0) return null;
  const [low, high] = [values[0], values.at(-1)];
  const isFar = low >= 0 && high > FAR * Math.max(1, values[values.length >> 1]);
  const bent = isFar ? (value) => Math.log1p(value) : (value) => value;
  const share = (value) => (high > low ? (bent(value) - bent(low)) / (bent(high) - bent(low)) : 0.5);
  return { name, low, high, share, without: rows.length - values.length, isFar };
}

/** The least and largest value of the drawn ones; shares begin at 0. */
function range(values, fromZero) {
  const [least, largest] = [Math.min(...values), Math.max(...values)];
  const bottom = fromZero ? Math.min(0, least) : least;
  return largest > bottom ? [bottom, largest] : [bottom - (fromZero ? 0 : 1), bottom + 1];
}

/**
 * Return the plot of `figure`, {title, valueOf(row), fromZero}, as a figure; null if no checkpoint has the value.
 * `nameOf` names a row, and `open` is called with the row that was clicked.
 */
export function trainingPlot({ title, valueOf, fromZero }, rows, axis, { colourOf, nameOf, open }) {
  const drawn = rows.filter((row) => valueOf(row) !== null && row[axis.name] !== null);
  if (drawn.length === 0) return null;
  const [bottom, top] = range(drawn.map(valueOf), fromZero);
  const marks = [bottom, (bottom + top) / 2, top];
  const left = Math.max(EDGE.left, 8 + DIGIT * Math.max(...marks.map((value) => short(value).length)));
  const x = (row) => left + axis.share(row[axis.name]) * (WIDE - left - EDGE.right);
  const y = (value) => HIGH - EDGE.bottom - ((value - bottom) / (top - bottom)) * (HIGH - EDGE.top - EDGE.bottom);
  const picture = shape("svg", { viewBox: `0 0 ${WIDE} ${HIGH}`, class: "plot", role: "img", "aria-label": `${title} over training: ${short(bottom)} to ${short(top)}` });
  for (const value of marks) {
    picture.append(
      shape("line", { class: "axis", x1: left, x2: WIDE - EDGE.right, y1: y(value), y2: y(value) }),
      shape("text", { x: left - 4, y: y(value) + 3.5, "text-anchor": "end" }, short(value)),
    );
  }
  picture.append(shape("text", { x: left, y: HIGH - 4 }, `${axis.name} ${short(axis.low)}`));
  picture.append(shape("text", { x: WIDE - EDGE.right, y: HIGH - 4, "text-anchor": "end" }, short(axis.high)));
  for (const [run, members] of Map.groupBy(drawn, (row) => row.run ?? "")) {
    members.sort((one, other) => one[axis.name] - other[axis.name]);
    const points = members.map((row) => `${x(row).toFixed(1)},${y(valueOf(row)).toFixed(1)}`).join(" ");
    picture.append(shape("polyline", { points, fill: "none", stroke: colourOf(run), "stroke-width": 1.5, "stroke-opacity": 0.7 }));
    for (const row of members) {
      const dot = shape("circle", { cx: x(row), cy: y(valueOf(row)), r: row.verdict === "keep" ? 5.5 : 3.5, fill: colourOf(run), class: "dot" });
      dot.append(shape("title", {}, `${nameOf(row)}: ${title} ${valueOf(row).toPrecision(3)}. Click to see its clips.`));
      dot.addEventListener("click", () => open(row));
      picture.append(dot);
    }
  }
  return element("figure", {}, element("figcaption", {}, title), picture);
}
