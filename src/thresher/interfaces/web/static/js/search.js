// The search field: the whole query language, with completion of fields and saved queries.

import { getMeanwhile, persist } from "./api.js";
import { newest } from "./changes.js";
import { element } from "./element.js";
import { find, ids, queryProblem } from "./selection.js";
import { Signal } from "./signals.js";
import { go, place } from "./views.js";

const field = document.getElementById("query");
const list = document.getElementById("completions");
const count = document.getElementById("count");
const PAUSE = 250; // milliseconds without a key until the query runs
const MOST = 12;

/** The names of the metrics under which clips can be near each other. */
export const metrics = new Signal([]);

let fields = [];
let queries = [];
let timer = null;
let active = -1;
let shown = null; // the query that was asked last

let isOld = false; // whether names may have changed since they were read
let isNew = true; // the first query since the field got the focus is a step of the history; the others replace it

function run() {
  clearTimeout(timer);
  const query = field.value.trim();
  if (query === place.value.query) return;
  go({ query, replace: !isNew });
  isNew = false;
}

/** The word at the cursor: [start, text before the cursor]. */
function wordAtCursor() {
  const before = field.value.slice(0, field.selectionStart);
  let start = 0;
  let isQuoted = false;
  for (let at = 0; at < before.length; at += 1) {
    if (before[at] === "\\") at += 1;
    else if (before[at] === '"') isQuoted = !isQuoted;
    else if (!isQuoted && " (".includes(before[at])) start = at + 1;
  }
  return [start, before.slice(start).replace(/^\^/, "")];
}

function choicesFor(word) {
  if (!word) return [];
  const [, name, value] = /^([^:]*)(?::(.*))?$/s.exec(word);
  if (value === undefined) {
    return fields.filter(({ name: each }) => each.startsWith(word)).map((each) => ({ text: `${each.name}:`, about: each.description }));
  }
  if (name === "query") {
    return queries.filter((each) => each.name.startsWith(value)).map((each) => ({ text: `query:${quoted(each.name)}`, about: each.query }));
  }
  const wanted = value.replace(/^[=:]?"?/, "").toLowerCase();
  return valuesOf(name)
    .filter((each) => each.toLowerCase().includes(wanted))
    .map((each) => ({ text: `${name}:${quoted(each)}`, about: "" }));
}

const WITH_VALUES = ["text", "tag", "song", "attribute"];
const NO_VALUES = ["note", "reason", "sha256"];
const values = new Map(); // field → its values, once the server has told them

/** The values of a field; those of text and tags are asked for when they are first needed. */
function valuesOf(name) {
  const known = fields.find((each) => each.name === name);
  if (known === undefined) return [];
  if (known.kind === "flag") return ["yes", "no"];
  if (known.kind === "choice") return known.description.split(": ").at(-1).split(", ");
  if (values.has(name)) return values.get(name);
  values.set(name, known.examples);
  if ((WITH_VALUES.includes(known.kind) || known.examples.length) && !NO_VALUES.includes(name)) {
    getMeanwhile(`/api/fields/${encodeURIComponent(name)}`).then((found) => {
      values.set(name, found.values);
      if (document.activeElement === field) complete();
    }, () => {});
  }
  return values.get(name);
}

const quoted = (text) => (/[\s"'()\\]/.test(text) ? `"${text.replace(/["\\]/g, "\\$&")}"` : text);

function complete() {
  const [, word] = wordAtCursor();
  const found = choicesFor(word);
  const choices = found.slice(0, MOST);
  active = -1;
  list.hidden = choices.length === 0;
  field.setAttribute("aria-expanded", String(choices.length > 0));
  field.removeAttribute("aria-activedescendant");
  list.replaceChildren(
    ...choices.map(({ text, about }, place) =>
      element("li", { role: "option", id: `completion-${place}`, "aria-selected": "false", onpointerdown: (event) => { event.preventDefault(); take(text); } }, element("b", {}, text), ` ${about}`),
    ),
    ...(found.length > MOST ? [element("li", { role: "option", "aria-disabled": "true", class: "rest" }, `and ${(found.length - MOST).toLocaleString("en")} more; go on typing`)] : []),
  );
}

function take(text) {
  const [start] = wordAtCursor();
  const caret = field.value[start] === "^" ? "^" : "";
  const rest = field.value.slice(field.selectionStart);
  field.value = `${field.value.slice(0, start)}${caret}${text}${rest}`;
  const at = start + caret.length + text.length;
  field.setSelectionRange(at, at);
  complete();
  later();
}

function later() {
  clearTimeout(timer);
  timer = setTimeout(run, PAUSE);
}

function choose(by) {
  const options = [...list.querySelectorAll("[aria-selected]")];
  if (!options.length) return;
  options[active]?.setAttribute("aria-selected", "false");
  const from = active < 0 && by < 0 ? 0 : active; // up from the field is the last one
  active = (from + by + options.length) % options.length;
  options[active].setAttribute("aria-selected", "true");
  field.setAttribute("aria-activedescendant", options[active].id);
}

field.addEventListener("input", () => {
  complete();
  later();
});
field.addEventListener("focus", () => {
  isNew = true;
  if (!isOld) return;
  isOld = false;
  loadNames().catch(() => {
    isOld = true;
  });
});
newest.listen(() => {
  isOld = true;
});
field.addEventListener("blur", () => {
  list.hidden = true;
});
field.addEventListener("keydown", (event) => {
  if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    event.preventDefault();
    choose(event.key === "ArrowDown" ? 1 : -1);
  } else if ((event.key === "Enter" || event.key === "Tab") && active >= 0 && !list.hidden) {
    event.preventDefault();
    take(list.children[active].querySelector("b").textContent);
  } else if (event.key === "Enter") {
    event.preventDefault();
    list.hidden = true;
    run();
    field.blur();
  } else if (event.key === "Escape") {
    list.hidden = true;
  }
});
document.getElementById("search").addEventListener("submit", (event) => event.preventDefault());

const problem = element("p", { id: "query-problem", role: "alert", hidden: true });
document.getElementById("search").append(problem);
function showProblem() {
  const wrong = queryProblem.value;
  problem.hidden = wrong === null || (!wrong.isWrong && Boolean(newest.value.trouble)); // the bar at the top says it
  const at = wrong?.position ?? null;
  const word = at === null ? "" : shown.slice(at).split(/\s/, 1)[0];
  problem.replaceChildren(wrong?.error ?? "", word ? element("code", {}, word) : "");
  field.setAttribute("aria-invalid", String(wrong?.isWrong ?? false));
}
for (const signal of [queryProblem, newest]) signal.follow(showProblem);
ids.follow((found) => {
  count.textContent = `${found.length.toLocaleString("en")} ${found.length === 1 ? "clip" : "clips"}`;
});
place.follow(({ query }) => {
  if (query === shown) return;
  shown = query;
  if (document.activeElement !== field) field.value = query;
  find(query);
});

/** Read the names that completion knows. */
export async function loadNames() {
  const read = () => Promise.all([getMeanwhile("/api/fields"), getMeanwhile("/api/queries")]);
  values.clear();
  [fields, queries] = (await persist(read, () => true, () => {})).map(({ records }) => records);
  metrics.value = fields.filter(({ name }) => name.startsWith("near@")).map(({ name }) => name.slice(5));
}
