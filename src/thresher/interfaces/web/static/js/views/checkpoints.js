// The checkpoints over training: a plot for each figure, a table, verdicts and notes, and the comparison of two.

import { get, post } from "../api.js";
import { newest } from "../changes.js";
import { colouring, css } from "../colours.js";
import { element } from "../element.js";
import { said } from "../judge.js";
import { room } from "../room.js";
import { go } from "../views.js";

const FIGURES = [
  ["kept", "share kept", (row) => (row.minutes_generated ? row.minutes_kept / row.minutes_generated : null)],
  ["silence", "silence", (row) => row.silence],
  ["loop", "looping", (row) => row.loop],
  ["noise", "noise", (row) => row.noise],
  ["collapse", "collapse", (row) => row.collapse],
  ["novelty", "novelty", (row) => row.novelty],
  ["copies", "copies", (row) => row.copies],
  ["loudness", "loudness, LUFS", (row) => row.loudness],
  ["rating", "mean rating", (row) => row.mean_rating],
];
const WIDE = 300;
const HIGH = 110;
const SVG = "http://www.w3.org/2000/svg";

const nameOf = (row) => [row.run, row.epoch === null ? null : `e${row.epoch}`, row.step === null ? null : `i${row.step}`].filter((part) => part !== null).join(" ");
const percent = (value) => (value === null ? "" : `${Math.round(value * 100)} %`);

function queryOf(row) {
  const quoted = (text) => (/^[\w.-]+$/.test(text) ? text : `"${text.replace(/["\\]/g, "\\$&")}"`);
  return [row.run === null ? null : `run:=${quoted(row.run)}`, row.epoch === null ? null : `epoch:${row.epoch}`, row.step === null ? null : `step:${row.step}`].filter(Boolean).join(" ");
}

function shape(name, attributes, ...children) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

/** A figure over training, a line for each run. */
function plot([, title, figure], rows, colourOf, open) {
  const at = (row) => row.step ?? row.epoch;
  const drawn = rows.filter((row) => figure(row) !== null && at(row) !== null);
  if (drawn.length === 0) return null;
  const xs = drawn.map(at);
  const ys = drawn.map(figure);
  const [low, high] = [Math.min(...xs), Math.max(...xs)];
  const [bottom, top] = [Math.min(0, ...ys), Math.max(1e-9, ...ys)];
  const x = (value) => 6 + (high > low ? (value - low) / (high - low) : 0.5) * (WIDE - 12);
  const y = (value) => HIGH - 6 - ((value - bottom) / (top - bottom)) * (HIGH - 12);
  const runs = Map.groupBy(drawn, (row) => row.run ?? "");
  const picture = shape("svg", { viewBox: `0 0 ${WIDE} ${HIGH}`, class: "plot", role: "img", "aria-label": `${title} over training` });
  for (const [run, members] of runs) {
    const points = members.map((row) => `${x(at(row)).toFixed(1)},${y(figure(row)).toFixed(1)}`).join(" ");
    picture.append(shape("polyline", { points, fill: "none", stroke: colourOf(run), "stroke-width": 1.5 }));
    for (const row of members) {
      const dot = shape("circle", { cx: x(at(row)), cy: y(figure(row)), r: row.verdict === "keep" ? 5 : 3.2, fill: colourOf(run), class: "dot" });
      dot.append(shape("title", {}, `${nameOf(row)}: ${title} ${figure(row).toPrecision(3)}`));
      dot.addEventListener("click", () => open(row));
      picture.append(dot);
    }
  }
  return element("figure", {}, element("figcaption", {}, title, element("span", { class: "facts" }, ` ${bottom.toPrecision(2)} … ${top.toPrecision(3)}`)), picture);
}

