// Where the sound goes, in browsers that offer a choice. Their names are hidden until the microphone is allowed: the
// permission is asked for once, when another output is wanted, and nothing is recorded.

import { element } from "./element.js";
import { refuse, said } from "./judge.js";
import { action } from "./keys.js";
import { output } from "./player_settings.js";

const OTHER = "other";
const isOffered = "setSinkId" in AudioContext.prototype && Boolean(navigator.mediaDevices?.enumerateDevices);

let devices = []; // {id, label}; the system's output has the id ""
const field = element("select", { onchange: () => choose(field.value) });

async function look() {
  const found = (await navigator.mediaDevices.enumerateDevices()).filter(({ kind }) => kind === "audiooutput");
  const named = found.filter(({ label, deviceId }) => label && deviceId !== "default" && deviceId !== "communications");
  devices = [{ id: "", label: "system" }, ...named.map(({ deviceId, label }) => ({ id: deviceId, label }))];
  const hidden = named.length === 0 && found.length > 0 ? [element("option", { value: OTHER }, "other …")] : [];
  field.replaceChildren(...devices.map(({ id, label }) => element("option", { value: id }, label)), ...hidden);
  field.value = devices.some(({ id }) => id === output.value) ? output.value : "";
  return hidden.length > 0;
}

async function allow() {
  try {
    const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
    for (const track of stream.getTracks()) track.stop();
    await look();
  } catch {
    refuse("the browser names its outputs only if the microphone is allowed for this page");
    field.value = output.value ?? "";
  }
}

async function choose(id) {
  if (id === OTHER) {
    await allow();
    return;
  }
  output.value = id;
  field.value = id;
  said.value = `output: ${devices.find((each) => each.id === id)?.label ?? id}`;
}

async function next() {
  if (!isOffered) {
    refuse("this browser offers no choice of outputs");
    return;
  }
  try {
    if (await look()) await allow();
    else if (devices.length === 1 && !output.value) refuse("there is no other output");
    else await choose(devices[(devices.findIndex(({ id }) => id === field.value) + 1) % devices.length].id);
  } catch (failure) {
    refuse(`the browser does not tell its outputs: ${failure.message}`);
  }
}

action("output", { keys: ["Shift+o"], title: "another output", run: next });

/** The choice of outputs; null where the browser offers none. */
export const outputField = isOffered ? element("label", { class: "slider" }, "Output", field) : null;
if (isOffered) {
  look().catch(() => {});
  navigator.mediaDevices.addEventListener("devicechange", () => look().catch(() => {}));
}
