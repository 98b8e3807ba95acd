// The API keys (admins only): create, copy once, change budgets, revoke, and today's use.
import * as admin from "./admin.js";
import * as api from "./api.js";
import { byId, confirmed, copyButton, element, loadError, redraw, showText } from "./dom.js";

const SOON_DAYS = 14;
const DAY_MS = 86_400_000;
const ROLES = [["submit", "Create images and see its own"], ["read", "See its own images"], ["admin", "Everything, also keys and presets"]];
let generation = 0; // a page that was left draws nothing
let ownId = ""; // the id of the key of this page

const button = (name, onclick, className = "") => element("button", { type: "button", className, onclick }, name);
const usd = (amount) => `$${amount.toFixed(2)}`;
const words = (text) => text.split(/[\s,]+/).filter(Boolean);

/** The id of a key: the first 12 digits of its SHA-256. "" without a secure context. */
async function idOf(key) {
  if (!crypto.subtle) return "";
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(key)));
  return [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("").slice(0, 12);
}

// ----------------------------------------------------------------------------------------------------------- dialogs

/** Open a dialog with a form. `send` gets the form; the dialog closes unless `send` throws or returns false. */
function ask(title, action, fields, send) {
  const status = element("p", { className: "error", role: "alert", hidden: true });
  const submit = element("button", { type: "submit", className: "primary" }, action);
  const form = element("form", { novalidate: "", className: "dialog-form" }, element("h2", { id: "ask-title" }, title), fields, status,
    element("div", { className: "actions" }, button("Cancel", () => dialog.close()), submit));
  const dialog = element("dialog", { className: "wide", "aria-labelledby": "ask-title" }, form);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    showText(status, "");
    submit.disabled = true;
    try {
      if (await send(form) !== false) dialog.close();
    } catch (error) {
      showText(status, error.message);
    } finally {
      submit.disabled = false;
    }
  });
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

const field = (id, label, input, hint = "") => element("div", { className: "field" }, element("label", { htmlFor: id }, label),
  Object.assign(input, { id, name: id }), hint ? element("small", {}, hint) : null);
const number = (value, min, max) => element("input", { type: "number", value, min, max, step: "any" });

/** A number with a checkbox that lifts the limit. */
function limit(id, label, input, lift, hint = "") {
  const box = element("input", { type: "checkbox", id: `${id}-none`, name: `${id}-none`, onchange: () => { input.disabled = box.checked; } });
  return element("div", {}, field(id, label, input, hint), element("label", { className: "check", htmlFor: `${id}-none` }, box, ` ${lift}`));
}

const value = (form, id) => form.elements[id].value.trim();
const lifted = (form, id) => form.elements[`${id}-none`].checked;
/** The number in a field. An empty field is left out, so that the API names it. */
const amount = (form, id) => (lifted(form, id) || value(form, id) === "" ? undefined : Number(value(form, id)));

function create() {
  const roles = element("fieldset", { className: "roles" }, element("legend", {}, "Role"), ROLES.map(([role, text]) =>
    element("label", { className: "check" }, element("input", { type: "radio", name: "key-role", value: role, checked: role === "submit" }), ` ${role}: ${text}`)));
  const text = (properties = {}) => element("input", { type: "text", autocomplete: "off", spellcheck: false, ...properties });
  ask("New API key", "Create key", [
    field("key-name", "Name", text({ maxLength: 40 }), "Keys with the same name are one caller: they share images and the daily budget."),
    roles,
    limit("key-days", "Expires after days", number(90, 1, 3650), "Does not expire"),
    limit("key-budget", "Daily budget in USD", number(5, 0, 1_000_000), "Keep the budget as it is", "It holds for all keys of the name."),
    element("details", {}, element("summary", {}, "Models, networks and callbacks"),
      field("key-models", "Models", text({ placeholder: "all, or openai/*" }), "Ids or maker/*, separated by spaces."),
      field("key-networks", "Networks", text({ placeholder: "all, or 203.0.113.0/24" })),
      field("key-callback", "Callback URL", text({ placeholder: "https://", maxLength: 2000 }), "Its server receives the ends of the jobs.")),
  ], async (form) => {
    const [days, budget] = [amount(form, "key-days"), amount(form, "key-budget")];
    const request = {
      name: value(form, "key-name"), role: new FormData(form).get("key-role"), expires_in_days: days, daily_budget_usd: budget,
      unlimited: lifted(form, "key-days") || lifted(form, "key-budget"),
      callback_url: value(form, "key-callback") || undefined, models: words(value(form, "key-models")), source_cidrs: words(value(form, "key-networks")),
    };
    if (days === undefined && !lifted(form, "key-days")) throw new Error("Enter after how many days the key expires, or select that it does not.");
    if (budget === undefined && !lifted(form, "key-budget")) throw new Error("Enter the daily budget, or select to leave it as it is.");
    showOnce(await admin.createKey(request));
    load();
  });
}

