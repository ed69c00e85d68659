// A listening session: the queue of `thresher listen`. It is planned here or in the terminal, continued in both, and
// ends with a summary by checkpoint.

import { audition, following } from "../actions.js";
import { get, persist, post } from "../api.js";
import { checkpointOf, notes } from "../card.js";
import { newest } from "../changes.js";
import { element } from "../element.js";
import { Grid } from "../grid.js";
import { decide, decisions, NO_CLIP, refuse, said, session as judgedSession } from "../judge.js";
import { action } from "../keys.js";
import { readable } from "../names.js";
import { isReadOnly } from "../room.js";
import { ids, placeOf, rowsVersion, selected, useSource } from "../selection.js";
import { place } from "../views.js";

const LATER = 200; // milliseconds

const EMPTY = ["Listen to what is new", "A session plays the unheard clips that differ most from each other and from what you know, at least one of every checkpoint. Each key that judges a clip plays the next one. You can stop at any time and continue here or in the terminal."];

/** A length in words: "6 minutes", "40 seconds". */
function lengthText(seconds) {
  if (seconds < 90) return `${Math.round(seconds)} seconds`;
  return `${Math.round(seconds / 60)} minutes`;
}

const many = (count, noun) => `${count} ${noun}${count === 1 ? "" : "s"}`;

class SessionView {
  constructor(container) {
    this.session = null;
    this.asked = 0; // requests about the session
    this.shown = 0; // the number of the request whose answer is shown: answers of earlier ones are old
    this.isListed = false; // whether the list shows the clips of the session
    this.whileOpen = [];
    this.status = element("div", { class: "status", role: "status" });
    this.head = element("section", { class: "session", "aria-label": "Session" }, this.status, this.#form());
    this.list = element("div", { class: "scroller" });
    container.append(this.head, this.list);
    container.classList.add("split");
    this.container = container;
    this.grid = new Grid(this.list, undefined, "", () => (this.session ? ["Nothing left", "All clips of the session are gone."] : EMPTY));
    this.former = following.value;
    following.value = (id) => this.#next(id);
    const later = () => {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.load(), LATER);
    };
    decisions.addEventListener("decided", later);
    this.ends = [
      () => decisions.removeEventListener("decided", later),
      newest.listen(later),
      action("session-skip", { keys: ["Shift+j"], title: "leave the clip out of the session", run: () => this.#skip() }),
    ];
    this.load();
  }

  async load() {
    const mine = (this.asked += 1);
    const report = (failure) => { said.value = failure.message; };
    try {
      const { session } = await persist(() => get("/api/listening"), () => mine === this.asked && !this.isClosed, report);
      if (mine < this.shown || this.isClosed) return;
      if (this.isListed && this.session?.started_at !== session?.started_at) {
        this.isListed = false;
        if (session) said.value = "another session began elsewhere; its clips are listed now";
      }
      this.#show(session, mine);
    } catch (failure) {
      if (!this.isClosed && mine === this.asked) report(failure);
      return;
    }
    if (!this.isListed) await this.#list();
  }

  /** Change the session on the server, and show it as it is then; returns whether the view is still there. */
  async #change(path, body) {
    const { session } = await post(path, body);
    if (this.isClosed) return false;
    this.#show(session, (this.asked += 1)); // what was asked for meanwhile may be the session before the change
    return true;
  }

  /** List the clips of the session, and select the first one that is not done. */
  async #list() {
    this.isListed = true;
    await useSource(async () => this.session?.clips.map(({ id }) => id) ?? []);
    if (!this.isClosed) this.#selectFirst();
  }

  #show(session, number) {
    this.shown = number;
    this.session = session;
    judgedSession.value = session?.left ? session : null;
    notes.clear();
    for (const clip of session?.clips ?? []) notes.set(clip.id, clip.done ? "done" : clip.why);
    rowsVersion.value += 1;
    for (const part of this.whileOpen) part.hidden = !session?.left || isReadOnly();
    this.status.replaceChildren(...this.#parts());
  }

