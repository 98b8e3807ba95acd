// The request form: settings, variants, steps, price, draft, and submission with one idempotency key per attempt.
import * as api from "./api.js";
import { byId, confirmed, element, showText, usd } from "./dom.js";
import * as drafts from "./drafts.js";
import * as gallery from "./gallery.js";
import * as jobs from "./jobs.js";
import * as references from "./references.js";
import * as settings from "./settings.js";
import * as steps from "./steps.js";

const SAME_AGAIN_MS = 10_000; // an identical request within this time is confirmed first
const EMPTY = { prompt: "", operation: "text-to-image", settings: {}, images: [], steps: [], count: 1, preset: "" };
const form = byId("form");
let account = null;
let remainingMicroUsd = null;
let attempt = null; // {request, key}: one attempt has one idempotency key
let accepted = { request: "", at: 0 }; // the last request that was accepted
let priceTimer = 0;
let draftTimer = 0;
let priceRequests = 0; // responses of all but the latest price request are dropped
let price = null; // {micro, note} of one image
let replaced = null; // the request that Undo brings back
let presetName = ""; // the preset that the request began with
let isStarted = false;

const operationOf = () => new FormData(form).get("operation");
const count = () => Number(byId("count").value);
const selectOperation = (operation) => settings.select(form, "operation", operation);

/** The form as an API request for one image. */
function currentRequest() {
  const operation = operationOf();
  const request = { operation, prompt: byId("prompt").value.trim(), ...settings.selected(form) };
  if (operation === "edit") request.images = references.ready();
  if (steps.all().length) request.then = steps.all();
  return request;
}

// What the person has entered, as a value

const snapshot = () => ({ prompt: byId("prompt").value, operation: operationOf(), settings: settings.selected(form),
  images: references.kept(), steps: steps.all(), count: count(), preset: presetName });

function restore(draft) {
  const { prompt, operation, settings: texts, images, steps: further, count: number, preset } = { ...EMPTY, ...draft };
  byId("prompt").value = prompt;
  settings.selectAll(form, texts);
  selectOperation(operation);
  if (images) references.replace(images);
  steps.replace(further);
  byId("count").value = number;
  presetName = preset;
  showPreset();
  changed();
}

/** Show another request in the form. The earlier one can be brought back. */
function replace(draft, message) {
  const earlier = snapshot();
  restore(draft);
  const isLost = (earlier.prompt.trim() || earlier.images.length || earlier.steps.length) && JSON.stringify(earlier) !== JSON.stringify(snapshot());
  replaced = isLost ? { ...earlier, images: draft.images && earlier.images } : null;
  showText(byId("undo-text"), message);
  byId("undo").hidden = !isLost;
}

/** Show the form, with the gallery as it was left. */
function open() {
  if (byId("make").hidden) location.hash = gallery.lastHash();
  form.scrollIntoView({ block: "nearest" });
}

/** Fill the form with a job's request. */
export function fill({ prompt, texts, operation, images, further = [] }) {
  open();
  replace({ prompt, operation, settings: texts, images, steps: further }, "The form has the request of the job.");
  byId("prompt").focus();
}

/** Show a preset in the form. The reference images stay, also those that are being uploaded. */
export function usePreset(name, preset) {
  open();
  replace({ ...snapshot(), prompt: preset.prompt, operation: "edit", settings: settings.textsOf(preset), images: null, steps: preset.then ?? [], preset: name },
    `The form has the preset ${name}.`);
}

/** Add reference images to the form. The prompt and the settings stay. */
export function addReferences(images) {
  open();
  selectOperation("edit");
  references.append(images);
  byId("prompt").focus();
}

function showOperation() {
  const isEdit = operationOf() === "edit";
  byId("references").hidden = !isEdit;
  byId("prompt").placeholder = isEdit ? "Describe the change" : "Describe the image";
}

/** Update the form, its price and its draft after an input has changed. */
export function changed() {
  showOperation();
  clearTimeout(priceTimer);
  clearTimeout(draftTimer);
  priceTimer = setTimeout(refreshPrice, 250);
  draftTimer = setTimeout(saveDraft, 100);
}

function saveDraft() {
  clearTimeout(draftTimer);
  if (isStarted && api.apiKey()) drafts.save(snapshot());
}

// The price

async function refreshPrice() {
  if (!account?.can_submit) return;
  const requestNumber = (priceRequests += 1);
  const request = currentRequest();
  const images = references.count();
  if (request.operation === "edit" && !images) return setPrice(null, "Add an image first");
  // The price depends on the number of references, not on the prompts or the files.
  request.prompt ||= "x";
  if (request.operation === "edit") request.images = Array(images).fill("https://example.com/x.png");
  request.then = request.then?.map((step) => ({ ...step, prompt: step.prompt || "x" }));
  try {
    const estimate = await api.post("v1/estimates", request);
    if (requestNumber !== priceRequests) return;
    const micro = estimate.estimated_cost_micro_usd;
    setPrice(micro, micro === null ? "Price unknown" : `Price as of ${estimate.priced_as_of}`);
  } catch (error) {
    if (requestNumber === priceRequests) setPrice(null, error.message);
  }
}

function setPrice(micro, note) {
  price = { micro, note };
  showPrice();
}

const total = () => (price?.micro == null ? null : price.micro * count());

