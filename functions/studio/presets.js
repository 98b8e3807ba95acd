// The presets: list, versions and refused uploads; one preset with its form, a trial and its inbox folder.
import * as admin from "./admin.js";
import * as api from "./api.js";
import { byId, confirmed, element, isOpen, loadError, redraw, showText, statusLabel, usd } from "./dom.js";
import * as form from "./form.js";
import * as jobs from "./jobs.js";
import { prepared } from "./references.js";
import { SETTINGS, selectAll, selected, textsOf } from "./settings.js";
import * as steps from "./steps.js";

const NEW = "~new"; // a preset cannot have this name
const NAME = "[A-Za-z0-9][A-Za-z0-9._\\-]{0,62}";
const EDIT = { operation: "edit", images: ["https://example.com/x.png"] }; // the price does not depend on the file
const LATEST = 6; // jobs of a folder
const STORAGE = "darkroom-preset"; // {name, values}: the unsaved changes of one preset
const CONFLICT = "Someone else has changed this preset since you opened it. Save again to replace their change, or reload to see it.";
const UNTRIED = "Choose an image to see what the preset makes of it.";
const NUMBERS = [
  ["daily_budget_usd", "Daily budget of the folder in USD", { min: 0.01, step: "any", placeholder: "No limit" }],
  ["repeat_after_hours", "Hours in which the same upload is not edited again", { min: 0, max: 2160 }],
  ["reuse_seconds", "Seconds in which an equal image gets the same output", { min: 0 }],
];
const prices = new Map(); // of the open page, by request
let generation = 0; // a page that was left draws nothing
let copied = null; // the prompt and settings of the form of the gallery, for a new preset
let replaced = null; // the preset that the next save replaces; null for a new one

const page = () => byId("presets");
const isAdmin = () => page().dataset.role === "admin";
const canSubmit = () => page().dataset.role !== "read";
const button = (name, onclick, className = "") => element("button", { type: "button", className, onclick }, name);
const error = () => element("p", { className: "error", role: "alert", hidden: true });
const link = (name, text = name) => element("a", { href: `#/presets/${name}` }, text);
const stepCount = (preset) => (preset.then.length ? `${preset.then.length + 1} steps` : "");
const summary = (preset) => [...Object.values(textsOf(preset)), stepCount(preset),
  preset.daily_budget_usd ? `$${preset.daily_budget_usd} a day` : ""].filter(Boolean).join(" · ");

/** The fields of a preset that a job request has too. */
const request = (preset) => ({ prompt: preset.prompt, ...textsOf(preset), ...(preset.then.length ? { then: preset.then } : {}) });

/** The price of an edit with the settings and steps of a preset; null if it is not known. */
function price(preset) {
  const body = { ...EDIT, ...request(preset), prompt: "x" };
  const text = JSON.stringify(body);
  if (!prices.has(text)) {
    prices.set(text, api.post("v1/estimates", body).then((estimate) => estimate.estimated_cost_micro_usd).catch(() => null));
  }
  return prices.get(text);
}

/** Show the price of a preset once it is known. */
function showPrice(node, preset) {
  price(preset).then((micro) => { node.textContent = micro === null ? "price unknown" : usd(micro); });
  return node;
}

const author = ({ stored_by: by, stored_at: at }) => `${admin.nameOf(by)}, ${admin.ago(at)}`;

// ------------------------------------------------------------------------------------------------------------- list

function card(name, preset, versions) {
  const change = versions.find(({ changed }) => changed.includes(name));
  return element("li", { className: "tile preset" },
    element("h2", {}, link(name)),
    preset.description ? element("p", {}, preset.description) : null,
    element("p", { className: "hint clamp", dir: "auto" }, preset.prompt),
    element("p", { className: "hint" }, summary(preset)),
    element("p", { className: "preset-foot" }, showPrice(element("strong", {}, "…"), preset),
      element("small", {}, change ? author(change) : "")));
}

async function restore(version, status) {
  const question = `Restore version ${version.version}?`;
  if (!await confirmed(question, "Restore", "All presets become as they were in this version. The next uploads use them.")) return;
  try {
    const [earlier, current] = [await admin.presetsVersion(version.version_id), await admin.presets()];
    await admin.savePresets({ version: current.version, presets: earlier.presets });
    load();
  } catch (failure) {
    showText(status, failure.message);
  }
}