export function show(container, place) {
  let closed = false;
  const chosen = new Set();
  const open = (row) => go({ view: "clips", query: queryOf(row) });
  const compared = element("div", { class: "compared" });

  async function judge(row, verdict) {
    try {
      await post("/api/checkpoints/verdict", { checkpoint: nameOf(row), verdict });
      said.value = `${nameOf(row)}: ${verdict}`;
      await load();
    } catch (failure) {
      said.value = failure.message;
    }
  }

  async function annotate(row) {
    const { ask } = await import("../actions.js");
    const text = await ask(`Note on ${nameOf(row)}`, row.note ?? "");
    if (text === null) return;
    await post("/api/checkpoints/verdict", { checkpoint: nameOf(row), note: text }).catch((failure) => { said.value = failure.message; });
    await load();
  }

  async function compare() {
    const [first, second] = [...chosen];
    compared.replaceChildren();
    if (second === undefined) return;
    try {
      const found = await get("/api/checkpoints/compare", { first, second });
      const figures = found.differences.map((each) =>
        element("tr", { class: each.is_chance === false ? "sure" : "" }, element("th", { scope: "row" }, each.figure), ...[each.first, each.second, each.difference].map((value) => element("td", {}, value === null ? "" : Number(value).toPrecision(3))), element("td", {}, each.is_chance === null ? "too few clips" : each.is_chance ? "may be chance" : `${Number(each.low).toPrecision(2)} … ${Number(each.high).toPrecision(2)}`)),
      );
      compared.replaceChildren(element("h2", {}, `${found.first} and ${found.second}`), element("table", {}, element("thead", {}, element("tr", {}, ["figure", found.first, found.second, "difference", "95 % interval"].map((title) => element("th", {}, title)))), element("tbody", {}, figures)));
    } catch (failure) {
      compared.replaceChildren(element("p", { role: "alert" }, failure.message));
    }
  }

  function line(row) {
    const name = nameOf(row);
    const verdicts = ["keep", "drop", "gone"].map((verdict) =>
      element("button", { type: "button", "aria-pressed": String(row.verdict === verdict), disabled: room.value?.read_only, onclick: () => judge(row, row.verdict === verdict ? "none" : verdict) }, verdict),
    );
    const box = element("input", { type: "checkbox", "aria-label": `compare ${name}`, onchange: () => {
      if (box.checked) chosen.add(name);
      else chosen.delete(name);
      if (chosen.size > 2) {
        const [oldest] = chosen;
        chosen.delete(oldest);
        for (const other of container.querySelectorAll("input[type=checkbox]")) other.checked = chosen.has(other.dataset.name);
      }
      compare();
    } });
    box.dataset.name = name;
    box.checked = chosen.has(name);
    const figures = [row.recordings, percent(row.minutes_generated ? row.minutes_kept / row.minutes_generated : null), percent(row.silence), percent(row.collapse), percent(row.novelty), row.mean_rating?.toFixed(1) ?? ""];
    return element("tr", {},
      element("td", {}, name ? box : ""),
      element("th", { scope: "row" }, element("button", { type: "button", class: "plain", onclick: () => open(row) }, name || "no checkpoint")),
      ...figures.map((text) => element("td", {}, String(text))),
      element("td", { class: "verdicts" }, ...(name ? [...verdicts, element("button", { type: "button", onclick: () => annotate(row) }, row.note ? "✎ note" : "note")] : [])),
      element("td", {}, row.note ?? ""));
  }

  async function load() {
    let rows;
    try {
      ({ checkpoints: rows } = await get("/api/checkpoints", { q: place.value.query }));
    } catch (failure) {
      if (!closed) container.replaceChildren(element("p", { role: "alert" }, failure.message));
      return;
    }
    if (closed) return;
    const { colourOf, legend } = colouring(rows.map((row) => row.run ?? ""));
    const plots = FIGURES.map((figure) => plot(figure, rows, (run) => css(colourOf(run)), open)).filter(Boolean);
    const runs = legend.map(({ text, colour }) => {
      const swatch = element("span", { class: "swatch" });
      swatch.style.background = css(colour);
      return element("li", {}, swatch, ` ${text || "no run"}`);
    });
    const titles = ["", "checkpoint", "recordings", "kept", "silence", "collapse", "novelty", "rating", "verdict", "note"];
    container.replaceChildren(
      element("div", { class: "checkpoints" },
        element("ul", { class: "legend" }, runs),
        element("div", { class: "plots" }, plots),
        compared,
        element("table", {}, element("thead", {}, element("tr", {}, titles.map((title) => element("th", {}, title)))), element("tbody", {}, rows.map(line)))),
    );
  }

  let timer = null;
  const ends = [
    place.follow(load),
    newest.listen(() => {
      clearTimeout(timer);
      timer = setTimeout(load, 400);
    }),
  ];
  return () => {
    closed = true;
    clearTimeout(timer);
    for (const end of ends) end();
  };
}
