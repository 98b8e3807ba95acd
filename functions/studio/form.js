// The form: what is asked for, what it costs, and the attempt that pays once.
import * as api from "./api.js";
import { by, el, money, say } from "./dom.js";
import * as gallery from "./gallery.js";
import * as references from "./references.js";

const RATIOS = ["1:1", "4:5", "3:4", "2:3", "9:16", "1:2", "9:21", "1:3", "5:4", "4:3", "3:2", "16:9", "2:1", "21:9", "3:1"];
const NOTES = { quality: "medium", resolution: "1k", output_format: "png", aspect_ratio: "" };
const form = by("form");
let account = null;
let left = null;
let attempt = null; // {request, key}: one attempt has one idempotency key
let timer = 0;
let asked = 0;
let cost = null;
let isReady = false;

const pick = (name, value) => {
  const field = form.querySelector(`input[name="${name}"][value="${CSS.escape(value)}"]`);
  if (field) field.checked = true;
};

/** The request as the API takes it. */
function request() {
  const values = new FormData(form);
  const operation = values.get("operation");
  const made = { operation, prompt: by("prompt").value.trim() };
  for (const name of ["quality", "resolution", "output_format"]) made[name] = values.get(name);
  if (values.get("aspect_ratio")) made.aspect_ratio = values.get("aspect_ratio");
  if (operation === "edit") made.images = references.ready();
  return made;
}

function drawRatios() {
  const shape = (ratio) => {
    const drawn = el("i", { className: "shape", "aria-hidden": "true" });
    const [width, height] = ratio.split(":").map(Number);
    const scale = 22 / Math.max(width, height);
    drawn.style.width = `${Math.max(5, width * scale)}px`;
    drawn.style.height = `${Math.max(5, height * scale)}px`;
    return drawn;
  };
  const option = (value, label, drawn) => el("label", { title: label },
    el("input", { type: "radio", name: "aspect_ratio", value, checked: value === "" }),
    el("span", {}, el("span", { className: "shape-box" }, drawn), label));
  by("ratios").append(el("div", { className: "ratio-grid" },
    option("", "Auto", el("i", { className: "shape auto", "aria-hidden": "true" })),
    RATIOS.map((ratio) => option(ratio, ratio, shape(ratio)))));
}

function showOperation() {
  const isEdit = new FormData(form).get("operation") === "edit";
  by("references").hidden = !isEdit;
  by("prompt").placeholder = isEdit ? "What should change?" : "What should be in the picture?";
}

async function price() {
  const mine = (asked += 1);
  const made = request();
  const count = references.count();
  if (made.operation === "edit" && !count) return showPrice(null, "add a reference to see the price");
  // A price needs neither the words nor the files: only how many there are.
  made.prompt ||= "x";
  if (made.operation === "edit") made.images = Array(count).fill("https://example.com/x.png");
  try {
    const quote = await api.post("v1/estimates", made);
    if (mine !== asked) return;
    cost = quote.estimated_cost_micro_usd;
    showPrice(cost, cost === null ? "no price is known" : `as of ${quote.priced_as_of}`);
  } catch (error) {
    if (mine === asked) showPrice(null, error.message);
  }
}

function showPrice(value, note) {
  cost = value;
  by("price").textContent = value === null ? "–" : money(value);
  const short = value !== null && left !== null && value > left;
  by("price-note").textContent = short ? `more than the ${money(left)} left today` : note;
  by("price-note").classList.toggle("short", short);
}

/** The input has changed: another attempt, another price. */
export function changed() {
  showOperation();
  clearTimeout(timer);
  timer = setTimeout(price, 250);
}

function attemptFor(made) {
  const text = JSON.stringify(made);
  if (attempt?.request !== text) attempt = { request: text, key: `studio-${crypto.getRandomValues(new Uint32Array(4)).join("-")}` };
  return attempt.key;
}

function refusal(error) {
  if (error.kind !== "budget-exceeded") return error.message;
  const { left_micro_usd: rest, budget_micro_usd: all, cost_micro_usd: needs } = error.told;
  return `Today's budget does not hold it: ${money(rest)} of ${money(all)} is left, and this costs ${money(needs)}. It is full again at midnight UTC.`;
}

async function submit(event) {
  event.preventDefault();
  if (by("submit").getAttribute("aria-disabled") === "true") return;
  const made = request();
  const missing = !made.prompt ? "Write a prompt first."
    : made.operation === "edit" && references.isBusy() ? "A reference is still on its way up."
    : made.operation === "edit" && !made.images.length ? "An edit needs at least one reference." : "";
  say(by("form-error"), missing);
  if (missing) {
    if (!made.prompt) by("prompt").focus();
    return;
  }
  working(true);
  try {
    const job = await api.post("v1/jobs", made, { headers: { "Idempotency-Key": attemptFor(made) } });
    attempt = null; // taken: the same again is another picture
    gallery.add(job);
    document.dispatchEvent(new Event("money"));
  } catch (error) {
    say(by("form-error"), refusal(error)); // the attempt keeps its key: a retry pays once
  } finally {
    working(false);
  }
}

function working(is) {
  by("submit").setAttribute("aria-disabled", String(is || account?.can_submit === false));
  by("submit").textContent = is ? "Asking…" : "Make the picture";
}

export function setAccount(me, rest) {
  account = me;
  left = rest;
  working(false);
  if (!me.can_submit) say(by("form-error"), "This key may only look: it cannot make pictures.");
  else if (by("form-error").textContent.startsWith("This key")) say(by("form-error"), "");
  if (cost !== null) showPrice(cost, by("price-note").textContent);
}

/** Take over another job's request, its picture as a reference if one is given. */
export function fill(input, { operation, images = [] }) {
  by("prompt").value = input.prompt ?? "";
  for (const [name, other] of Object.entries(NOTES)) pick(name, input[name] ?? other);
  pick("operation", operation);
  references.replace(images);
  location.hash = "#/";
  changed();
  by("prompt").focus();
}

async function presets() {
  const { presets: known } = await api.get("v1/presets");
  by("preset").replaceChildren(el("option", { value: "" }, "None"),
    ...Object.entries(known).map(([name, { description }]) =>
      el("option", { value: name }, description ? `${name}: ${description}` : name)));
  by("preset-field").hidden = false;
  by("preset").onchange = () => {
    const chosen = known[by("preset").value];
    if (!chosen) return;
    by("prompt").value = chosen.prompt;
    for (const [name, other] of Object.entries(NOTES)) pick(name, chosen[name] ?? other);
    pick("operation", "edit");
    changed();
  };
}

export async function start() {
  if (!isReady) {
    drawRatios();
    references.start(changed, (words) => say(by("form-error"), words), () => { pick("operation", "edit"); changed(); });
    form.addEventListener("input", changed);
    form.addEventListener("submit", submit);
    isReady = true;
  }
  changed();
  await presets().catch(() => { by("preset-field").hidden = true; });
}