function versionRow(version, index, status) {
  const changed = version.problem || (version.changed.length ? version.changed.join(", ") : "no preset");
  return element("tr", {},
    element("th", { scope: "row" }, version.version === null ? "not valid" : `Version ${version.version}`),
    element("td", { "data-label": "By" }, version.stored_at ? author(version) : "ships with Darkroom"),
    element("td", { "data-label": "Presets" }, version.stored_at ? changed : "all"),
    element("td", {}, index === 0 ? "in use" : version.version === null ? "" : element("button", { type: "button", "aria-label": `Restore version ${version.version}`, onclick: () => restore(version, status) }, "Restore")));
}

function versionList(versions) {
  const status = error();
  const head = ["Version", "Changed by", "Presets", "Restore"].map((name) => element("th", { scope: "col" }, name));
  return element("section", { className: "block", "aria-labelledby": "versions-title" },
    element("h2", { id: "versions-title" }, "Versions"), status,
    element("div", { className: "table" }, element("table", { className: "stacked" }, element("thead", {}, element("tr", {}, head)),
      element("tbody", {}, versions.map((version, index) => versionRow(version, index, status))))));
}

function note(each) {
  return element("li", { className: each.waits ? "upload waits" : "upload" }, element("strong", { className: "mono" }, each.key), element("span", {}, each.message),
    element("small", {}, admin.ago(each.at), each.job_id ? element("a", { href: `#/jobs/${each.job_id}` }, " Open the job") : ""));
}

function noteList(inbox, empty) {
  const waiting = inbox.waiting.map((each) => note({ ...each, at: each.since, message: "Waits for its references.", job_id: "", waits: true }));
  const list = [...waiting, ...inbox.notes.map(note)];
  return [list.length ? element("ul", { className: "uploads" }, list) : element("p", { className: "hint" }, empty),
    inbox.is_complete ? null : element("p", { className: "hint" }, "There are more than 1,000 notes; newer ones may be missing here.")];
}

async function load() {
  const current = generation;
  try {
    const [{ presets, problem, version }, versions, inbox] = await Promise.all([admin.presets(),
      isAdmin() ? admin.presetsVersions() : [], isAdmin() ? admin.inbox() : null]);
    if (current !== generation) return;
    const names = Object.keys(presets).sort();
    redraw(page(),
      element("div", { className: "stats-head" }, element("h1", {}, "Presets"), element("span", { className: "hint" }, `Version ${version}`),
        isAdmin() ? element("a", { className: "button primary", href: `#/presets/${NEW}` }, "New preset") : null),
      element("p", { className: "hint intro" }, "A preset is a named edit. Each image that is uploaded to the inbox folder of its name is edited with it."),
      problem ? element("p", { className: "error", role: "alert" }, problem) : "",
      element("ul", { className: "cards" }, names.map((name) => card(name, presets[name], versions))),
      inbox ? element("section", { className: "block", "aria-labelledby": "refused-title" },
        element("h2", { id: "refused-title" }, "Uploads without an image"),
        noteList(inbox, "No upload was refused, has failed or waits.")) : "",
      isAdmin() ? versionList(versions) : "");
  } catch (failure) {
    if (current === generation) page().replaceChildren(loadError(failure));
  }
}

// ------------------------------------------------------------------------------------------------------- one preset

const field = (name, label, input) => element("div", { className: "field" },
  element("label", { htmlFor: `preset-${name}` }, label), Object.assign(input, { id: `preset-${name}`, name }));

const withoutNulls = (_, value) => (value === null ? undefined : value);

function drawForm(name, preset) {
  const text = (properties) => element("input", { type: "text", autocomplete: "off", ...properties });
  const node = element("form", { className: "preset-form", novalidate: "", "aria-label": name ? `Preset ${name}` : "New preset" },
    element("fieldset", { disabled: !isAdmin() }, element("legend", { className: "visually-hidden" }, "Preset"),
      name ? null : field("name", "Name, which is also the inbox folder", text({ required: true, pattern: NAME, maxLength: 63 })),
      field("description", "Description", text({ value: preset.description })),
      field("prompt", "Prompt", element("textarea", { rows: 6, dir: "auto", maxLength: 32000, required: true, value: preset.prompt })),
      SETTINGS.map((setting) => setting.draw(setting)),
      element("details", { open: preset.then.length > 0 }, element("summary", {}, "Inbox and further steps"),
        NUMBERS.map(([key, label, limits]) => field(key, label, element("input", { type: "number", ...limits, value: preset[key] ?? "" }))),
        field("then", "Further steps of the chain, as JSON", element("textarea", { rows: 6, spellcheck: false, className: "mono",
          placeholder: '[{"prompt": "Place it on a beach"}]', value: preset.then.length ? JSON.stringify(preset.then, withoutNulls, 2) : "" })))));
  selectAll(node, textsOf(preset));
  return node;
}

