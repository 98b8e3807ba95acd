// The batches: a list of them, and one module each for a new batch and for the page of a batch.
import * as api from "./api.js";
import * as batch from "./batch.js";
import * as batches from "./batch_api.js";
import { byId, element, loadError, redraw, usd } from "./dom.js";
import * as newBatch from "./batch_form.js";

const PAGE_SIZE = 20;
const POLL_MS = 5000;
const HIDDEN_POLL_MS = 30000;
let generation = 0;
let pollTimer = 0;
let account = null;
let shown = []; // the batches of the list, newest first
let older = null; // the cursor behind the list

const hasFiles = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");

function row(record) {
  const { completed, failed, canceled, bad } = record.progress;
  const ended = completed + failed + canceled + bad;
  const progress = batches.isOpen(record)
    ? element("progress", { max: record.rows, value: ended, "aria-label": `Progress of ${record.name}` }) : null;
  return element("tr", {},
    element("th", { scope: "row" }, element("a", { id: `batch-${record.batch_id}`, href: `#/batches/${record.batch_id}` }, record.name)),
    element("td", {}, element("span", { className: `status ${record.status}` }, batches.statusLabel(record)), progress),
    element("td", { className: "number" }, `${completed} of ${record.rows}`),
    element("td", { className: "number" }, failed + bad ? String(failed + bad) : "–"),
    element("td", { className: "number" }, usd(record.spent_micro_usd)),
    element("td", {}, record.created_at ? new Date(record.created_at).toLocaleString() : ""),
    account.can_read_all ? element("td", {}, record.caller.replace(/^key:/, "")) : null);
}

function draw() {
  const heads = ["Batch", "Status", "Completed", "Failed", "Spent", "Started", ...(account.can_read_all ? ["Caller"] : [])];
  const table = element("table", { className: "grid" },
    element("thead", {}, element("tr", {}, heads.map((head) => element("th", { scope: "col" }, head)))),
    element("tbody", {}, shown.map(row)));
  redraw(byId("batches"),
    element("div", { className: "page-head" }, element("h1", {}, "Batches"),
      account.can_submit ? element("a", { className: "button primary", href: "#/batches/new" }, "New batch") : null),
    shown.length ? element("div", { className: "table-scroll", tabIndex: 0, role: "region", "aria-label": "Batches" }, table)
      : element("p", { className: "hint" }, "No batches yet. A batch makes one image for each row of a CSV or JSONL file."),
    ...(older ? [element("button", { type: "button", className: "more", onclick: () => load(older) }, "Show older batches")] : []));
}

async function load(after = null) {
  clearTimeout(pollTimer);
  const current = generation;
  const search = new URLSearchParams({ limit: PAGE_SIZE, ...(after ? { cursor: after } : {}) });
  try {
    const [page, me] = await Promise.all([batches.page(search), account ?? api.get("v1/me")]);
    if (current !== generation) return;
    account = me;
    const isFirst = !shown.length;
    const others = shown.filter(({ batch_id: id }) => !page.batches.some((batch) => batch.batch_id === id));
    shown = after ? [...others, ...page.batches] : [...page.batches, ...others];
    if (after || isFirst) older = page.cursor;
    draw();
    if (shown.some(batches.isOpen)) pollTimer = setTimeout(load, document.hidden ? HIDDEN_POLL_MS : POLL_MS);
  } catch (error) {
    if (current !== generation) return;
    if (shown.length && !error.status) pollTimer = setTimeout(load, POLL_MS); // offline: the list stays
    else byId("batches").replaceChildren(loadError(error));
  }
}

/** Show the list, the form of a new batch, or the page of a batch. */
export function enter(id) {
  generation += 1;
  byId("batches").replaceChildren(element("p", { className: "hint" }, "Loading…"));
  if (id === "new") newBatch.enter();
  else if (id) batch.enter(id);
  else {
    [shown, older] = [[], null];
    load();
  }
}

export function leave() {
  generation += 1;
  clearTimeout(pollTimer);
  newBatch.leave();
  batch.leave();
  byId("batches").replaceChildren();
}

/** Forget the account and, unless `hasDraft`, the draft of a new batch. */
export function clear({ hasDraft }) {
  account = null;
  batch.clear();
  if (!hasDraft) newBatch.clear();
}

// A file that is dropped on the list or on the form begins a new batch.
addEventListener("drop", (event) => {
  if (!hasFiles(event) || byId("batches").hidden || !event.dataTransfer.files.length) return;
  event.preventDefault();
  newBatch.open(event.dataTransfer.files[0]);
});
