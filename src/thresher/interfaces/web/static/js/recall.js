// What a tab keeps while its page is loaded again. A page that is opened by its address begins without it.

const isNew = performance.getEntriesByType("navigation")[0]?.type === "navigate";

/** The value that was kept under a key before the page was loaded again; null if there is none. */
export function recall(key) {
  try {
    return isNew ? null : JSON.parse(sessionStorage.getItem(key));
  } catch {
    return null; // what is there is not ours
  }
}

/** Keep a value under a key. */
export function keep(key, value) {
  try {
    sessionStorage.removeItem(key); // what can't be stored must not leave an older value there
    sessionStorage.setItem(key, JSON.stringify(value));
  } catch {
    // too much, or nothing may be stored
  }
}