function showPrice() {
  if (!price) return;
  byId("price").textContent = total() === null ? "–" : usd(total());
  const isOverBudget = total() !== null && remainingMicroUsd !== null && total() > remainingMicroUsd;
  const note = total() !== null && count() > 1 ? `${count()}\u00a0×\u00a0${usd(price.micro)}` : price.note;
  byId("price-note").textContent = isOverBudget ? `More than the ${usd(remainingMicroUsd)} left today` : note;
  byId("price-note").classList.toggle("over-budget", isOverBudget);
}

// Submission

function idempotencyKey(request) {
  if (attempt?.request !== request) attempt = { request, key: `studio-${crypto.getRandomValues(new Uint32Array(4)).join("-")}` };
  return attempt.key;
}

/** Why the request cannot be submitted, or "". */
function problemOf(request) {
  if (!request.prompt) return "Enter a prompt.";
  if (request.operation === "edit" && references.isUploading()) return "Wait until the reference images are uploaded.";
  if (request.operation === "edit" && !request.images.length) return "Add at least one reference image, or select Text to image.";
  return request.then?.some((step) => !step.prompt.trim()) ? "Enter a prompt for each step, or remove the step." : "";
}

/** Whether an identical request, sent seconds ago, is really wanted again. */
async function isWanted(text) {
  if (accepted.request !== text || Date.now() - accepted.at > SAME_AGAIN_MS) return true;
  const cost = total() === null ? "" : ` for ${usd(total())}`;
  return confirmed(`Same again${cost}?`, "Generate again", "An identical request was accepted a moment ago.");
}

async function submit(event) {
  event.preventDefault();
  if (byId("submit").getAttribute("aria-disabled") === "true") return;
  const request = currentRequest();
  const problem = problemOf(request);
  showText(byId("form-error"), problem);
  if (problem) {
    if (!request.prompt) byId("prompt").focus();
    return;
  }
  const text = JSON.stringify([request, count()]);
  setSubmitting(true);
  try {
    if (await isWanted(text)) await send(request, text);
  } finally {
    setSubmitting(false);
  }
}

/** Create a job for each variant. A job that was created before an error is not created again by a repetition. */
async function send(request, text) {
  const [key, variants] = [idempotencyKey(text), count()];
  const keys = variants === 1 ? [key] : Array.from({ length: variants }, (_, index) => `${key}-variant-${index + 1}-of-${variants}`);
  const results = await Promise.allSettled(keys.map((each) => jobs.create(request, { headers: { "Idempotency-Key": each } })));
  const created = results.flatMap(({ value }) => value ?? []);
  created.forEach(gallery.add);
  if (created.length) document.dispatchEvent(new Event("budget-changed"));
  const failed = results.find(({ status }) => status === "rejected");
  if (failed) { // the attempt keeps its key: a retry is charged once
    const part = created.length ? `${created.length} of ${variants} images were requested. ` : "";
    return showText(byId("form-error"), part + failed.reason.message);
  }
  attempt = null; // accepted: the same request again is a new job
  accepted = { request: text, at: Date.now() };
  byId("undo").hidden = true;
}

function setSubmitting(isSubmitting) {
  byId("submit").setAttribute("aria-disabled", String(isSubmitting || account?.can_submit === false));
  byId("submit").textContent = isSubmitting ? "Submitting…" : "Generate";
}

export function setAccount(newAccount, remaining) {
  const isFirst = !account;
  account = newAccount;
  remainingMicroUsd = remaining;
  form.hidden = !account.can_submit;
  byId("make").classList.toggle("view-only", !account.can_submit);
  setSubmitting(false);
  if (isFirst) refreshPrice();
  else showPrice();
}

/** Whether the key may create jobs. */
export const canSubmit = () => account?.can_submit === true;

/** Forget the request after signing out. */
export function clear() {
  if (!isStarted) return;
  clearTimeout(draftTimer);
  account = null;
  restore(EMPTY);
  clearTimeout(draftTimer);
  drafts.remove();
  byId("undo").hidden = true;
}

/** Select the preset that the request began with, if it still exists. */
function showPreset() {
  byId("preset").value = presetName;
  if (byId("preset").selectedIndex < 0) byId("preset").value = "";
}

async function loadPresets() {
  const { presets } = await api.get("v1/presets");
  // The form has edits as steps; a preset with a step of another model is for the inbox.
  const known = Object.entries(presets).filter(([, { then }]) => !then?.some((step) => step.model));
  byId("preset").replaceChildren(element("option", { value: "" }, "None"),
    ...known.map(([name, { description }]) => element("option", { value: name }, description ? `${name}: ${description}` : name)));
  byId("preset-field").hidden = false;
  byId("preset").onchange = () => {
    const name = byId("preset").value;
    if (presets[name]) usePreset(name, presets[name]);
    else presetName = "";
  };
  showPreset();
}

export async function start() {
  if (!isStarted) {
    settings.start();
    references.start(changed, () => { selectOperation("edit"); changed(); });
    steps.start(changed, () => settings.selected(form));
    form.addEventListener("input", changed);
    form.addEventListener("submit", submit);
    form.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); form.requestSubmit(); }
    });
    byId("count").addEventListener("change", showPrice);
    byId("undo-button").addEventListener("click", () => { restore(replaced); byId("undo").hidden = true; byId("prompt").focus(); });
    addEventListener("pagehide", saveDraft);
    document.addEventListener("presets-changed", () => loadPresets().catch(() => {}));
    isStarted = true;
  }
  restore(drafts.load());
  await loadPresets().catch(() => { byId("preset-field").hidden = true; });
}