/** The preset in the form. Fields that the form does not show are kept. Throws an error for people. */
function read(node, preset) {
  const values = new FormData(node);
  const text = (name) => String(values.get(name) ?? "").trim();
  const numbers = Object.fromEntries(NUMBERS.map(([name]) => [name, text(name) === "" ? null : Number(text(name))]));
  let then = [];
  try {
    if (text("then")) then = JSON.parse(text("then"));
  } catch {
    throw new Error("The further steps are not valid JSON. Write a list of steps, such as [{\"prompt\": \"…\"}].");
  }
  const settings = Object.fromEntries(SETTINGS.map((setting) => [setting.name, null]));
  const changed = { ...preset, ...settings, ...selected(node), ...numbers, prompt: text("prompt"), description: text("description"), then };
  return Object.fromEntries(Object.entries(changed).filter(([, value]) => value !== null));
}

const same = (one, other) => JSON.stringify(one ?? null) === JSON.stringify(other ?? null);

/** Store the presets with one changed, or without it if `preset` is null. Returns whether it was stored. */
async function store(name, preset, status) {
  for (let tries = 3; tries > 0; tries -= 1) {
    const { version, presets } = await admin.presets();
    if (!same(presets[name], replaced)) {
      replaced = presets[name] ?? null;
      showText(status, CONFLICT);
      return false;
    }
    const { [name]: _, ...others } = presets;
    try {
      await admin.savePresets({ version, presets: preset ? { ...others, [name]: preset } : others });
      return true;
    } catch (failure) {
      if (failure.status !== 409 || tries === 1) throw new Error(failure.message.replaceAll(`presets.${name}.`, ""), { cause: failure });
    }
  }
  return false;
}

async function save(node, name, preset, status, submit) {
  showText(status, "");
  const newName = name || node.elements.name.value.trim();
  if (!name && !new RegExp(`^${NAME}$`).test(newName)) {
    showText(status, "Enter a name of letters, digits and ._- that begins with a letter or a digit.");
    return node.elements.name.focus();
  }
  submit.disabled = true;
  try {
    if (!await store(newName, read(node, preset), status)) return;
    clear();
    document.dispatchEvent(new Event("presets-changed"));
    location.hash = "#/presets";
  } catch (failure) {
    showText(status, failure.message);
  } finally {
    submit.disabled = false;
  }
}

async function erase(name, status) {
  const detail = "Uploads to its folder are refused from then on. Images and running jobs stay. An earlier version can be restored.";
  if (!await confirmed(`Delete the preset ${name}?`, "Delete", detail)) return;
  try {
    if (await store(name, null, status)) {
      clear();
      document.dispatchEvent(new Event("presets-changed"));
      location.hash = "#/presets";
    }
  } catch (failure) {
    showText(status, failure.message);
  }
}

/** A trial of the form on one image: a paid job, whose price is on the button. */
function trial(node, preset) {
  const status = element("p", { className: "hint", role: "status" }, UNTRIED);
  const result = element("div", { className: "trial-result" });
  const file = element("input", { type: "file", id: "trial-file", accept: "image/*" });
  const cost = element("span", {}, "…");
  const run = button("Try for ", () => start(), "primary");
  run.append(cost);
  let timer = 0;
  const reprice = () => { try { showPrice(cost, read(node, preset)); } catch { cost.textContent = "–"; } };
  node.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(reprice, 400); });
  reprice();

  async function start() {
    if (!file.files.length) return file.focus();
    const current = generation;
    run.disabled = true;
    try {
      const body = { operation: "edit", ...request(read(node, preset)) };
      status.textContent = "Uploading…";
      body.images = [await api.upload(await prepared(file.files[0]))];
      const key = `studio-${crypto.getRandomValues(new Uint32Array(4)).join("-")}`;
      let job = await jobs.create(body, { headers: { "Idempotency-Key": key } });
      document.dispatchEvent(new Event("budget-changed"));
      while (isOpen(job) && current === generation) {
        status.textContent = `${statusLabel(job)}…`;
        job = await jobs.get(job.job_id, { wait: 20, isLongPoll: true });
      }
      status.textContent = job.failure?.message ?? statusLabel(job);
      result.replaceChildren(element("a", { href: `#/jobs/${job.job_id}` },
        job.assets[0] ? element("img", { src: job.assets[0].url, alt: "Result of the trial" }) : "Open the job"));
    } catch (failure) {
      status.textContent = failure.message;
    } finally {
      run.disabled = false;
    }
  }

  return element("section", { className: "block", "aria-labelledby": "trial-title" }, element("h2", { id: "trial-title" }, "Try on an image"),
    element("label", { htmlFor: "trial-file" }, "Image"), file, element("div", { className: "actions" }, run), status, result);
}

