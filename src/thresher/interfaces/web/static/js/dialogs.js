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

/**
 * Ask for a line of text; resolves to null if it was cancelled or left as it is. The field begins with `given`, a text or
 * a promise of {text, hint}. The hint says why the field does not show what it would replace; then a button of its own
 * removes that, and the answer is "".
 */
export function ask(title, given = "") {
  const field = element("input", { type: "text", "aria-label": title, "aria-describedby": "ask-hint", maxlength: 10000, readonly: true });
  const hint = element("p", { id: "ask-hint", class: "facts", hidden: true });
  const removal = element("button", { value: "remove", hidden: true }, "Remove");
  const buttons = [element("button", { value: "yes" }, "OK"), element("button", { value: "no" }, "Cancel"), removal];
  const dialog = openDialog(title, "ask", element("form", { method: "dialog" }, element("label", {}, title, field), hint, ...buttons));
  return new Promise((resolve, reject) => {
    let before = null; // what is typed until it is known is nothing yet
    dialog.addEventListener("close", () => {
      if (dialog.returnValue === "remove") resolve("");
      else resolve(dialog.returnValue === "yes" && before !== null && field.value !== before ? field.value : null);
    });
    const fill = (first) => {
      field.value = first.text ?? first;
      before = field.value; // without the ends of lines, which the field does not show
      field.readOnly = false;
      field.select();
      hint.textContent = first.hint ?? "";
      hint.hidden = removal.hidden = !first.hint;
    };
    if (typeof given === "string") fill(given);
    else {
      given.then(fill, (failure) => {
        reject(failure);
        dialog.close();
      });
    }
  });
}
