// The request form: settings, price, and submission with one idempotency key per attempt.
import * as api from "./api.js";
import { byId, element, showText, usd } from "./dom.js";
import * as gallery from "./gallery.js";
import * as references from "./references.js";

const RATIOS = ["1:1", "4:5", "3:4", "2:3", "9:16", "1:2", "9:21", "1:3", "5:4", "4:3", "3:2", "16:9", "2:1", "21:9", "3:1"];
const DEFAULTS = { quality: "medium", resolution: "1k", output_format: "png", aspect_ratio: "" };
const READ_ONLY = "This API key has the role read. Sign in with a key that has the role submit or admin.";
const form = byId("form");
let account = null;
let remainingMicroUsd = null;
let attempt = null; // {request, key}: one attempt has one idempotency key
let priceTimer = 0;
let priceRequests = 0; // responses of all but the latest price request are dropped
let priceMicroUsd = null;
let isStarted = false;

const selectOption = (name, value) => {
  const field = form.querySelector(`input[name="${name}"][value="${CSS.escape(value)}"]`);
  if (field) field.checked = true;
};

/** The form as an API request. */
function currentRequest() {
  const values = new FormData(form);
  const operation = values.get("operation");
  const request = { operation, prompt: byId("prompt").value.trim() };
  for (const name of ["quality", "resolution", "output_format"]) request[name] = values.get(name);
  if (values.get("aspect_ratio")) request.aspect_ratio = values.get("aspect_ratio");
  if (operation === "edit") request.images = references.ready();
  return request;
}

function drawRatios() {
  const shape = (ratio) => {
    const icon = element("i", { className: "shape", "aria-hidden": "true" });
    const [width, height] = ratio.split(":").map(Number);
    const scale = 22 / Math.max(width, height);
    icon.style.width = `${Math.max(5, width * scale)}px`;
    icon.style.height = `${Math.max(5, height * scale)}px`;
    return icon;
  };
  const option = (value, label, icon) => element("label", { title: label },
    element("input", { type: "radio", name: "aspect_ratio", value, checked: value === "" }),
    element("span", {}, element("span", { className: "shape-box" }, icon), label));
  byId("ratios").append(element("div", { className: "ratio-grid" },
    option("", "Auto", element("i", { className: "shape auto", "aria-hidden": "true" })),
    RATIOS.map((ratio) => option(ratio, ratio, shape(ratio)))));
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
    const job = await api.post("v1/jobs", request, { headers: { "Idempotency-Key": idempotencyKey(request) } });
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
export function fill(input, { operation, images = [] }) {
  byId("prompt").value = input.prompt ?? "";
  for (const [name, fallback] of Object.entries(DEFAULTS)) selectOption(name, input[name] ?? fallback);
  selectOption("operation", operation);
  references.replace(images);
  location.hash = "#/";
  changed();
  byId("prompt").focus();
}

async function loadPresets() {
  const { presets } = await api.get("v1/presets");
  byId("preset").replaceChildren(element("option", { value: "" }, "None"),
    ...Object.entries(presets).map(([name, { description }]) =>
      element("option", { value: name }, description ? `${name}: ${description}` : name)));
  byId("preset-field").hidden = false;
  byId("preset").onchange = () => {
    const preset = presets[byId("preset").value];
    if (!preset) return;
    byId("prompt").value = preset.prompt;
    for (const [name, fallback] of Object.entries(DEFAULTS)) selectOption(name, preset[name] ?? fallback);
    selectOption("operation", "edit");
    changed();
  };
}

export async function start() {
  if (!isStarted) {
    drawRatios();
    references.start(changed, (message) => showText(byId("form-error"), message), () => { selectOption("operation", "edit"); changed(); });
    form.addEventListener("input", changed);
    form.addEventListener("submit", submit);
    isStarted = true;
  }
  changed();
  await loadPresets().catch(() => { byId("preset-field").hidden = true; });
}
