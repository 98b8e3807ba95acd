// The HTTP API as this page uses it: the key, errors in words, and what the connection is like.

const ROOT = new URL("../", import.meta.url); // this file is <root>studio/api.js
const STORED = "darkroom-key";
const SLOW_MS = 4000;
const listeners = { connection: () => {}, refused: () => {} };

export class Problem extends Error {
  constructor(status, told) {
    super(told.detail || told.message || `The API answered ${status}.`);
    this.status = status;
    this.told = told;
    this.kind = String(told.type || "").replace("urn:darkroom:problem:", "");
  }
}

export const root = () => ROOT.href.replace(/\/$/, "");
export const key = () => sessionStorage.getItem(STORED);
export const keep = (value) => sessionStorage.setItem(STORED, value);
export const forget = () => sessionStorage.removeItem(STORED);
export const on = (name, listener) => { listeners[name] = listener; };

/** Ask; a held request (`wait`) is slow by intention. */
async function ask(method, path, { body, headers = {}, as = key(), signal, held = false } = {}) {
  const sent = { Authorization: `Bearer ${as}`, ...headers };
  if (body !== undefined) sent["Content-Type"] = "application/json";
  const slow = held ? 0 : setTimeout(() => listeners.connection("slow"), SLOW_MS);
  let answer;
  try {
    answer = await fetch(new URL(path, ROOT), {
      method, headers: sent, signal, cache: "no-store",
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    listeners.connection("offline");
    throw new Problem(0, { detail: "The deployment cannot be reached: check your connection." });
  } finally {
    clearTimeout(slow);
  }
  if (navigator.onLine) listeners.connection("ok");
  const text = await answer.text();
  let data = null;
  try {
    data = text ? JSON.parse(text) : null;
  } catch {
    data = { detail: `The API answered ${answer.status} without words.` };
  }
  if (answer.ok || answer.status === 304) return { data, status: answer.status, headers: answer.headers };
  if (answer.status === 401 && as === key()) listeners.refused();
  throw new Problem(answer.status, data || {});
}

export const get = async (path, more) => (await ask("GET", path, more)).data;
export const post = async (path, body, more) => (await ask("POST", path, { body, ...more })).data;
export const remove = async (path) => (await ask("DELETE", path)).data;

/** Put a file into the deployment's bucket; returns what a job's `images` calls it. */
export async function upload(file) {
  const ticket = await post("v1/uploads", { content_type: file.type, size: file.size });
  const answer = await fetch(ticket.url, { method: ticket.method, headers: ticket.headers, body: file });
  if (!answer.ok) throw new Problem(answer.status, { detail: `The bucket refused the file (${answer.status}).` });
  return ticket.reference;
}
