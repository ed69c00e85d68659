// The checkpoints over training: a plot for each figure, a table, verdicts and notes, and the comparison of two.

import { get, persist } from "../api.js";
import { checkpointOf } from "../card.js";
import { newest } from "../changes.js";
import { colouring, colours, css } from "../colours.js";
import { ask } from "../dialogs.js";
import { element } from "../element.js";
import { decide, refuse, said } from "../judge.js";
import { action } from "../keys.js";
import { readable } from "../names.js";
import { room } from "../room.js";
import { trainingAxis, trainingPlot } from "../training_plot.js";
import { go } from "../views.js";

const share = (title, valueOf) => ({ title, valueOf, fromZero: true });
const FIGURES = [
  share("share kept", (row) => (row.minutes_generated ? row.minutes_kept / row.minutes_generated : null)),
  share("silence", (row) => row.silence),
  share("looping", (row) => row.loop),
  share("noise", (row) => row.noise),
  share("collapse", (row) => row.collapse),
  share("novelty", (row) => row.novelty),
  share("copies", (row) => row.copies),
  { title: "loudness, LUFS", valueOf: (row) => row.loudness, fromZero: false },
  { title: "mean rating", valueOf: (row) => row.mean_rating, fromZero: false },
];

const nameOf = (row) => [row.run, row.epoch === null ? null : `e${row.epoch}`, row.step === null ? null : `i${row.step}`].filter((part) => part !== null).join(" ");
const percent = (value) => (value === null ? "" : `${Math.round(value * 100)}\u00a0%`);

function queryOf(row) {
  const quoted = (text) => (/^[\w.-]+$/.test(text) ? text : `"${text.replace(/["\\]/g, "\\$&")}"`);
  return [row.run === null ? null : `run:=${quoted(row.run)}`, row.epoch === null ? null : `epoch:${row.epoch}`, row.step === null ? null : `step:${row.step}`].filter(Boolean).join(" ");
}

/** What the plots leave out, in a sentence. */
function aboutAxis(axis) {
  if (axis === null) return "No checkpoint has an epoch or a step, so there is nothing to plot over training. `thresher names FOLDER` shows what is read from names.";
  const left = axis.without ? ` ${axis.without} without one are in the table only.` : "";
  return `The plots run over the ${axis.name}${axis.isFar ? ", on a logarithmic scale" : ""}. Large points have the verdict keep. A click shows the clips.${left}`;
}

/** Scroll by a part of what is visible, and say if that is the end. */
function scroll(container, share) {
  const before = container.scrollTop;
  container.scrollTop += share * container.clientHeight;
  if (container.scrollTop === before) refuse(share > 0 ? "this is the end of the table" : "this is the first plot");
}

