// The page of a batch: progress, money, results, zip files, failed rows and images.
import * as api from "./api.js";
import * as batches from "./batch_api.js";
import * as newBatch from "./batch_form.js";
import { byId, confirmed, duration, element, showText, usd } from "./dom.js";
import * as jobs from "./jobs.js";

const LONG_POLL_SECONDS = 20;
const RETRY_MS = 2000;
const ZIP_POLL_MS = 3000;
const LINKS_MS = 45 * 60_000; // the links are valid for an hour
const ZIP_MS = 50 * 60_000; // after this time, a missing zip file can be requested again
const IMAGES_MS = 10_000; // between two reads of the images of a running batch
const THUMBNAIL_MS = 60_000; // a thumbnail exists this long after the job's end
const PAGE_SIZE = 24;
const MAX_FAILED = 100;
const COUNTS = [["completed", "Completed"], ["failed", "Failed"], ["bad", "Invalid"], ["canceled", "Canceled"], ["running", "Generating"], ["queued", "Queued"], ["waiting", "Waiting"]];
let generation = 0;
let request = null; // aborts the running long poll
let readTimer = 0; // of an ended batch
let account = null;
let failed = []; // the results of the failed rows of an ended batch
let images = new Map(); // job id to node
let cursor = null;
let imagesAt = 0;

const megabytes = (bytes) => (bytes < 1e9 ? `${Math.max(1, Math.round(bytes / 1e6))} MB` : `${(bytes / 1e9).toFixed(1)} GB`);
const tile = (name, value, note) => element("div", { className: "tile" }, element("dt", {}, name), element("dd", {}, value, note ? element("small", {}, note) : null));
const download = (name, url, filename) => element("a", { className: "button", href: url, download: filename, target: "_blank", rel: "noopener" }, name);

// Progress and actions

function progressBar({ progress, rows }) {
  const parts = COUNTS.filter(([status]) => progress[status]);
  const bar = element("div", { className: "batch-bar", role: "img", "aria-label": `Rows: ${parts.map(([status, name]) => `${progress[status]} ${name.toLowerCase()}`).join(", ")}` },
    parts.map(([status]) => {
      const part = element("span", { className: `rows-${status}` });
      part.style.flexGrow = progress[status] / rows;
      return part;
    }));
  return element("div", {}, bar, element("ul", { className: "legend batch-legend" }, parts.map(([status, name]) => element("li", { className: `rows-${status}` }, `${name} ${progress[status]}`))));
}

async function cancel(batch) {
  const detail = "Rows that have not started cost nothing. Images that are being generated are charged and stored.";
  if (!await confirmed(`Cancel ${batch.name}?`, "Cancel the batch", detail)) return;
  await act(() => batches.cancel(batch.batch_id));
}

/** Run an action of a button and show its batch, or its error. */
async function act(action) {
  const current = generation;
  try {
    const batch = await action();
    if (current === generation) showBatch(batch);
  } catch (error) {
    if (current === generation) showText(byId("batch-error"), error.message);
  }
}

const isMaking = ({ zips, zips_requested_at: requested }) =>
  requested !== null && zips.some(({ url }) => !url) && Date.now() - Date.parse(requested) < ZIP_MS;

/** The zip files: a button that makes them, or their links. */
function zipActions(batch) {
  const { zips } = batch;
  if (!zips.length) return [];
  const size = zips.reduce((sum, { bytes }) => sum + bytes, 0);
  const made = zips.filter(({ url }) => url);
  const links = made.map((zip) => download(zips.length > 1 ? `Zip ${zips.indexOf(zip) + 1} of ${zips.length} (${megabytes(zip.bytes)})` : `Download images (${megabytes(zip.bytes)})`, zip.url, zip.filename));
  if (made.length === zips.length) return links;
  if (isMaking(batch)) return [...links, element("span", { className: "hint", role: "status" }, `Packing ${megabytes(size)}, ${made.length} of ${zips.length} ready…`)];
  if (!account.can_submit) return links;
  return [...links, element("button", { type: "button", onclick: (event) => { event.target.disabled = true; act(() => batches.zip(batch.batch_id)); } },
    `Pack all images as zip (${megabytes(size)})`)];
}

