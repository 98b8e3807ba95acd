// A new batch: the file, its columns, the prompt template, the settings, and the plan with its price.
import * as api from "./api.js";
import * as batches from "./batch_api.js";
import { byId, element, loadError, showText, usd } from "./dom.js";
import * as drafts from "./drafts.js";
import { SETTINGS, selected, selectAll } from "./settings.js";

const STORAGE_KEY = "darkroom-batch";
const PLAN_MS = 400; // after the last change
const MAX_PROBLEMS = 50;
// The fields that a person selects a column for. Other columns set the fields that have their names.
const FIELDS = [["id", "Row id", "Names the files of the images"], ["images", "Reference images", "URLs; makes each row an edit"]];
let draft = null; // {name, reference, prompt, columns, settings}; a reload loses nothing
let plan = null; // of the draft; null while it changes
let attempt = null; // {request, key}: one attempt has one idempotency key
let dropped = null; // a file for the form that is about to open
let planTimer = 0;
let generation = 0;

const save = () => (draft ? drafts.save(draft, STORAGE_KEY) : drafts.remove(STORAGE_KEY));
const form = () => byId("batch-form");
const labelOf = (field) => SETTINGS.find(({ name }) => name === field)?.label ?? FIELDS.find(([name]) => name === field)?.[1] ?? field;

const request = () => ({
  source: draft.reference, name: draft.name.slice(0, 200), columns: draft.columns, defaults: draft.settings,
  ...(draft.prompt.trim() ? { prompt: draft.prompt } : {}),
});

// The file

function fileDrop() {
  const input = element("input", { type: "file", accept: ".csv,.tsv,.txt,.jsonl,.ndjson,.json,text/csv", hidden: true, id: "batch-file",
    "aria-label": "Batch file", onchange: (event) => event.target.files[0] && open(event.target.files[0]) });
  return element("div", { className: "drop" },
    element("p", { className: "hint" }, draft ? `${draft.name} ` : "Drop a CSV or JSONL file here, or ",
      element("button", { type: "button", className: "link", onclick: () => input.click() }, draft ? "Choose another file" : "choose a file")), input);
}

/** Begin a new batch with a file. */
export function open(file) {
  if (location.hash === "#/batches/new") return take(file);
  dropped = file;
  location.hash = "#/batches/new";
}

/** Upload a file and plan its rows. What a person wrote for another file stays. */
async function take(file) {
  dropped = null;
  const current = (generation += 1);
  draw();
  showText(byId("batch-status"), `Uploading ${file.name}…`);
  try {
    const reference = await batches.upload(file);
    if (current !== generation) return;
    draft = { prompt: "", settings: initialSettings(), ...draft, columns: {}, name: file.name, reference };
    attempt = null;
    save();
    draw();
    await refreshPlan();
  } catch (error) {
    if (current === generation) { draw(); showText(byId("batch-error"), error.message); }
  }
}

const initialSettings = () => Object.fromEntries(SETTINGS.map(({ name, initial }) => [name, initial]).filter(([, value]) => value));

// The plan

function changed() {
  draft = { ...draft, prompt: byId("batch-prompt").value, settings: selected(form()) };
  save();
  setPlan(null);
  clearTimeout(planTimer);
  planTimer = setTimeout(refreshPlan, PLAN_MS);
}

/** Whether each row lacks a prompt because no person has written one: that is no problem of the rows. */
const needsPrompt = ({ rows, bad_rows: bad, columns }) => rows === bad && !draft.prompt.trim() && !columns.some(({ field }) => field === "prompt");

function setPlan(newPlan) {
  plan = newPlan;
  const button = byId("batch-start");
  if (!button) return;
  const count = plan ? plan.rows - plan.bad_rows : 0;
  button.setAttribute("aria-disabled", String(!count));
  const price = plan && plan.unpriced_rows ? `${usd(plan.estimated_cost_micro_usd)} and ${plan.unpriced_rows} of unknown price` : usd(plan?.estimated_cost_micro_usd);
  button.textContent = !plan ? "Checking…" : count ? `Start ${count} ${count === 1 ? "row" : "rows"} for ${price}` : needsPrompt(plan) ? "Write a prompt first" : "No valid rows";
}

