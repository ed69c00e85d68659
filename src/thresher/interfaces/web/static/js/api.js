// Requests to the server of the room. An answer that is not a success becomes an ApiError with the server's sentence.

import { awaited } from "./waiting.js";

export class ApiError extends Error {
  constructor(message, status, position = null) {
    super(message);
    this.status = status;
    this.position = position;
  }
}

async function answer(response) {
  if (response.ok) return response.json();
  const text = await response.text();
  try {
    const { error, position } = JSON.parse(text);
    throw new ApiError(error, response.status, position);
  } catch (failure) {
    if (failure instanceof ApiError) throw failure;
    throw new ApiError(text.trim() || response.statusText, response.status);
  }
}

const SILENT = "the server does not answer; start it again with `thresher serve`";

async function sent(path, options) {
  let response;
  try {
    response = await fetch(path, options);
  } catch (failure) {
    if (failure.name === "AbortError") throw failure;
    throw new ApiError(SILENT, 0);
  }
  return answer(response);
}

/** Like `get`, for what nobody waits for. */
export function getMeanwhile(path, values = {}, signal = undefined) {
  const given = Object.entries(values).filter(([, value]) => value !== null && value !== undefined);
  const query = new URLSearchParams(given).toString();
  return sent(query ? `${path}?${query}` : path, { signal });
}

/** Get JSON; `values` become the query of the address, without those that are null or undefined. */
export const get = (path, values, signal) => awaited(getMeanwhile(path, values, signal));

export const AGAIN = 3000; // milliseconds after a request that failed

/** Whether a request that failed may succeed later: the server is away or busy. */
export const isPassing = (failure) => failure instanceof ApiError && (failure.status === 0 || failure.status === 503);

/**
 * Ask again while the server is away or busy and the answer is still wanted, and return the answer. `report` is called
 * with each failure. Raises the failure that does not pass, or the latest one once nobody wants the answer.
 */
export async function persist(ask, isWanted, report) {
  for (;;) {
    try {
      return await ask();
    } catch (failure) {
      if (!isPassing(failure) || !isWanted()) throw failure;
      report(failure);
      await new Promise((resolve) => setTimeout(resolve, AGAIN));
      if (!isWanted()) throw failure;
    }
  }
}

/** The server's sentence in an answer that is not a success, or another one. */
export async function reasonOf(response, otherwise) {
  return (await response.json().catch(() => null))?.error ?? otherwise;
}

/**
 * Ask why a browser could not load an address: {why, isLasting}; `otherwise` if the server would send it. What does not
 * last may be loaded later: the server is away or busy.
 */
export async function whyNot(path, otherwise) {
  const response = await fetch(path, { headers: { range: "bytes=0-0" } }).catch(() => null);
  if (!response) return { why: SILENT, isLasting: false };
  if (response.ok) response.body?.cancel();
  return { why: response.ok ? otherwise : await reasonOf(response, otherwise), isLasting: response.status !== 503 };
}

/** Send a change as JSON. */
export function post(path, body) {
  const options = { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
  return awaited(sent(path, options));
}