function folderJob(job) {
  const name = job.source_key || job.prompt;
  return element("li", {}, element("a", { href: `#/jobs/${job.job_id}` },
    job.assets[0] ? element("img", { src: job.assets[0].thumbnail_url ?? job.assets[0].url, alt: "", loading: "lazy" }) : null,
    element("span", {}, name)), element("small", {}, `${statusLabel(job)}, ${admin.ago(job.timings.accepted_at)}`));
}

async function drawFolder(name, node) {
  const current = generation;
  try {
    const search = new URLSearchParams({ caller: `inbox:${name}`, limit: LATEST });
    const [latest, inbox] = await Promise.all([jobs.page(search), admin.inbox(name)]);
    if (current !== generation) return;
    node.replaceChildren(
      element("h2", { id: "folder-title" }, `Inbox folder ${name}/`),
      latest.jobs.length ? element("ul", { className: "folder" }, latest.jobs.map(folderJob))
        : element("p", { className: "hint" }, "No upload yet."),
      element("h3", {}, "Uploads without an image"), ...noteList(inbox, "No upload to this folder was refused, has failed or waits.").filter(Boolean));
  } catch (failure) {
    if (current === generation) node.replaceChildren(element("p", { className: "error", role: "alert" }, failure.message));
  }
}

async function open(name) {
  const current = generation;
  const isNew = name === NEW;
  try {
    const { presets } = await admin.presets();
    if (current !== generation) return;
    replaced = isNew ? null : presets[name] ?? null;
    if (!isNew && !replaced) {
      return page().replaceChildren(element("p", { className: "hint" }, `There is no preset ${name}. `), element("a", { href: "#/presets" }, "All presets"));
    }
    draw(isNew ? "" : name, isNew ? admin.presetOf(copied ?? {}) : replaced);
  } catch (failure) {
    if (current === generation) page().replaceChildren(loadError(failure));
  }
}

/** Fill the form with unsaved changes, and keep further ones. Returns the note about restored changes, or null. */
function keepChanges(name, node) {
  const { name: changed, values } = JSON.parse(sessionStorage.getItem(STORAGE) ?? "{}");
  node.addEventListener("input", () => {
    sessionStorage.setItem(STORAGE, JSON.stringify({ name, values: Object.fromEntries(new FormData(node)) }));
  });
  if (changed !== name || !isAdmin()) return null;
  for (const [key, value] of Object.entries(values)) node.elements[key].value = value;
  return element("p", { className: "hint" }, "Your unsaved changes are back. ",
    button("Discard", () => { clear(); enter(name || NEW); }, "link"));
}

/** Forget unsaved changes. */
export function clear() {
  sessionStorage.removeItem(STORAGE);
  copied = null;
}

function draw(name, preset) {
  const [node, status] = [drawForm(name, preset), error()];
  const restored = keepChanges(name, node);
  const submit = element("button", { type: "submit", className: "primary" }, "Save preset");
  node.append(status, element("div", { className: "actions" }, isAdmin() ? submit : null,
    name && canSubmit() && !preset.then.some((step) => step.model) ? button("Use in the form", () => form.usePreset(name, preset)) : null,
    name && isAdmin() ? button("Delete", () => erase(name, status), "danger") : null));
  node.addEventListener("submit", (event) => { event.preventDefault(); save(node, name, preset, status, submit); });
  const folder = element("section", { className: "block", "aria-labelledby": "folder-title" });
  page().replaceChildren(
    element("p", { className: "back" }, element("a", { href: "#/presets" }, "← All presets")),
    element("h1", {}, name || "New preset"), restored ?? "",
    element("div", { className: "preset-page" }, node,
      element("div", {}, canSubmit() ? trial(node, preset) : null, name && isAdmin() ? folder : null)));
  if (name && isAdmin()) drawFolder(name, folder);
}

/** Open the form for a new preset with the prompt and settings of the form of the gallery. */
function saveAsPreset() {
  clear();
  copied = { prompt: byId("prompt").value.trim(), ...selected(byId("form")), then: steps.all() };
  location.hash = `#/presets/${NEW}`;
}

export function setAccount(account) {
  page().dataset.role = account.role;
  byId("save-preset").hidden = account.role !== "admin";
}

export function start() {
  byId("save-preset").addEventListener("click", saveAsPreset);
}

export function enter(name) {
  generation += 1;
  prices.clear();
  page().replaceChildren(element("p", { className: "hint" }, "Loading…"));
  if (name) open(decodeURIComponent(name));
  else load();
}

export function leave() {
  generation += 1;
  page().replaceChildren();
}
