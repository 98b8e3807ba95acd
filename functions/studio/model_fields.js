// The inputs of a model's fields. Each has `node`, `value()` (undefined: left out), `set(value)` and `problem()`.
import * as api from "./api.js";
import { element, showText } from "./dom.js";

const MAX_BYTES = 32_000_000; // of an uploaded file
const ACCEPT = { image: "image/*", video: "video/*", audio: "audio/*", file: "" };
const REFERENCE = /^(?:https?:\/\/|s3:\/\/|upload:)\S+$/;

const asText = (value) => (typeof value === "string" ? value : JSON.stringify(value));
const article = (kind) => (/^[aeiou]/.test(kind) ? `an ${kind}` : `a ${kind}`);
let lastId = 0;

function hint(field) {
  const range = field.minimum !== null && field.maximum !== null ? `${field.minimum} to ${field.maximum}`
    : field.minimum !== null ? `at least ${field.minimum}` : field.maximum !== null ? `at most ${field.maximum}` : "";
  const initial = field.initial === null || field.initial === "" || Array.isArray(field.initial) ? "" : `Default: ${asText(field.initial)}.`;
  return [field.description, range && `${range[0].toUpperCase()}${range.slice(1)}.`, field.choices.length ? "" : initial].filter(Boolean).join(" ");
}

/** A label, an input and a hint. The label names `control`, which is `shown` or inside of it. */
function labelled(field, control, ...shown) {
  const id = `field-${lastId += 1}`;
  const text = hint(field);
  control.id = id;
  control.name = field.name;
  if (text) control.setAttribute("aria-describedby", `${id}-hint`);
  if (field.required) control.required = true;
  return element("div", { className: "field" }, element("label", { htmlFor: id }, field.label, field.required ? null : element("small", {}, " optional")),
    shown.length ? shown : control, text ? element("p", { className: "hint", id: `${id}-hint` }, text) : null);
}

function choice(field) {
  const values = field.choices;
  const isMissing = field.initial === null ? "Not set" : `Default (${asText(field.initial)})`;
  const select = element("select", {}, field.required && field.initial === null ? null : element("option", { value: "" }, isMissing),
    values.map((value, index) => element("option", { value: String(index) }, asText(value))));
  return {
    node: labelled(field, select),
    value: () => (select.value === "" ? undefined : values[Number(select.value)]),
    set: (value) => {
      const index = values.indexOf(value);
      select.value = index < 0 ? select.options[0].value : String(index);
      return index >= 0 || value === undefined;
    },
    problem: () => (select.validity.valid ? "" : `Select ${field.label}.`),
  };
}

function flag(field) {
  const initial = field.initial === true;
  const box = element("input", { type: "checkbox", checked: initial, name: field.name, id: `field-${lastId += 1}` });
  let isSet = false;
  box.addEventListener("change", () => { isSet = true; });
  return {
    node: element("div", { className: "field check" }, element("label", { htmlFor: box.id }, box, ` ${field.label}`),
      field.description ? element("p", { className: "hint" }, field.description) : null),
    value: () => (isSet || field.required ? box.checked : undefined),
    set: (value) => { box.checked = value ?? initial; isSet = value !== undefined; return value === undefined || typeof value === "boolean"; },
    problem: () => "",
  };
}