async function refreshPlan() {
  const current = generation;
  const text = JSON.stringify(request());
  try {
    const result = await batches.plan(JSON.parse(text));
    if (current !== generation || text !== JSON.stringify(request())) return;
    showText(byId("batch-error"), "");
    drawColumns(result.columns);
    drawPlan(result);
    setPlan(result);
  } catch (error) {
    if (current !== generation || text !== JSON.stringify(request())) return;
    showText(byId("batch-error"), error.message);
    byId("batch-start").textContent = "Not ready";
  }
}

function insert(name) {
  const input = byId("batch-prompt");
  const [start, end] = [input.selectionStart, input.selectionEnd];
  input.setRangeText(`{${name}}`, start, end, "end");
  input.focus();
  changed();
}

function usage({ name, field, in_prompt: inPrompt }) {
  const uses = [inPrompt || (field === "prompt" && !draft.prompt.trim()) ? "Prompt" : "", field && field !== "prompt" ? labelOf(field) : ""].filter(Boolean);
  const own = field === "prompt" && draft.prompt.trim() && !inPrompt ? "Prompt of its row, instead of the template" : "";
  return [...uses, own].filter(Boolean).join(", ") || (name ? "Not used" : "");
}

function drawColumns(columns) {
  const chips = byId("batch-chips");
  chips.replaceChildren(...columns.map(({ name }) =>
    element("li", {}, element("button", { type: "button", className: "chip", title: `Insert {${name}} into the prompt`, onclick: () => insert(name) }, name))));
  for (const [field, , ] of FIELDS) {
    const select = byId(`batch-column-${field}`);
    const current = draft.columns[field] ?? columns.find((column) => column.field === field)?.name ?? "";
    const hasOwn = columns.some(({ name }) => name.toLowerCase() === field);
    select.replaceChildren(...(hasOwn ? [] : [element("option", { value: "" }, "None")]),
      ...columns.map(({ name }) => element("option", { value: name }, name)));
    select.value = current;
  }
  byId("batch-columns").replaceChildren(
    element("thead", {}, element("tr", {}, ["Column", "First values", "Used as"].map((head) => element("th", { scope: "col" }, head)))),
    element("tbody", {}, columns.map((column) => element("tr", {}, element("th", { scope: "row" }, column.name),
      element("td", {}, column.samples.join(" · ")), element("td", {}, usage(column))))));
}

function preview({ row, id, model, input, references }) {
  const { prompt, ...settings } = input;
  const facts = [...Object.entries(settings).map(([name, value]) => `${labelOf(name)}: ${typeof value === "string" ? value : JSON.stringify(value)}`),
    ...references.map((reference) => `Reference: ${reference}`)];
  return element("li", {}, element("p", { className: "preview-prompt", dir: "auto" }, typeof prompt === "string" ? prompt : model),
    element("p", { className: "hint" }, [id ? `Row ${row}, ${id}` : `Row ${row}`, ...facts].join(" · ")));
}

function problems({ errors }) {
  const rest = errors.length - MAX_PROBLEMS;
  return element("div", { className: "table-scroll", tabIndex: 0, role: "region", "aria-label": "Invalid rows" },
    element("table", { className: "grid" },
      element("thead", {}, element("tr", {}, ["Line", "Problem"].map((head) => element("th", { scope: "col" }, head)))),
      element("tbody", {}, errors.slice(0, MAX_PROBLEMS).map(({ line, row, message }) =>
        element("tr", {}, element("td", { className: "number" }, String(line ?? row ?? "")), element("td", {}, message))))),
    rest > 0 ? element("p", { className: "hint" }, `And ${rest} more problems.`) : null);
}

function drawPlan(result) {
  const valid = result.rows - result.bad_rows;
  const isWithoutPrompt = needsPrompt(result);
  byId("batch-plan").replaceChildren(...[
    element("h2", {}, isWithoutPrompt ? `${result.rows} rows` : `${valid} of ${result.rows} rows are valid`),
    isWithoutPrompt ? element("p", { className: "hint" }, "Write a prompt. Select a column to insert its value, for example “A photo of {product} on white”.") : null,
    result.warnings.length && !isWithoutPrompt ? element("ul", { className: "warnings", "aria-label": "Warnings" }, result.warnings.map((warning) => element("li", {}, warning))) : null,
    result.preview.length ? element("h3", {}, "First prompts") : null,
    result.preview.length ? element("ol", { className: "previews" }, result.preview.map(preview)) : null,
    result.errors.length && !isWithoutPrompt ? element("h3", {}, `${result.bad_rows} invalid ${result.bad_rows === 1 ? "row" : "rows"}, which will be left out`) : null,
    result.errors.length && !isWithoutPrompt ? problems(result) : null,
  ].filter(Boolean));
}

