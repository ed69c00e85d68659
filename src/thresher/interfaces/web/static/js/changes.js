// The stream of changes of the catalog. One tab holds it for all tabs of this browser, because browsers allow six
// connections to a server, and each stream takes one.

import { get } from "./api.js";
import { Signal } from "./signals.js";

/** What is newest in the catalog: ids and counts. `trouble` says why the catalog or the server can't be reached. */
export const newest = new Signal({ decision: 0, batch: 0, clip: 0, listening: 0, skipped: 0, scored: 0, clustered_at: 0, trouble: null });

/** What changes the clips that a query finds, or their order, besides decisions. */
export const OF_LISTS = ["clip", "batch", "scored", "clustered_at"];

const LOCK = "thresher changes";
const RETRY = 3000; // milliseconds
const SILENT = "the server does not answer; this page goes on by itself when it is back";

const channel = new BroadcastChannel(LOCK);
channel.onmessage = ({ data }) => {
  newest.value = data;
};

function tell(change) {
  newest.value = change;
  channel.postMessage(change);
}

function say(trouble) {
  tell({ ...newest.value, trouble });
}

/** Open a stream. A browser opens a broken one again by itself, but not one that was answered with an error. */
function open() {
  const stream = new EventSource("/api/changes");
  stream.onmessage = ({ data }) => tell(JSON.parse(data));
  stream.onerror = () => {
    say(SILENT);
    if (stream.readyState !== EventSource.CLOSED) return;
    get("/api/room").catch((failure) => newest.value.trouble && say(failure.message)); // unless it is back
    setTimeout(open, RETRY);
  };
}

function hold() {
  return new Promise(open);
}

/** Begin to follow the changes, in this tab or, while another tab does, through it. */
export function followChanges() {
  // pages that are not on this machine, or may store nothing, may have no locks; then each tab has a stream of its own
  if (navigator.locks) navigator.locks.request(LOCK, hold).catch(hold);
  else hold();
}
