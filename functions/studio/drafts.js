// The request in the form, kept for a reload: in the tab, or on the device if the sign-in is kept there.
import * as api from "./api.js";

const STORAGE_KEY = "darkroom-draft";

/** The kept request, or null. */
export function load() {
  try {
    return JSON.parse(sessionStorage.getItem(STORAGE_KEY) ?? localStorage.getItem(STORAGE_KEY));
  } catch {
    return null;
  }
}

export function save(draft) {
  remove(); // from the other storage as well
  try {
    api.storage().setItem(STORAGE_KEY, JSON.stringify(draft));
  } catch {
    // The storage is full or disabled: the form works without a draft.
  }
}

export function remove() {
  for (const storage of [sessionStorage, localStorage]) storage.removeItem(STORAGE_KEY);
}
