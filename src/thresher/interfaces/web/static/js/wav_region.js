// A region of a WAV file as a WAV file of its own, of which only the bytes of the region are fetched.

import { reasonOf } from "./api.js";

const HEADER = 44; // bytes; the server's files have no other chunks

async function range(path, first, last) {
  const response = await fetch(path, { headers: { range: `bytes=${first}-${last}` } });
  if (response.status !== 206) throw new Error(await reasonOf(response, "the clip can't be played"));
  return response.arrayBuffer();
}

/** Return the bytes of a WAV file with the region {from, to}, in seconds, of the 16-bit file at a path. */
export async function regionOf(path, { from, to }) {
  const header = await range(path, 0, HEADER - 1);
  const view = new DataView(header);
  const rate = view.getUint32(24, true);
  const frame = view.getUint16(32, true); // bytes
  const samples = view.getUint32(40, true);
  const first = Math.min(samples - frame, Math.round(from * rate) * frame);
  const end = Math.min(samples, Math.round(to * rate) * frame);
  const body = await range(path, HEADER + first, HEADER + end - 1);
  view.setUint32(4, HEADER - 8 + body.byteLength, true);
  view.setUint32(40, body.byteLength, true);
  const file = new Uint8Array(HEADER + body.byteLength);
  file.set(new Uint8Array(header));
  file.set(new Uint8Array(body), HEADER);
  return file.buffer;
}