export function show(container, place) {
  let closed = false;
  let asked = null; // the latest request: answers of earlier ones are old
  let comparing = null; // the latest comparison
  const chosen = new Set();
  const open = (row) => go({ view: "clips", query: queryOf(row) });
  const compared = element("div", { class: "compared" });

  async function judge(row, verdict) {
    const words = `${checkpointOf(row)}: ${verdict === "none" ? "no verdict" : verdict}`;
    if ((await decide("/api/checkpoints/verdict", { checkpoint: nameOf(row), verdict }, words)) !== null) await load();
  }

  async function annotate(row) {
    const text = await ask(`Note on ${checkpointOf(row)}`, row.note ?? "");
    if (text === null) return;
    const words = text.trim() ? `note on ${checkpointOf(row)}` : `note on ${checkpointOf(row)} removed`;
    if ((await decide("/api/checkpoints/verdict", { checkpoint: nameOf(row), note: text }, words)) !== null) await load();
  }

  async function compare() {
    const [first, second] = [...chosen];
    const mine = (comparing = Symbol("comparison"));
    compared.replaceChildren();
    if (second === undefined) return;
    try {
      const found = await get("/api/checkpoints/compare", { first, second });
      if (comparing !== mine) return;
      const figures = found.differences.map((each) =>
        element("tr", { class: each.is_chance === false ? "sure" : "" }, element("th", { scope: "row" }, each.figure), ...[each.first, each.second, each.difference].map((value) => element("td", {}, value === null ? "" : Number(value).toPrecision(3))), element("td", {}, each.is_chance === null ? "too few clips" : each.is_chance ? "may be chance" : `${Number(each.low).toPrecision(2)} … ${Number(each.high).toPrecision(2)}`)),
      );
      compared.replaceChildren(element("h2", {}, `${readable(found.first)} and ${readable(found.second)}`), element("table", {}, element("thead", {}, element("tr", {}, ["figure", found.first, found.second, "difference", "95 % interval"].map((title) => element("th", {}, title)))), element("tbody", {}, figures)));
    } catch (failure) {
      if (comparing === mine) compared.replaceChildren(element("p", { role: "alert" }, failure.message));
    }
  }

  function line(row) {
    const name = nameOf(row);
    const verdicts = ["keep", "drop", "gone"].map((verdict) =>
      element("button", { type: "button", "data-focus": `${verdict} ${name}`, "aria-pressed": String(row.verdict === verdict), disabled: room.value?.read_only, onclick: () => judge(row, row.verdict === verdict ? "none" : verdict) }, verdict),
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
    box.dataset.focus = `compare ${name}`;
    box.checked = chosen.has(name);
    const figures = [row.recordings, percent(row.minutes_generated ? row.minutes_kept / row.minutes_generated : null), percent(row.silence), percent(row.collapse), percent(row.novelty), row.mean_rating?.toFixed(1) ?? ""];
    return element("tr", {},
      element("td", {}, name ? box : ""),
      element("th", { scope: "row" }, element("button", { type: "button", class: "plain", "data-focus": `open ${name}`, onclick: () => open(row) }, checkpointOf(row))),
      ...figures.map((text) => element("td", {}, String(text))),
      element("td", { class: "verdicts" }, ...(name ? [...verdicts, element("button", { type: "button", "data-focus": `note ${name}`, onclick: () => annotate(row) }, row.note ? "✎ note" : "note")] : [])),
      element("td", {}, row.note ?? ""));
  }

  async function load() {
    const mine = (asked = Symbol("checkpoints"));
    const isWanted = () => !closed && asked === mine;
    const report = (failure) => {
      if (container.querySelector(".checkpoints")) said.value = failure.message; // what is shown stays
      else container.replaceChildren(element("p", { class: "empty", role: "alert" }, failure.message));
    };
    let rows;
    try {
      const { query } = place.value;
      ({ checkpoints: rows } = await persist(() => get("/api/checkpoints", { q: query }), isWanted, report));
    } catch (failure) {
      if (isWanted()) report(failure);
      return;
    }
    if (!isWanted()) return;
    const { colourOf, legend } = colouring(rows.map((row) => row.run ?? ""));
    const axis = trainingAxis(rows);
    const drawing = { colourOf: (run) => css(colourOf(run)), nameOf: checkpointOf, open };
    const plots = axis ? FIGURES.map((figure) => trainingPlot(figure, rows, axis, drawing)).filter(Boolean) : [];
    const runs = legend.map(({ text, colour }) => {
      const swatch = element("span", { class: "swatch" });
      swatch.style.background = css(colour);
      return element("li", {}, swatch, ` ${text || "no run"}`);
    });
    const titles = ["compare", "checkpoint", "recordings", "kept", "silence", "collapse", "novelty", "rating", "verdict", "note"];
    const focused = container.contains(document.activeElement) ? document.activeElement.dataset.focus : undefined;
    container.replaceChildren(
      element("div", { class: "checkpoints" },
        element("ul", { class: "legend", "aria-label": "Runs" }, runs),
        element("div", { class: "plots" }, plots),
        element("p", { class: "facts" }, aboutAxis(axis)),
        compared,
        element("table", {}, element("thead", {}, element("tr", {}, titles.map((title) => element("th", {}, title)))), element("tbody", {}, rows.map(line)))),
    );
    if (focused !== undefined) container.querySelector(`[data-focus="${CSS.escape(focused)}"]`)?.focus();
  }

  container.append(element("p", { class: "empty", role: "status" }, "Computing the figures of the checkpoints …"));
  let timer = null;
  const ends = [
    action("row-down", { keys: ["PageDown"], title: "scroll down", run: () => scroll(container, 0.9) }),
    action("row-up", { keys: ["PageUp"], title: "scroll up", run: () => scroll(container, -0.9) }),
    place.follow(load),
    colours.listen(load),
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