/** The failed rows as a new batch: the results contain the request of each row. */
function tryAgain(batch) {
  const rows = failed.filter(({ status, request: body }) => status === "failed" && body);
  if (!rows.length || !account.can_submit) return null;
  const lines = rows.map(({ id, request: body }) => JSON.stringify(id ? { ...body, id } : body)).join("\n");
  const name = `${batch.name.replace(/\.[a-z]+$/i, "")}-again.jsonl`;
  return element("button", { type: "button", onclick: () => newBatch.open(new File([lines], name)) }, `Try ${rows.length} failed ${rows.length === 1 ? "row" : "rows"} again`);
}

function showBatch(batch) {
  const head = byId("batch-head");
  if (!head) return;
  const hadFocus = head.contains(document.activeElement) ? document.activeElement.textContent : null;
  const isDone = !batches.isOpen(batch);
  const note = batch.uncertain_micro_usd ? `${usd(batch.uncertain_micro_usd)} more may have been charged` : `of about ${usd(batch.estimated_cost_micro_usd)}`;
  const elapsed = batch.created_at ? (new Date(batch.ended_at ?? Date.now()) - new Date(batch.created_at)) / 1000 : null;
  head.replaceChildren(
    element("p", { className: "job-status", role: "status" }, element("span", { className: `status ${batch.status}` }, batches.statusLabel(batch))),
    progressBar(batch),
    element("dl", { className: "tiles" },
      tile("Completed", `${batch.progress.completed} of ${batch.rows}`),
      tile("Spent", usd(batch.spent_micro_usd), note),
      isDone ? tile("Took", duration(elapsed)) : tile("Time left", batch.eta_seconds === null ? "–" : `about ${duration(batch.eta_seconds)}`, `running for ${duration(elapsed)}`)),
    element("div", { className: "actions" },
      ...zipActions(batch),
      batch.csv_url ? download("Results as CSV", batch.csv_url, "results.csv") : null,
      batch.jsonl_url ? download("Results as JSONL", batch.jsonl_url, "results.jsonl") : null,
      tryAgain(batch),
      batches.isOpen(batch) && !batch.canceled_at && account.can_submit ? element("button", { type: "button", className: "danger", onclick: () => cancel(batch) }, "Cancel") : null),
    batch.warnings.length ? element("details", {}, element("summary", {}, `${batch.warnings.length} ${batch.warnings.length === 1 ? "warning" : "warnings"} of the file`),
      element("ul", { className: "warnings" }, batch.warnings.map((warning) => element("li", {}, warning)))) : "");
  if (hadFocus) [...head.querySelectorAll("a, button")].find((node) => node.textContent === hadFocus)?.focus();
  clearTimeout(readTimer);
  if (isDone) readTimer = setTimeout(() => act(() => batches.get(batch.batch_id)), isMaking(batch) ? ZIP_POLL_MS : LINKS_MS);
}

// Failed rows

function failures(rows) {
  const shown = rows.slice(0, MAX_FAILED);
  byId("batch-failed").replaceChildren(...(rows.length ? [
    element("h2", {}, `${rows.length} ${rows.length === 1 ? "row" : "rows"} without an image`),
    element("div", { className: "table-scroll", tabIndex: 0, role: "region", "aria-label": "Rows without an image" }, element("table", { className: "grid" },
      element("thead", {}, element("tr", {}, ["Row", "Id", "Reason", "Job"].map((head) => element("th", { scope: "col" }, head)))),
      element("tbody", {}, shown.map(({ row, id, message, job_id: job }) => element("tr", {},
        element("td", { className: "number" }, String(row ?? "")), element("td", {}, id), element("td", {}, message),
        element("td", {}, job ? element("a", { href: `#/jobs/${job}` }, "Open", element("span", { className: "visually-hidden" }, row ? ` the job of row ${row}` : " the job")) : "")))))),
    rows.length > shown.length ? element("p", { className: "hint" }, `And ${rows.length - shown.length} more: see the results.`) : "",
  ] : []));
}

/** Of an ended batch: every row that has no image. Of a running batch: the first invalid rows and failed jobs. */
async function showFailures(batch, current) {
  if (!batch.jsonl_url) {
    const search = new URLSearchParams({ batch: batch.batch_id, status: "failed", limit: PAGE_SIZE });
    const page = batch.progress.failed ? await jobs.page(search) : { jobs: [] };
    if (current !== generation) return;
    failures([...batch.errors.map((problem) => ({ ...problem, id: "", job_id: "" })),
      ...page.jobs.map((job) => ({ row: null, id: "", message: job.failure?.message ?? "", job_id: job.job_id }))]);
    return;
  }
  const { failed: failedRows, bad, canceled } = batch.progress;
  if (!failedRows && !bad && !canceled) return;
  try {
    const results = await batches.results(batch);
    if (current !== generation) return;
    failed = results.filter(({ status }) => status !== "completed");
    failures(failed);
    showBatch(batch);
  } catch (error) {
    if (current === generation) showText(byId("batch-error"), error.message);
  }
}

