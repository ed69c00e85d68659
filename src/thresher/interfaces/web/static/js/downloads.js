// Clips as files: a card can be dragged out of the page into a DAW or a file manager, and a key downloads the clip or
// the clips that are selected on the map. What is dragged or downloaded is the file that `thresher export` writes.

import { whyNot } from "./api.js";
import { element } from "./element.js";
import { refuse, said, withoutSound } from "./judge.js";
import { readable } from "./names.js";
import { chosen, ids, rowOf, selected } from "./selection.js";
import { place } from "./views.js";
import { awaited } from "./waiting.js";

const MOST_IDS = 6000;

const addressOf = (id) => new URL(`/files/${id}`, window.location.href).href;
const kindOf = (name) => (/\.flac$/i.test(name) ? "audio/flac" : /\.wav$/i.test(name) ? "audio/wav" : "application/octet-stream");

/** Say what is dragged: Chromium makes a file of a DownloadURL, other browsers a link to the file. */
export function dragOut(event, id) {
  const row = rowOf(id);
  if (!row || row.missing || !row.seconds) {
    event.preventDefault();
    return;
  }
  const address = addressOf(id);
  event.dataTransfer.effectAllowed = "copy";
  event.dataTransfer.setData("DownloadURL", `${kindOf(row.file)}:${row.file}:${address}`);
  event.dataTransfer.setData("text/uri-list", address);
  event.dataTransfer.setData("text/plain", address);
}

/** Let the browser download a file, unless the server says why there is none. */
async function download(address, name) {
  said.value = "";
  const answer = await awaited(fetch(address, { method: "HEAD" }).catch(() => null));
  if (!answer?.ok) {
    refuse((await whyNot(address, "the download could not begin; press the key again")).why);
    return;
  }
  const link = element("a", { href: address, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  said.value = `downloading ${readable(name)}`;
}

/** Download the selected clip, or the clips that are selected on the map as a ZIP file. */
export function downloadSelected() {
  const several = chosen.value;
  if (several.length > MOST_IDS) {
    refuse(`at most ${MOST_IDS.toLocaleString("en")} clips can be selected for a download; Shift-z downloads all of the query`);
  } else if (several.length) download(`/files?ids=${several.join(",")}`, "clips.zip");
  else if (rowOf(selected.value)) download(`/files/${selected.value}`, rowOf(selected.value).file);
  else refuse(withoutSound(selected.value));
}

/** Download all clips of the query, or those like a moment, as a ZIP file. */
export function downloadAll() {
  const asked = place.value.values.has("near") ? { ids: ids.value.join(",") } : { q: place.value.query };
  if (ids.value.length) download(`/files?${new URLSearchParams(asked)}`, "clips.zip");
  else refuse("the list is empty");
}
