// The form of one model: its fields or JSON, the price, and the run with one idempotency key per attempt.
import * as api from "./api.js";
import { confirmed, element, showText, usd } from "./dom.js";
import * as drafts from "./drafts.js";
import * as jobs from "./jobs.js";
import { inputOf } from "./model_fields.js";

const SAME_AGAIN_MS = 10_000; // an identical run within this time is confirmed first
const PRICE_MS = 300;
const DRAFTS = "darkroom-models";
const MAX_DRAFTS = 20;

/** What was typed, by model id: {input, isJson, text}. */
function readDrafts() {
  const kept = drafts.load(DRAFTS);
  return new Map(Array.isArray(kept) ? kept.filter(Array.isArray) : []);
}

function keepDraft(id, draft) {
  const kept = readDrafts();
  kept.delete(id);
  drafts.save([...kept, [id, draft]].slice(-MAX_DRAFTS), DRAFTS);
}

/** Fill the form of a model at its next opening. */
export const prepare = (id, input) => keepDraft(id, { input, isJson: false, text: "" });

/** Forget what was typed, as another person may use the tab. */
export const clear = () => drafts.remove(DRAFTS);

/** The form of a model. `started` is called with each new job. */
export function modelForm(model, started) {
  let inputs = [];
  let extra = {}; // values that no field shows
  let isJson = !model.fields.length;
  let attempt = null; // {request, key}
  let last = { request: "", at: 0 };
  let [priceTimer, priceRequests, price] = [0, 0, null];

  const error = element("p", { className: "error", role: "alert", hidden: true });
  const submit = element("button", { className: "primary", type: "submit", title: "Ctrl+Enter" }, "Run");
  const priceText = element("output", {}, "–");
  const priceNote = element("small", {});
  const body = element("div", { className: "model-fields" });
  const source = element("textarea", { rows: 14, spellcheck: false, className: "mono", "aria-label": "Input as JSON" });
  const mode = element("button", { type: "button", className: "quiet", hidden: !model.fields.length });
  const form = element("form", { className: "model-form", noValidate: true, "aria-label": `Run ${model.name}` },
    body, element("div", { className: "submit-bar" }, error, element("div", { className: "submit-row" }, submit,
      element("p", { className: "price" }, priceText, priceNote), mode)));

  const formInput = () => ({ ...extra, ...Object.fromEntries(inputs.map(({ name, value }) => [name, value()]).filter(([, value]) => value !== undefined)) });

  /** The input as an object, or null if the JSON is not one. */
  function currentInput() {
    if (!isJson) return formInput();
    try {
      const value = JSON.parse(source.value || "{}");
      return typeof value === "object" && value !== null && !Array.isArray(value) ? value : null;
    } catch {
      return null;
    }
  }

  function keep() {
    const input = currentInput();
    if (input || isJson) keepDraft(model.id, { input: input ?? {}, isJson, text: source.value });
  }

  function showPrice(micro, note) {
    price = micro;
    priceText.textContent = micro === null ? "–" : usd(micro);
    priceNote.textContent = note;
  }

  async function refreshPrice() {
    const request = priceRequests += 1;
    const input = currentInput();
    if (!input) return showPrice(null, "The input is not valid JSON");
    try {
      const { estimated_cost_micro_usd: micro, priced_as_of: date } = await api.post("v1/estimates", { model: model.id, input });
      if (request !== priceRequests || !form.isConnected) return;
      const isKnown = Number.isFinite(micro);
      showPrice(isKnown ? micro : null, isKnown ? `Price as of ${date}` : model.problem || "Price not known before the run");
    } catch (failure) {
      if (request === priceRequests) showPrice(null, failure.message);
    }
  }

  function changed() {
    keep();
    clearTimeout(priceTimer);
    priceTimer = setTimeout(refreshPrice, PRICE_MS);
  }

  function drawFields(input) {
    inputs = model.fields.map((field) => ({ name: field.name, isAdvanced: field.isAdvanced, ...inputOf(field, changed) }));
    const known = new Set(model.fields.map(({ name }) => name));
    const lost = inputs.filter(({ name, set }) => name in input && !set(input[name])).map(({ name }) => name);
    extra = Object.fromEntries(Object.entries(input).filter(([name]) => !known.has(name) || lost.includes(name)));
    const advanced = inputs.filter(({ isAdvanced }) => isAdvanced);
    body.replaceChildren(...inputs.filter(({ isAdvanced }) => !isAdvanced).map(({ node }) => node),
      ...(advanced.length ? [element("details", { open: advanced.some(({ name }) => name in input) },
        element("summary", {}, `Advanced (${advanced.length})`), element("div", { className: "model-fields" }, advanced.map(({ node }) => node)))] : []),
      ...(Object.keys(extra).length ? [element("p", { className: "hint" }, `Also sent: ${Object.keys(extra).join(", ")}. Select Edit as JSON to change it.`)] : []));
  }

  function draw(input, text = JSON.stringify(input, null, 2)) {
    mode.textContent = isJson ? "Edit as form" : "Edit as JSON";
    if (isJson) {
      source.value = text;
      body.replaceChildren(element("p", { className: "hint" }, "The model's input in WaveSpeed's format."), source);
    } else drawFields(input);
    changed();
  }

  mode.addEventListener("click", () => {
    const input = currentInput();
    showText(error, input ? "" : "The input is not a JSON object. Correct it first.");
    if (!input) return;
    isJson = !isJson;
    draw(input);
  });

  function key(request) {
    if (attempt?.request !== request) attempt = { request, key: `studio-${crypto.getRandomValues(new Uint32Array(4)).join("-")}` };
    return attempt.key;
  }

  /** Whether an identical run, sent seconds ago, is really wanted again. */
  async function isWanted(request) {
    if (last.request !== request || Date.now() - last.at > SAME_AGAIN_MS) return true;
    const cost = price === null ? "" : ` for ${usd(price)}`;
    return confirmed(`Same again${cost}?`, "Run again", "An identical request was accepted a moment ago.");
  }

  async function run(event) {
    event.preventDefault();
    if (submit.getAttribute("aria-disabled") === "true") return;
    const input = currentInput();
    const problem = input ? (isJson ? "" : inputs.map((each) => each.problem()).find(Boolean) ?? "") : "The input is not a JSON object.";
    showText(error, problem);
    if (problem) {
      const first = inputs.find((each) => each.problem());
      if (!isJson && first) {
        first.node.closest("details")?.setAttribute("open", "");
        first.node.querySelector("input:not([hidden]), textarea, select")?.focus();
      }
      return;
    }
    const request = JSON.stringify({ model: model.id, input });
    if (!await isWanted(request)) return;
    submit.setAttribute("aria-disabled", "true");
    submit.textContent = "Submitting…";
    try {
      const job = await jobs.create({ model: model.id, input }, { headers: { "Idempotency-Key": key(request) } });
      attempt = null; // accepted: the same request again is a new job
      last = { request, at: Date.now() };
      started(job);
      document.dispatchEvent(new Event("budget-changed"));
    } catch (failure) {
      showText(error, failure.message); // the attempt keeps its key: a retry is charged once
    }
    submit.removeAttribute("aria-disabled");
    submit.textContent = "Run";
  }

  form.addEventListener("input", changed);
  form.addEventListener("submit", run);
  form.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); form.requestSubmit(); }
  });
  const draft = readDrafts().get(model.id);
  if (draft) isJson = isJson || draft.isJson;
  draw(draft?.input ?? {}, draft?.isJson ? draft.text : undefined);
  return form;
}