// Start

async function submit(event) {
  event.preventDefault();
  if (!plan || byId("batch-start").getAttribute("aria-disabled") === "true") return;
  const body = { ...request(), confirm_micro_usd: plan.estimated_cost_micro_usd };
  const text = JSON.stringify(body);
  if (attempt?.request !== text) attempt = { request: text, key: `studio-${crypto.getRandomValues(new Uint32Array(4)).join("-")}` };
  const current = generation;
  byId("batch-start").setAttribute("aria-disabled", "true");
  byId("batch-start").textContent = "Starting…";
  try {
    const started = await batches.start(body, { headers: { "Idempotency-Key": attempt.key } });
    clear();
    document.dispatchEvent(new Event("budget-changed"));
    location.hash = `#/batches/${started.batch_id}`;
  } catch (error) {
    if (current !== generation) return;
    await refreshPlan(); // the price or the budget may have changed
    if (current === generation) showText(byId("batch-error"), error.message); // the attempt keeps its key: a retry is charged once
  }
}

function column([field, name, note]) {
  const select = element("select", { id: `batch-column-${field}`, onchange: () => {
    const { [field]: _, ...others } = draft.columns;
    draft.columns = select.value ? { ...others, [field]: select.value } : others;
    changed();
  } });
  return element("div", { className: "field" }, element("label", { htmlFor: `batch-column-${field}` }, name), select, element("small", {}, note));
}

function fields() {
  return [
    element("div", { className: "field" }, element("label", { htmlFor: "batch-prompt" }, "Prompt"),
      element("textarea", { id: "batch-prompt", dir: "auto", rows: 4, maxLength: 32_000, value: draft.prompt, placeholder: "A photo of {product} on white", "aria-describedby": "batch-prompt-note" }),
      element("p", { className: "hint", id: "batch-prompt-note" }, "Columns to insert:"), element("ul", { id: "batch-chips", className: "chips" })),
    element("div", { className: "columns" }, FIELDS.map(column)),
    element("p", { className: "hint" }, "These settings apply to rows whose columns do not set them:"),
    ...SETTINGS.map((setting) => setting.draw(setting)),
  ];
}

function draw() {
  byId("batches").replaceChildren(
    element("p", { className: "back" }, element("a", { href: "#/batches" }, "← All batches")),
    element("h1", {}, "New batch"),
    element("form", { id: "batch-form", className: "batch-form", noValidate: true, "aria-label": "New batch", onsubmit: submit,
      oninput: (event) => { if (draft && !event.target.id.startsWith("batch-column") && event.target.type !== "file") changed(); } },
      element("div", { className: "batch-inputs" }, fileDrop(), ...(draft ? fields() : [])),
      element("div", { className: "batch-review" },
        element("p", { id: "batch-status", className: "hint", role: "status", hidden: true }),
        element("div", { id: "batch-plan", className: "plan", "aria-live": "polite" }),
        draft ? element("div", { className: "table-scroll", tabIndex: 0, role: "region", "aria-label": "Columns of the file" }, element("table", { id: "batch-columns", className: "grid" })) : null),
      element("div", { className: "submit-bar" }, element("p", { id: "batch-error", className: "error", role: "alert", hidden: true }),
        draft ? element("button", { id: "batch-start", className: "primary", type: "submit", "aria-disabled": "true" }, "Checking…") : null)));
  if (draft) selectAll(form(), draft.settings);
}

export async function enter() {
  const current = (generation += 1);
  draft ??= drafts.load(STORAGE_KEY);
  try {
    const account = await api.get("v1/me");
    if (current !== generation) return;
    if (!account.can_submit) {
      byId("batches").replaceChildren(element("p", { className: "hint" }, "This API key can only read. Sign in with another key to start a batch."));
      return;
    }
    draw();
    if (dropped) await take(dropped);
    else if (draft) await refreshPlan();
  } catch (error) {
    if (current === generation) byId("batches").replaceChildren(loadError(error));
  }
}

export function leave() {
  generation += 1;
  clearTimeout(planTimer);
}

export function clear() {
  draft = plan = attempt = null;
  save();
}
