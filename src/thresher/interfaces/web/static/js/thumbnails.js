// Pictures of spectra, at most four on their way at a time, so that they never delay a sound. What was asked for
// last comes first: it is what is on the screen.

const AT_ONCE = 4;
const waiting = [];
let loading = 0;

/** Show the picture of a clip in an image; `isWanted` says whether the image still shows that clip. */
export function showThumbnail(image, id, isWanted) {
  waiting.push({ image, id, isWanted });
  next();
}

function next() {
  while (loading < AT_ONCE && waiting.length) {
    const { image, id, isWanted } = waiting.pop();
    if (!isWanted()) continue;
    loading += 1;
    const done = () => {
      loading -= 1;
      next();
    };
    image.onload = done;
    image.onerror = () => {
      image.removeAttribute("src");
      done();
    };
    image.src = `/thumbnails/${id}`;
  }
}