function amount(field) {
  const isWhole = field.type === "integer";
  const bounds = { min: field.minimum ?? undefined, max: field.maximum ?? undefined };
  const input = element("input", { type: "number", inputMode: isWhole ? "numeric" : "decimal", step: isWhole ? "1" : "any", ...bounds,
    placeholder: field.initial === null ? "" : String(field.initial) });
  const span = field.maximum - field.minimum;
  const hasSlider = field.minimum !== null && field.maximum !== null && span > 0 && (!isWhole || span <= 1000);
  const start = typeof field.initial === "number" ? field.initial : field.minimum;
  const slider = hasSlider ? element("input", { type: "range", ...bounds, step: String(field.step ?? (isWhole ? 1 : span / 100)), "aria-label": `${field.label}, slider` }) : null;
  const follow = () => { if (slider) slider.value = String(input.value === "" ? start : input.value); };
  slider?.addEventListener("input", () => { input.value = slider.value; });
  input.addEventListener("input", follow);
  follow();
  return {
    node: labelled(field, input, input, slider),
    value: () => (input.value === "" ? undefined : Number(input.value)),
    set: (value) => { input.value = typeof value === "number" ? String(value) : ""; follow(); return value === undefined || typeof value === "number"; },
    problem: () => (input.validity.badInput ? `${field.label} must be a number.`
      : input.validity.valid ? "" : `${field.label}: ${field.required && input.value === "" ? "enter a number." : hint({ ...field, description: "", initial: null }) || "enter a whole number."}`),
  };
}

function words(field) {
  const isArea = field.isLong || field.isList;
  const input = isArea ? element("textarea", { rows: field.name === "prompt" || field.name === "text" ? 5 : 3, maxLength: 100_000 })
    : element("input", { type: "text", maxLength: 10_000, autocomplete: "off" });
  if (field.initial !== null && !field.isList) input.placeholder = asText(field.initial).slice(0, 100);
  const lines = () => input.value.split("\n").map((line) => line.trim()).filter(Boolean);
  return {
    node: labelled(field.isList ? { ...field, description: `${field.description} One per line.`.trim() } : field, input),
    value: () => (field.isList ? (lines().length ? lines().map((line) => (field.type === "string" ? line : Number(line))) : undefined) : input.value.trim() || undefined),
    set: (value) => {
      const isKnown = field.isList ? Array.isArray(value) : typeof value === "string";
      input.value = isKnown ? (field.isList ? value.map(asText).join("\n") : value) : "";
      return isKnown || value === undefined;
    },
    problem: () => (field.required && !input.value.trim() ? `Enter ${field.label}.`
      : field.isList && field.type !== "string" && lines().some((line) => Number.isNaN(Number(line))) ? `${field.label} must have a number in each line.` : ""),
  };
}

/** Any other value, as JSON. */
function json(field) {
  const input = element("textarea", { rows: 3, spellcheck: false, className: "mono", placeholder: field.initial === null ? "JSON" : asText(field.initial).slice(0, 100) });
  const parsed = () => { try { return [JSON.parse(input.value)]; } catch { return null; } };
  return {
    node: labelled({ ...field, description: `${field.description} JSON.`.trim() }, input),
    value: () => (input.value.trim() ? parsed()?.[0] : undefined),
    set: (value) => { input.value = value === undefined ? "" : JSON.stringify(value, null, 2); return true; },
    problem: () => (!input.value.trim() ? (field.required ? `Enter ${field.label}.` : "") : parsed() ? "" : `${field.label} is not valid JSON.`),
  };
}

