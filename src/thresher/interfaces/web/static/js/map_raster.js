// Draws many points into the raster of a canvas: one write of pixels for all, which stays at 60 frames a second
// with 50,000 points where drawing shapes does not.

const rasters = new WeakMap(); // canvas → its raster, which is used again for each frame
const discs = new Map(); // size → the pixels of a disc, as pairs of dx and dy from its upper left corner

function rasterOf(canvas) {
  let raster = rasters.get(canvas);
  if (raster?.image.width !== canvas.width || raster.image.height !== canvas.height) {
    const pen = canvas.getContext("2d");
    const image = pen.createImageData(canvas.width, canvas.height);
    raster = { pen, image, pixels: new Uint32Array(image.data.buffer) };
    rasters.set(canvas, raster);
  }
  return raster;
}

function discOf(size) {
  if (discs.has(size)) return discs.get(size);
  const found = [];
  const middle = (size - 1) / 2;
  for (let dy = 0; dy < size; dy += 1) {
    for (let dx = 0; dx < size; dx += 1) {
      if ((dx - middle) ** 2 + (dy - middle) ** 2 <= (size / 2) ** 2) found.push(dx, dy);
    }
  }
  discs.set(size, Int16Array.from(found));
  return discs.get(size);
}

/** Draw points, each {x, y, colour, size} in arrays, into `canvas`, those that `order` names last on top; `place` turns
 * map positions into pixels. */
export function drawPoints(canvas, { x, y, colours, sizes, order }, place) {
  const { pen, image, pixels } = rasterOf(canvas);
  const { width, height } = canvas;
  pixels.fill(0);
  let disc = null;
  let offsets = null; // the pixels of a disc in the raster
  let last = 0;
  for (let at = 0; at < order.length; at += 1) {
    const point = order[at];
    const size = sizes[point];
    const left = Math.round(x[point] * place.scale + place.left - size / 2);
    const top = Math.round(place.top - y[point] * place.scale - size / 2);
    if (left >= width || top >= height || left + size <= 0 || top + size <= 0) continue;
    if (size !== last) {
      last = size;
      disc = discOf(size);
      offsets = Int32Array.from({ length: disc.length / 2 }, (_, at) => disc[2 * at + 1] * width + disc[2 * at]);
    }
    const colour = colours[point];
    if (left >= 0 && top >= 0 && left + size <= width && top + size <= height) {
      const first = top * width + left;
      for (let part = 0; part < offsets.length; part += 1) pixels[first + offsets[part]] = colour;
    } else {
      for (let part = 0; part < disc.length; part += 2) {
        const [column, row] = [left + disc[part], top + disc[part + 1]];
        if (column >= 0 && column < width && row >= 0 && row < height) pixels[row * width + column] = colour;
      }
    }
  }
  pen.putImageData(image, 0, 0);
}

/** The diameter of points in pixels, so that they are easy to hit and do not hide each other. */
export function pointSize(count) {
  const size = count <= 500 ? 10 : count <= 2_000 ? 8 : count <= 10_000 ? 6 : 4;
  return Math.round(size * (window.devicePixelRatio || 1));
}

/** A colour of the raster with little of it left: for points that are not chosen. */
export const dimmed = (colour) => ((colour & 0xffffff) | (60 << 24)) >>> 0;

/** A colour as the raster holds it. */
export const packed = ([red, green, blue]) => ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0;

/** The point nearest to a pixel, within `reach` pixels; -1 if there is none. */
export function nearestPoint({ x, y }, place, left, top, reach) {
  let best = -1;
  let least = reach * reach;
  for (let point = 0; point < x.length; point += 1) {
    const dx = x[point] * place.scale + place.left - left;
    const dy = place.top - y[point] * place.scale - top;
    const distance = dx * dx + dy * dy;
    if (distance <= least) {
      least = distance;
      best = point;
    }
  }
  return best;
}

/** The points within a polygon of pixels [[left, top], …]. */
export function pointsWithin({ x, y }, place, polygon) {
  const found = [];
  for (let point = 0; point < x.length; point += 1) {
    const left = x[point] * place.scale + place.left;
    const top = place.top - y[point] * place.scale;
    let inside = false;
    for (let at = 0, before = polygon.length - 1; at < polygon.length; before = at, at += 1) {
      const [ax, ay] = polygon[at];
      const [bx, by] = polygon[before];
      if (ay > top !== by > top && left < ((bx - ax) * (top - ay)) / (by - ay) + ax) inside = !inside;
    }
    if (inside) found.push(point);
  }
  return found;
}
