// HTTP client of the page: API key, error messages and connection state.

const ROOT = new URL("../../", import.meta.url); // this file is <root>studio/<revision>/api.js
const STORAGE_KEY = "darkroom-key";
const SLOW_MS = 4000;
const OFFLINE = "The deployment cannot be reached. Check your connection and try again.";
const listeners = { connection: () => {}, unauthorized: () => {} };

export class Problem extends Error {
  constructor(status, body) {
    super(body.detail || body.message || `The API returned HTTP ${status}. Try again.`);
    this.status = status;
  }
}

export const root = () => ROOT.href.replace(/\/$/, "");
export const apiKey = () => sessionStorage.getItem(STORAGE_KEY) ?? localStorage.getItem(STORAGE_KEY);
/** Whether the key is kept on this device, and not only in this tab. */
export const isRemembered = () => localStorage.getItem(STORAGE_KEY) !== null;

/** Where the key and the draft are kept. */
export const storage = () => (isRemembered() ? localStorage : sessionStorage);

export function removeKey() {
  for (const storage of [sessionStorage, localStorage]) storage.removeItem(STORAGE_KEY);
}

export function saveKey(value, isKept) {
  removeKey();
  (isKept ? localStorage : sessionStorage).setItem(STORAGE_KEY, value);
}
export const on = (name, listener) => { listeners[name] = listener; };

/** Send a request. A long poll (`?wait`) is slow by design and is not reported as slow. */
async function send(method, path, { body, headers = {}, key = apiKey(), signal, isLongPoll = false } = {}) {
  const allHeaders = { Authorization: `Bearer ${key}`, ...headers };
  if (body !== undefined) allHeaders["Content-Type"] = "application/json";
  const slowTimer = isLongPoll ? 0 : setTimeout(() => listeners.connection("slow"), SLOW_MS);
  let response;
  try {
    response = await fetch(new URL(path, ROOT), {
      method, headers: allHeaders, signal, cache: "no-store",
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    listeners.connection("offline");
    throw new Problem(0, { detail: OFFLINE });
  } finally {
    clearTimeout(slowTimer);
  }
  if (navigator.onLine) listeners.connection("ok");
  const text = await response.text();
  let data = null;
  try {
    data = text ? JSON.parse(text) : null;
  } catch {
    data = { detail: `The API returned HTTP ${response.status} without JSON. Try again.` };
  }
  if (response.ok || response.status === 304) return { data, status: response.status, headers: response.headers };
  if (response.status === 401 && key === apiKey()) listeners.unauthorized();
  throw new Problem(response.status, data || {});
}

export const get = async (path, options) => (await send("GET", path, options)).data;
export const post = async (path, body, options) => (await send("POST", path, { body, ...options })).data;
export const put = async (path, body) => (await send("PUT", path, { body })).data;
export const patch = async (path, body) => (await send("PATCH", path, { body })).data;
export const remove = async (path) => (await send("DELETE", path)).data;

/** Upload a file to the deployment's bucket. Returns the reference for a job's `images`. */
export async function upload(file) {
  const presigned = await post("v1/uploads", { content_type: file.type, size: file.size });
  let response;
  try {
    response = await fetch(presigned.url, { method: presigned.method, headers: presigned.headers, body: file });
  } catch {
    throw new Problem(0, { detail: "S3 cannot be reached. Check your connection and try again." });
  }
  if (!response.ok) throw new Problem(response.status, { detail: `S3 returned HTTP ${response.status}. Try again.` });
  return presigned.reference;
}
