// Pictures of spectra, at most four on their way at a time, so that they never delay a sound. The screen that was
// asked for last comes first, from its upper left corner on.

const AT_ONCE = 4;
const MOST_WAITING = 600;
const screens = []; // pictures that were asked for together: the newest screen is last, and is in reading order
let isOpen = false; // whether the newest screen still grows
let loading = 0;
let pauses = 0;

/** Show the picture of a clip in an image; `isWanted` says whether the image still shows that clip. */
export function showThumbnail(image, id, isWanted) {
  if (!isOpen) {
    isOpen = true;
    screens.push([]);
    // a grid asks for all pictures of a screen in one go
    queueMicrotask(begin);
  }
  screens.at(-1).push({ image, id, isWanted });
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
    const found = take();
    if (found === undefined) return;
    load(found);
  }
}

function load({ image, id, isWanted }) {
  loading += 1;
  const done = () => {
    loading -= 1;
    next();
  };
  // the image may show another clip before this picture has arrived
  const loader = new Image();
  loader.onload = () => {
    if (isWanted()) image.src = loader.src;
    done();
  };
  loader.onerror = () => {
    if (isWanted()) image.dispatchEvent(new Event("nothumbnail"));
    done();
  };
  loader.src = `/thumbnails/${id}`;
}