  #parts() {
    const { session } = this;
    if (session === null) return [element("p", {}, "No session yet.")];
    if (session.left === 0) return [element("h2", {}, "Session finished"), this.#summary()];
    const done = session.clips.filter((clip) => clip.done).length;
    const missing = session.clips.length - done - session.left;
    const words = `${done} of ${session.clips.length}, ${lengthText(session.left_seconds)} left`;
    const text = element("p", { class: "progress" }, element("b", {}, words), missing ? ` · ${missing} missing` : "", this.#about());
    return [text, element("progress", { max: session.clips.length, value: done, "aria-label": "Progress" })];
  }

  #about() {
    const { session } = this;
    const query = session.query ? ` of ${readable(session.query)}` : "";
    const rest = session.unheard ? ` · ${many(session.unheard, "unheard clip")} did not fit` : "";
    return ` · ${many(session.clips.length, "clip")} from ${many(session.checkpoints.length, "checkpoint")}${query}${rest}`;
  }

  #summary() {
    const rows = this.session.checkpoints.map((each) =>
      element("tr", {}, element("th", { scope: "row" }, checkpointOf(each)), ...[each.kept, each.rejected, each.rating === null ? "–" : each.rating.toFixed(1)].map((value) => element("td", {}, `${value}`))),
    );
    const sum = (name) => this.session.checkpoints.reduce((total, each) => total + each[name], 0);
    const words = `${many(sum("kept"), "clip")} kept, ${sum("rejected")} rejected`;
    const head = element("tr", {}, ["checkpoint", "kept", "rejected", "mean rating"].map((name) => element("th", { scope: "col" }, name)));
    return element("table", { class: "summary" }, element("caption", {}, words), element("thead", {}, head), element("tbody", {}, rows));
  }

  #form() {
    if (isReadOnly()) return "";
    const minutes = element("input", { type: "number", min: 1, max: 1000, value: 20, required: true });
    this.whileOpen = [
      element("button", { type: "button", onclick: (event) => this.#selectFirst(event) }, "Continue"),
      element("button", { type: "button", title: "leave the selected clip out (Shift-j)", "data-action": "session-skip" }, "Skip clip"),
      element("button", { type: "button", onclick: () => this.#finish() }, "Mark the rest as heard"),
    ];
    const label = element("label", {}, minutes, " minutes of the query's clips");
    const form = element("form", { class: "plan" }, this.whileOpen, label, element("button", {}, "New session"));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#begin(Number(minutes.value));
    });
    return form;
  }

  async #begin(minutes) {
    if (this.isBeginning) return;
    this.isBeginning = true;
    try {
      if (!(await this.#change("/api/listening", { query: place.value.query, minutes }))) return;
      await this.#list();
      if (this.isClosed) return;
      this.list.querySelector(".grid").focus();
      said.value = "Space plays the first clip";
    } catch (failure) {
      refuse(failure.message);
    } finally {
      this.isBeginning = false;
    }
  }

  async #finish() {
    const rest = this.session.clips.filter(({ done, missing }) => !done && !missing).map(({ id }) => id);
    await decide("/api/listening/finish", { clips: rest }, `${many(rest.length, "clip")} marked as heard`);
  }

  async #skip() {
    const id = selected.value;
    if (id === null || placeOf(id) < 0) {
      refuse(NO_CLIP);
      return;
    }
    const next = this.#next(id);
    try {
      if (!(await this.#change("/api/listening/skip", { clip: id }))) return;
    } catch (failure) {
      refuse(failure.message);
      return;
    }
    said.value = `clip ${id} is left out`;
    if (next === undefined || selected.value !== id) return;
    selected.value = next;
    audition(null);
  }

  /** The next clip that is not done, undefined if there is none. */
  #next(id) {
    const open = new Set(this.session?.clips.filter(({ done, missing }) => !done && !missing).map((clip) => clip.id));
    open.delete(id);
    const at = placeOf(id);
    return [...ids.value.slice(at + 1), ...ids.value.slice(0, Math.max(0, at))].find((each) => open.has(each));
  }

  #selectFirst(event = null) {
    const first = this.session?.clips.find(({ done, missing }) => !done && !missing) ?? this.session?.clips[0];
    if (first === undefined) return;
    selected.value = first.id;
    if (event) audition(event);
  }

  close() {
    this.isClosed = true;
    clearTimeout(this.timer);
    notes.clear();
    following.value = this.former;
    judgedSession.value = null;
    for (const end of this.ends) end();
    this.grid.close();
    this.container.classList.remove("split");
    useSource(null);
  }
}

export function show(container) {
  const view = new SessionView(container);
  return () => view.close();
}