/** A file that is not uploaded here. Its content is not shown: the page loads nothing from other hosts. */
const named = (reference) => ({ show: "", name: reference.split(/[?#]/)[0].split("/").at(-1) || reference, reference });

/** Files: URLs, and uploads to the deployment. */
function files(field, changed) {
  let items = []; // {show, name, reference: "" during the upload, error}
  const most = field.isList ? field.maxItems ?? 50 : 1;
  const list = element("ul", { className: "thumbs" });
  const url = element("input", { type: "text", inputMode: "url", placeholder: "https://…", autocomplete: "off", spellcheck: false });
  const picker = element("input", { type: "file", accept: ACCEPT[field.media], multiple: most > 1, hidden: true, "aria-label": `Files for ${field.label}` });
  const error = element("p", { className: "error", role: "alert", hidden: true });
  const preview = (item) => (field.media === "image" && item.show
    ? element("img", { src: item.show, alt: item.name, onerror: (event) => event.target.replaceWith(element("span", { className: "file-name" }, item.name)) })
    : element("span", { className: "file-name" }, item.name));
  const draw = () => {
    list.replaceChildren(...items.map((item) => element("li", { className: item.reference ? "" : "busy", title: item.name }, preview(item),
      item.reference ? null : element("span", { className: "spin", role: "status", "aria-label": `Uploading ${item.name}` }),
      element("button", { type: "button", className: "remove", "aria-label": `Remove ${item.name}`, onclick: () => { items = items.filter((other) => other !== item); draw(); } }, "×"))));
    changed();
  };
  const add = (item) => { items = [...(most === 1 ? [] : items), item]; draw(); };
  const upload = async (file) => {
    const item = { show: URL.createObjectURL(file), name: file.name || "pasted file", reference: "" };
    add(item);
    try {
      item.reference = await api.upload(file);
    } catch (failure) {
      items = items.filter((other) => other !== item);
      showText(error, `Upload of ${item.name} failed. ${failure.message}`);
    }
    draw();
  };
  const take = (chosen) => {
    const problems = chosen.filter(({ size }) => size > MAX_BYTES).map(({ name }) => `${name} has more than 32 MB.`);
    const fitting = chosen.filter(({ size }) => size <= MAX_BYTES);
    const free = most === 1 ? 1 : most - items.length;
    if (fitting.length > free) problems.push(`At most ${most} files.`);
    showText(error, problems.join(" "));
    fitting.slice(0, free).forEach(upload);
  };
  const takeUrl = () => {
    const text = url.value.trim();
    if (!text) return;
    showText(error, REFERENCE.test(text) ? items.length >= most && most > 1 ? `At most ${most} files.` : "" : "Enter a URL that begins with https://, s3:// or upload:");
    if (!error.hidden) return;
    add(named(text));
    url.value = "";
  };
  url.addEventListener("change", takeUrl);
  url.addEventListener("keydown", (event) => { if (event.key === "Enter" && url.value.trim()) { event.preventDefault(); takeUrl(); } });
  picker.addEventListener("change", () => { take([...picker.files]); picker.value = ""; });
  const drop = element("div", { className: "drop" }, list, element("div", { className: "file-row" }, url,
    element("button", { type: "button", onclick: () => picker.click() }, "Choose file"), picker), error);
  drop.addEventListener("drop", (event) => { if (event.dataTransfer.files.length) { event.preventDefault(); event.stopPropagation(); document.body.classList.remove("dragging"); take([...event.dataTransfer.files]); } });
  const limits = field.isList && (field.minItems || field.maxItems) ? `${field.minItems ?? 0} to ${field.maxItems ?? "any number of"} files. ` : "";
  return {
    node: labelled({ ...field, initial: null, description: `${limits}${field.description}` }, url, drop),
    value: () => {
      const references = items.map(({ reference }) => reference).filter(Boolean);
      return references.length ? (field.isList ? references : references[0]) : undefined;
    },
    set: (value) => {
      const references = value === undefined ? [] : Array.isArray(value) ? value : [value];
      if (references.length > most || references.some((each) => typeof each !== "string")) return false;
      items = references.filter(Boolean).map(named);
      draw();
      return true;
    },
    problem: () => (items.some(({ reference }) => !reference) ? `Wait until the files of ${field.label} are uploaded.`
      : url.value.trim() ? `${field.label}: press Enter to add the URL, or remove it.`
      : field.required && items.length < Math.max(1, field.minItems ?? 1) ? `Add ${field.isList && (field.minItems ?? 1) > 1 ? `${field.minItems} files` : article(field.media)} for ${field.label}.` : ""),
  };
}

/** The input of a field. `changed` is called when an upload changes it; other changes are events of the form. */
export function inputOf(field, changed) {
  if (field.media) return files(field, changed);
  if (field.type === "json" || (field.isList && (field.choices.length || field.type === "boolean"))) return json(field);
  if (field.choices.length && !field.isList) return choice(field);
  if (field.isList) return words(field);
  if (field.type === "boolean") return flag(field);
  if (field.type === "integer" || field.type === "number") return amount(field);
  return words(field);
}
