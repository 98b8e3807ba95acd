// What a form contains, kept for a reload: in the tab, or on the device if the sign-in is kept there.
import * as api from "./api.js";

const FORM = "darkroom-draft"; // of the request in the form for images

/** The kept draft with this name, or null. */
export function load(name = FORM) {
  try {
    return JSON.parse(sessionStorage.getItem(name) ?? localStorage.getItem(name));
  } catch {
    return null;
  }
}

export function save(draft, name = FORM) {
  remove(name); // from the other storage as well
  try {
    api.storage().setItem(name, JSON.stringify(draft));
  } catch {
    // The storage is full or disabled: the form works without a draft.
  }
}

export function remove(name = FORM) {
  for (const storage of [sessionStorage, localStorage]) storage.removeItem(name);
}
