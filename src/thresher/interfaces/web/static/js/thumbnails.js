// Pictures of spectra, at most four on their way at a time, so that they never delay a sound. What was asked for
// last comes first: it is what is on the screen.

const AT_ONCE = 4;
const MOST_WAITING = 600;
const waiting = [];
let loading = 0;
let pauses = 0;

/** Show the picture of a clip in an image; `isWanted` says whether the image still shows that clip. */
export function showThumbnail(image, id, isWanted) {
  waiting.push({ image, id, isWanted });
  if (waiting.length > MOST_WAITING) waiting.splice(0, waiting.length - MOST_WAITING);
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

function next() {
  while (pauses === 0 && loading < AT_ONCE && waiting.length) {
    const { image, id, isWanted } = waiting.pop();
    if (!isWanted()) continue;
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
}
