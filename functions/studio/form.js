// The request form: settings, price, and submission with one idempotency key per attempt.
import * as api from "./api.js";
import { byId, element, showText, usd } from "./dom.js";
import * as gallery from "./gallery.js";
import * as jobs from "./jobs.js";
import * as references from "./references.js";
import * as settings from "./settings.js";

const READ_ONLY = "This API key has the role read. Sign in with a key that has the role submit or admin.";
const form = byId("form");
let account = null;
let remainingMicroUsd = null;
let attempt = null; // {request, key}: one attempt has one idempotency key
let priceTimer = 0;
let priceRequests = 0; // responses of all but the latest price request are dropped
let priceMicroUsd = null;
let isStarted = false;

const selectOperation = (operation) => settings.select(form, "operation", operation);

/** The form as an API request. */
function currentRequest() {
  const operation = new FormData(form).get("operation");
  const request = { operation, prompt: byId("prompt").value.trim(), ...settings.selected(form) };
  if (operation === "edit") request.images = references.ready();
  return request;
}

function showOperation() {
  const isEdit = new FormData(form).get("operation") === "edit";
  byId("references").hidden = !isEdit;
  byId("prompt").placeholder = isEdit ? "Describe the change" : "Describe the image";
}

async function refreshPrice() {
  const requestNumber = (priceRequests += 1);
  const request = currentRequest();
  const count = references.count();
  if (request.operation === "edit" && !count) return showPrice(null, "Add a reference image to see the price");
  // The price depends on the number of references, not on the prompt or the files.
  request.prompt ||= "x";
  if (request.operation === "edit") request.images = Array(count).fill("https://example.com/x.png");
  try {
    const estimate = await api.post("v1/estimates", request);
    if (requestNumber !== priceRequests) return;
    const price = estimate.estimated_cost_micro_usd;
    showPrice(price, price === null ? "Price unknown" : `Price as of ${estimate.priced_as_of}`);
  } catch (error) {
    if (requestNumber === priceRequests) showPrice(null, error.message);
  }
}

function showPrice(price, note) {
  priceMicroUsd = price;
  byId("price").textContent = price === null ? "–" : usd(price);
  const isOverBudget = price !== null && remainingMicroUsd !== null && price > remainingMicroUsd;
  byId("price-note").textContent = isOverBudget ? `More than the ${usd(remainingMicroUsd)} left today` : note;
  byId("price-note").classList.toggle("over-budget", isOverBudget);
}

/** Update the form and its price after an input has changed. */
export function changed() {
  showOperation();
  clearTimeout(priceTimer);
  priceTimer = setTimeout(refreshPrice, 250);
}

function idempotencyKey(request) {
  const text = JSON.stringify(request);
  if (attempt?.request !== text) attempt = { request: text, key: `studio-${crypto.getRandomValues(new Uint32Array(4)).join("-")}` };
  return attempt.key;
}

async function submit(event) {
  event.preventDefault();
  if (byId("submit").getAttribute("aria-disabled") === "true") return;
  const request = currentRequest();
  const problem = !request.prompt ? "Enter a prompt."
    : request.operation === "edit" && references.isUploading() ? "Wait until the reference images are uploaded."
    : request.operation === "edit" && !request.images.length ? "Add at least one reference image, or select Text to image." : "";
  showText(byId("form-error"), problem);
  if (problem) {
    if (!request.prompt) byId("prompt").focus();
    return;
  }
  setSubmitting(true);
  try {
    const job = await jobs.create(request, { headers: { "Idempotency-Key": idempotencyKey(request) } });
    attempt = null; // accepted: the same request again is a new job
    gallery.add(job);
    document.dispatchEvent(new Event("budget-changed"));
  } catch (error) {
    showText(byId("form-error"), error.message); // the attempt keeps its key: a retry is charged once
  } finally {
    setSubmitting(false);
  }
}

function setSubmitting(isSubmitting) {
  byId("submit").setAttribute("aria-disabled", String(isSubmitting || account?.can_submit === false));
  byId("submit").textContent = isSubmitting ? "Submitting…" : "Generate";
}

export function setAccount(newAccount, remaining) {
  account = newAccount;
  remainingMicroUsd = remaining;
  setSubmitting(false);
  if (!account.can_submit) showText(byId("form-error"), READ_ONLY);
  else if (byId("form-error").textContent === READ_ONLY) showText(byId("form-error"), "");
  if (priceMicroUsd !== null) showPrice(priceMicroUsd, byId("price-note").textContent);
}

/** Fill the form with another job's settings, and with reference images. */
export function fill({ prompt, texts, operation, images }) {
  byId("prompt").value = prompt;
  settings.selectAll(form, texts);
  selectOperation(operation);
  references.replace(images);
  location.hash = "#/";
  changed();
  byId("prompt").focus();
}

async function loadPresets() {
  const { presets } = await api.get("v1/presets");
  byId("preset").replaceChildren(element("option", { value: "" }, "None"),
    // The form has one image; a preset with further steps is for the inbox.
    ...Object.entries(presets).filter(([, { then }]) => !then?.length).map(([name, { description }]) =>
      element("option", { value: name }, description ? `${name}: ${description}` : name)));
  byId("preset-field").hidden = false;
  byId("preset").onchange = () => {
    const preset = presets[byId("preset").value];
    if (!preset) return;
    byId("prompt").value = preset.prompt;
    settings.selectAll(form, settings.textsOf(preset));
    selectOperation("edit");
    changed();
  };
}

export async function start() {
  if (!isStarted) {
    settings.start();
    references.start(changed, (message) => showText(byId("form-error"), message), () => { selectOperation("edit"); changed(); });
    form.addEventListener("input", changed);
    form.addEventListener("submit", submit);
    isStarted = true;
  }
  changed();
  await loadPresets().catch(() => { byId("preset-field").hidden = true; });
}
