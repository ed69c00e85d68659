// Pictures of spectra, a few on their way at a time, so that they never delay a sound: browsers allow six requests at
// once, and the stream of changes is one of them. The pictures of the player come first, then the screen of thumbnails
// that was asked for last, from its upper left corner on.

import { whyNot } from "./api.js";

const NO_PICTURE = "the file is missing or can't be read";
const AT_ONCE = 3;
const MOST_WAITING = 600;
const AGAIN = 3000; // milliseconds after which a picture is asked for again that the server could not send
const screens = []; // pictures that were asked for together: the newest screen is last, and is in reading order
const first = []; // functions that load a picture of the player
let isOpen = false; // whether the newest screen still grows
let loading = 0;
let pauses = 0;

/** Show the picture of a clip in an image; `isWanted` says whether the image still shows that clip. Without a picture,
 * the image gets the event "nothumbnail", whose detail is the reason. */
export function showThumbnail(image, id, isWanted) {
  if (!isOpen) {
    isOpen = true;
    screens.push([]);
    // a grid asks for all pictures of a screen in one go
    queueMicrotask(begin);
  }
  screens.at(-1).push({ image, id, isWanted });
}

/** Load a picture before all thumbnails, but after a sound that is asked for by the same key. `load` resolves once it
 * is there. */
export function loadFirst(load) {
  first.push(load);
  queueMicrotask(next);
}

function begin() {
  isOpen = false;
  let waiting = screens.reduce((sum, screen) => sum + screen.length, 0);
  while (screens.length > 1 && waiting > MOST_WAITING) waiting -= screens.shift().length;
  next();
}

/** Load no further picture until the returned function is called: a sound is on its way. */
export function pauseThumbnails() {
  pauses += 1;
  return () => {
    pauses -= 1;
    next();
  };
}

/** Take the next picture that is still wanted. */
function take() {
  while (screens.length) {
    const found = screens.at(-1).shift();
    if (found === undefined) screens.pop();
    else if (found.isWanted()) return found;
  }
  return undefined;
}

function next() {
  while (pauses === 0 && loading < AT_ONCE && !isOpen) {
    const found = first.length ? undefined : take();
    const load = first.shift() ?? (found && (() => new Promise((resolve) => loadThumbnail(found, resolve))));
    if (!load) return;
    loading += 1;
    load().catch(() => {}).then(() => {
      loading -= 1;
      next();
    });
  }
}

function loadThumbnail({ image, id, isWanted }, done) {
  // the image may show another clip before this picture has arrived
  const loader = new Image();
  loader.onload = () => {
    if (isWanted()) image.src = loader.src;
    done();
  };
  loader.onerror = async () => {
    const { why, isLasting } = await whyNot(loader.src, NO_PICTURE);
    if (isWanted()) image.dispatchEvent(new CustomEvent("nothumbnail", { detail: why }));
    if (!isLasting) setTimeout(() => isWanted() && showThumbnail(image, id, isWanted), AGAIN);
    done();
  };
  loader.src = `/thumbnails/${id}`;
}
