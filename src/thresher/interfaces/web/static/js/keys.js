// Keys and buttons do the same actions. Digits work by their place on the keyboard, also where they need Shift.

/** The registry of actions: name → {keys, title, run(event)}. Views and parts of the page add theirs. */
export const ACTIONS = new Map();

/** Add an action; returns the function that removes it. Keys are written as "j", "Shift+u", "Digit1", "ArrowUp". */
export function action(name, { keys, title, run }) {
  const entry = { keys, title, run };
  ACTIONS.set(name, entry);
  return () => {
    if (ACTIONS.get(name) === entry) ACTIONS.delete(name);
  };
}

const SHOWN = { ArrowUp: "↑", ArrowDown: "↓", ArrowLeft: "←", ArrowRight: "→", " ": "Space", Escape: "Esc" };

/** A key as people write it. */
export const keyText = (key) => (key.length === 1 ? (SHOWN[key] ?? key) : key.split("+").map((part) => SHOWN[part] ?? part.replace("Digit", "")).join("-"));

const isLetter = (key) => key.length === 1 && key.toLowerCase() !== key.toUpperCase();

/** The names of the keys of an event, the best first. */
function pressed(event) {
  const { key, code, shiftKey } = event;
  const names = [];
  if (isLetter(key)) names.push(shiftKey ? `Shift+${key.toLowerCase()}` : key.toLowerCase());
  else names.push(...(shiftKey ? [`Shift+${key}`] : []), key);
  const digit = /^(?:Digit|Numpad)(\d)$/.exec(code ?? "");
  // a key pad without its digits has arrows
  if (digit && (code.startsWith("Digit") || key === digit[1])) names.unshift(`Digit${digit[1]}`);
  return names;
}

/** Whether a field takes all keys for itself. */
function isTyping(target) {
  const field = target.closest?.("input, textarea, select, [contenteditable]");
  return field ? !["range", "checkbox", "radio", "button"].includes(field.type) : false;
}

const OWN_KEYS = [" ", "Enter", "ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Home", "End", "PageUp", "PageDown"];

/** Whether a control has its own use for a key: a button for Space, a slider for the arrows. */
function isOwn(event) {
  if (event.target.closest?.("input")) return OWN_KEYS.includes(event.key);
  return (event.key === "Enter" && event.target.closest?.("a")) || ([" ", "Enter"].includes(event.key) && event.target.closest?.("button, summary"));
}

function find(names) {
  for (const name of names) {
    for (const entry of ACTIONS.values()) if (entry.keys.includes(name)) return entry;
  }
  return null;
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing) return;
  if (document.querySelector("dialog[open]")) return; // a dialog has its own keys
  if (isTyping(event.target)) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  if (isOwn(event)) return;
  const entry = find(pressed(event));
  if (entry === null) return;
  event.preventDefault();
  entry.run(event);
});

const CLICKED = "button, a, summary, input[type=range], input[type=checkbox]";

// Space and the arrows are the player's again after a click with a pointer, which sets detail. The control loses the focus
// before it acts, so that a dialog that it opens does not give the focus back.
document.addEventListener("click", (event) => {
  if (event.detail > 0 && !event.target.closest?.("dialog")) event.target.closest?.(CLICKED)?.blur();
}, { capture: true });
document.addEventListener("click", (event) => {
  const name = event.target.closest?.("[data-action]")?.dataset.action;
  if (name && ACTIONS.has(name)) ACTIONS.get(name).run(event);
});
document.addEventListener("change", (event) => {
  if (event.target.tagName === "SELECT") event.target.blur();
});