// Images

function card(job) {
  const [asset] = job.assets;
  const isImage = asset.content_type.startsWith("image/");
  const isNew = Date.now() - Date.parse(job.timings.ended_at) < THUMBNAIL_MS;
  const content = isImage ? element("img", { alt: "", loading: "lazy", decoding: "async", src: isNew ? asset.url : asset.thumbnail_url ?? asset.url,
    onerror: (event) => { if (event.target.src !== asset.url) event.target.src = asset.url; } })
    : element("span", { className: "no-image" }, asset.content_type);
  return element("li", {}, element("a", { href: `#/jobs/${job.job_id}`, title: job.prompt, "aria-label": job.prompt.slice(0, 200) }, content));
}

/** Add images: the newest, or the next page. */
async function loadImages(id, current, after = null) {
  const search = new URLSearchParams({ batch: id, status: "completed", limit: PAGE_SIZE, ...(after ? { cursor: after } : {}) });
  imagesAt = Date.now();
  const page = await jobs.page(search);
  if (current !== generation || !byId("batch-images")) return;
  const added = page.jobs.filter((job) => job.assets.length && !images.has(job.job_id));
  for (const job of added) images.set(job.job_id, card(job));
  const nodes = added.map((job) => images.get(job.job_id));
  if (after) byId("batch-images").append(...nodes);
  else byId("batch-images").prepend(...nodes);
  if (after || cursor === null) cursor = page.cursor;
  byId("batch-more").hidden = !cursor;
  byId("batch-images-title").hidden = !images.size;
}

// The page

/** Show a batch, and long-poll until the batch has ended or the page is left. */
async function follow(id, current) {
  request = new AbortController();
  let batch = null;
  while (current === generation) {
    try {
      account ??= await api.get("v1/me");
      batch = await batches.get(id, { wait: batch && LONG_POLL_SECONDS, signal: request.signal, isLongPoll: batch !== null });
      if (current !== generation) return;
      if (!byId("batch-head")) drawPage(batch);
      showBatch(batch);
      if (!batches.isOpen(batch) || Date.now() - imagesAt > IMAGES_MS) await loadImages(id, current);
      if (current !== generation) return;
      await showFailures(batch, current);
      if (!batches.isOpen(batch)) return document.dispatchEvent(new Event("budget-changed"));
    } catch (error) {
      if (error.name === "AbortError" || current !== generation) return;
      if (error.status === 404) {
        return byId("batches").replaceChildren(element("p", { className: "hint" }, `${error.message} `), element("a", { href: "#/batches" }, "All batches"));
      }
      await new Promise((resolve) => { setTimeout(resolve, RETRY_MS); });
    }
  }
}

function started({ caller, created_at: time }) {
  return [`Started ${time ? new Date(time).toLocaleString() : ""}`, account.can_read_all ? `by ${caller.replace(/^key:/, "")}` : ""].join(" ");
}

function drawPage(batch) {
  const current = generation;
  const more = element("button", { type: "button", id: "batch-more", className: "more", hidden: true,
    onclick: () => loadImages(batch.batch_id, current, cursor).catch((error) => showText(byId("batch-error"), error.message)) }, "Show more images");
  byId("batches").replaceChildren(
    element("p", { className: "back" }, element("a", { href: "#/batches" }, "← All batches")),
    element("h1", {}, batch.name),
    element("p", { className: "hint" }, started(batch)),
    element("p", { id: "batch-error", className: "error", role: "alert", hidden: true }),
    element("section", { id: "batch-head", className: "batch-head", "aria-label": "Progress" }),
    element("section", { id: "batch-failed", className: "batch-failed", "aria-label": "Failed rows" }),
    element("section", { "aria-labelledby": "batch-images-title" }, element("h2", { id: "batch-images-title", hidden: true }, "Images"),
      element("ul", { id: "batch-images", className: "batch-images" }), more));
}

export function enter(id) {
  generation += 1;
  failed = [];
  images = new Map();
  [cursor, imagesAt] = [null, 0];
  follow(id, generation);
}

export function leave() {
  generation += 1;
  request?.abort();
  clearTimeout(readTimer);
}

export function clear() {
  account = null;
}