/** Show a new key. It is in this dialog only. */
function showOnce(created) {
  const key = element("input", { type: "text", readOnly: true, value: created.key, id: "new-key", className: "mono", onfocus: (event) => event.target.select() });
  const copy = copyButton("Copy", created.key, { className: "primary", failed: "Press Ctrl+C", onfailure: () => key.focus() });
  const dialog = element("dialog", { className: "wide", "aria-labelledby": "new-key-title" },
    element("h2", { id: "new-key-title" }, `Key for ${created.name}`),
    element("p", {}, "Copy the key now. It is shown only once: Darkroom stores its digest."),
    element("label", { htmlFor: "new-key" }, "API key"), key,
    element("div", { className: "actions" }, copy, button("Done", () => dialog.close())));
  dialog.addEventListener("close", () => { key.value = ""; dialog.remove(); byId("new-key-button")?.focus(); });
  document.body.append(dialog);
  dialog.showModal();
}

function changeBudget(key) {
  const input = number(key.daily_budget_usd ?? 5, 0, 1_000_000);
  ask(`Daily budget of ${key.name}`, "Save budget", [
    element("p", {}, `It holds for all keys with the name ${key.name}, also for jobs that wait.`),
    limit("budget", "USD per day (UTC)", input, "No limit"),
  ], async (form) => {
    const budget = amount(form, "budget");
    if (budget === undefined && !lifted(form, "budget")) throw new Error("Enter an amount, or select No limit.");
    await admin.changeBudget(key.id, budget === undefined ? { unlimited: true } : { daily_budget_usd: budget });
    load();
    document.dispatchEvent(new Event("budget-changed"));
  });
}

async function revoke(key, status) {
  const own = key.id === ownId ? " This is the key that you use now: you will be signed out." : "";
  const detail = `Requests with it are refused within 30 seconds. Its waiting jobs end as canceled, free, and its batches start no further row. `
    + `Jobs that WaveSpeed has accepted finish and are paid. Other keys with this name keep working.${own}`;
  if (!await confirmed(`Revoke the key ${key.id} of ${key.name}?`, "Revoke", detail)) return;
  try {
    await admin.revokeKey(key.id);
    load();
  } catch (error) {
    showText(status, error.message);
  }
}

// -------------------------------------------------------------------------------------------------------------- list

function expiry(key) {
  if (!key.expires_at) return "never";
  const left = Date.parse(key.expires_at) - Date.now();
  const text = `${key.expires_at.slice(0, 10)}, ${admin.ago(key.expires_at)}`;
  return left < SOON_DAYS * DAY_MS ? element("strong", { className: "soon" }, left < 0 ? `expired ${admin.ago(key.expires_at)}` : text) : text;
}

function usage(key) {
  if (key.daily_budget_usd === null) return "no budget";
  const text = `${usd(key.used_today_usd ?? 0)} of ${usd(key.daily_budget_usd)}`;
  return [element("span", {}, text), element("progress", { max: key.daily_budget_usd || 1, value: key.used_today_usd ?? 0, "aria-label": `Used today by ${key.name}` })];
}

function lastUse(key) {
  if (!key.last_used) return "never";
  const days = Math.floor((Date.now() - Date.parse(key.last_used)) / DAY_MS); // the API has the day in UTC
  return days < 1 ? "today" : days < 2 ? "yesterday" : `${days} days ago`;
}

function row(key, status) {
  const limits = [...key.models, ...key.source_cidrs, key.callback_host].filter(Boolean).join(", ");
  const cell = (label, ...children) => element("td", { "data-label": label }, ...children);
  return element("tr", {},
    element("th", { scope: "row" }, key.name, element("small", { className: "mono" }, key.id), key.id === ownId ? element("small", {}, "this key") : null),
    cell("Role", key.role, limits ? element("small", {}, limits) : null),
    cell("Today", usage(key)), cell("Last use", lastUse(key)), cell("Expires", expiry(key)),
    cell("Created", key.created_at?.slice(0, 10) ?? "", element("small", {}, `by ${admin.nameOf(key.created_by)}`)),
    element("td", { className: "row-actions" },
      element("button", { type: "button", "aria-label": `Change the budget of ${key.name}`, onclick: () => changeBudget(key) }, "Budget"),
      element("button", { type: "button", className: "danger", "aria-label": `Revoke the key ${key.id} of ${key.name}`, onclick: () => revoke(key, status) }, "Revoke")));
}

async function load() {
  const current = generation;
  const status = element("p", { className: "error", role: "alert", hidden: true });
  try {
    const [keys, id] = await Promise.all([admin.keys(), idOf(api.apiKey())]);
    if (current !== generation) return;
    ownId = id;
    const head = ["Name", "Role", "Used today (UTC)", "Last use", "Expires", "Created", "Change"].map((name) => element("th", { scope: "col" }, name));
    redraw(byId("keys"),
      element("div", { className: "stats-head" }, element("h1", {}, "API keys"), element("button", { type: "button", id: "new-key-button", className: "primary", onclick: create }, "New key")), status,
      element("div", { className: "table" }, element("table", { className: "stacked" }, element("thead", {}, element("tr", {}, head)),
        element("tbody", {}, keys.map((key) => row(key, status))))));
  } catch (error) {
    if (current === generation) byId("keys").replaceChildren(loadError(error));
  }
}

export function enter() {
  generation += 1;
  byId("keys").replaceChildren(element("p", { className: "hint" }, "Loading…"));
  load();
}

export function leave() {
  generation += 1;
  byId("keys").replaceChildren();
}
