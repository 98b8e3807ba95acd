// The settings of the deployment in the API: presets, inbox, keys and the switch of submission. Every answer passes a
// normaliser, so that the pages read fields of known types.
import * as api from "./api.js";
import { list, number, record, text, time } from "./jobs.js";

const HOUR = 3_600_000;
const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto" });

/** A time relative to now in words: "3 hours ago", "in 5 days". */
export function ago(value) {
  if (!value) return "";
  const milliseconds = Date.parse(value) - Date.now();
  for (const [unit, size] of [["day", 24 * HOUR], ["hour", HOUR], ["minute", HOUR / 60]]) {
    if (Math.abs(milliseconds) >= size) return relative.format(Math.trunc(milliseconds / size), unit);
  }
  return milliseconds > 0 ? "in a moment" : "just now";
}

const creatorOf = (value) => (value ? { name: text(record(value).name), key_id: text(record(value).key_id) } : null);

/** Who has changed something, in words. */
export const nameOf = (creator) => (!creator?.name || creator.name === "aws" ? "AWS credentials" : creator.name.replace(/^key:/, ""));

// Presets

export function presetOf(value) {
  const preset = record(value);
  return { ...preset, prompt: text(preset.prompt), description: text(preset.description), then: list(preset.then) };
}

function presetsOf(value) {
  const document = record(value);
  const presets = Object.entries(record(document.presets)).map(([name, preset]) => [name, presetOf(preset)]);
  return { version: number(document.version), presets: Object.fromEntries(presets), problem: text(document.problem) };
}

export const presets = async () => presetsOf(await api.get("v1/presets"));
export const presetsVersion = async (id) => presetsOf(await api.get(`v1/presets/versions/${encodeURIComponent(id)}`));
export const savePresets = async (document) => presetsOf(await api.put("v1/presets", document));

export async function presetsVersions() {
  const { versions } = await api.get("v1/presets/versions");
  return list(versions).map(record).map((version) => ({
    version_id: text(version.version_id), version: number(version.version), stored_at: time(version.stored_at),
    stored_by: creatorOf(version.stored_by), changed: list(version.changed).map(text), problem: text(version.problem),
  }));
}

/** The uploads of a folder, or of all folders, that were refused, failed or wait. */
export async function inbox(folder = "") {
  const { notes, waiting, is_complete: isComplete } = record(await api.get(`v1/inbox?${new URLSearchParams(folder ? { folder } : {})}`));
  return {
    notes: list(notes).map(record).map((note) => ({ key: text(note.key), at: time(note.at), message: text(note.message), job_id: text(note.job_id) })),
    waiting: list(waiting).map(record).map((upload) => ({ key: text(upload.key), since: time(upload.since) })),
    is_complete: isComplete !== false,
  };
}

// Submission

export function submitsOf(value) {
  const submits = record(value);
  return { paused: submits.paused === true, paused_at: time(submits.paused_at), paused_by: creatorOf(submits.paused_by) };
}

export const setPaused = async (paused) => submitsOf(await api.put("v1/submits", { paused }));

// Keys

function keyOf(value) {
  const key = record(value);
  return {
    id: text(key.id), name: text(key.name), role: text(key.role), key: text(key.key), created_at: time(key.created_at),
    created_by: creatorOf(key.created_by), expires_at: time(key.expires_at), daily_budget_usd: number(key.daily_budget_usd),
    used_today_usd: number(key.used_today_usd), models: list(key.models).map(text), source_cidrs: list(key.source_cidrs).map(text),
    last_used: time(key.last_used), callback_host: text(key.callback_host),
  };
}

export const keys = async () => list((await api.get("v1/keys")).keys).map(keyOf);
export const createKey = async (request) => keyOf(await api.post("v1/keys", request));
export const changeBudget = async (id, request) => keyOf(await api.patch(`v1/keys/${encodeURIComponent(id)}`, request));
export const revokeKey = (id) => api.remove(`v1/keys/${encodeURIComponent(id)}`);
