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

function pressed(event) {
  const shifted = event.shiftKey ? "Shift+" : "";
  const letter = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const names = [`${shifted}${letter}`, letter === event.key ? letter : ""];
  if (event.shiftKey && event.key.length === 1 && event.key.toLowerCase() === event.key.toUpperCase()) names.push(event.key);
  const digit = event.code.replace("Numpad", "Digit");
  return digit.startsWith("Digit") ? [digit] : names.filter(Boolean);
}

const isTyping = (target) => target.closest?.("input, textarea, select, [contenteditable]") !== null;

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing) return;
  if (isTyping(event.target)) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  if (event.key === " " && event.target.closest?.("button, a, summary")) return; // the button's own key
  const names = pressed(event);
  for (const entry of ACTIONS.values()) {
    if (entry.keys.some((key) => names.includes(key))) {
      event.preventDefault();
      entry.run(event);
      return;
    }
  }
});

document.addEventListener("click", (event) => {
  const name = event.target.closest?.("[data-action]")?.dataset.action;
  if (name && ACTIONS.has(name)) ACTIONS.get(name).run(event);
});
