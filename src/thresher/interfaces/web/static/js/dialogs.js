// Dialogs: a line of text, or a panel that is closed with Escape.

import { element } from "./element.js";

/** Open a dialog with some content; it is removed when it is closed. */
export function openDialog(label, className, ...content) {
  const dialog = element("dialog", { class: className, "aria-label": label }, ...content);
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

/** Ask for a line of text; resolves to null if it was cancelled. */
export function ask(title, value = "") {
  return new Promise((resolve) => {
    const field = element("input", { type: "text", "aria-label": title, maxlength: 10000 });
    field.value = value;
    const buttons = [element("button", { value: "yes" }, "OK"), element("button", { value: "no" }, "Cancel")];
    const form = element("form", { method: "dialog" }, element("label", {}, title, field), ...buttons);
    const dialog = openDialog(title, "ask", form);
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes" ? field.value : null));
    field.select();
  });
}
