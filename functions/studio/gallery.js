// The gallery: newest jobs first, polled while a job is open, older pages on scroll.
import { byId, duration, element, isOpen, secondsBetween, statusLabel } from "./dom.js";
import * as jobs from "./jobs.js";

const PAGE_SIZE = 24;
const OPEN_POLL_MS = 1500;
const HIDDEN_POLL_MS = 20000;
const IDLE_POLL_MS = 15000;
const THUMBNAIL_MS = 60_000; // a thumbnail exists this long after the job's end
const cards = new Map(); // job id to {job, node}
let cursor = null;
let pollTimer = 0;
let progressTimer = 0;
let generation = 0; // a change of the filters starts a new one; responses of earlier ones are dropped
let isLoading = false;
let isEntered = false;

function query(parameters = {}) {
  const search = new URLSearchParams({ limit: PAGE_SIZE, ...parameters });
  for (const name of ["text", "status", "operation"]) {
    const value = byId(`filter-${name}`).value.trim();
    if (value) search.set(name, value);
  }
  return search;
}

/** An image that falls back from thumbnail to asset to an error text. A new asset has no thumbnail yet. */
function assetImage(asset, alt, endedAt) {
  if (!asset.content_type.startsWith("image/")) return element("span", { className: "no-image" }, asset.content_type);
  const isNew = Date.now() - Date.parse(endedAt) < THUMBNAIL_MS;
  const src = isNew ? asset.url : asset.thumbnail_url ?? asset.url;
  const image = element("img", { alt, loading: "lazy", decoding: "async", src });
  if (asset.width && asset.height) [image.width, image.height] = [asset.width, asset.height];
  image.addEventListener("load", () => image.parentElement?.classList.add("loaded"));
  image.addEventListener("error", () => {
    if (image.src !== asset.url) image.src = asset.url;
    else image.replaceWith(element("span", { className: "no-image" }, "The image could not be loaded. Reload the page."));
  });
  return image;
}

function progress(job) {
  const elapsed = secondsBetween(job.timings.accepted_at, new Date());
  const expected = job.expected_seconds;
  const bar = element("progress", { "aria-label": "Progress" });
  if (expected) { bar.max = expected; bar.value = Math.min(elapsed, expected * 0.97); }
  const text = expected ? `${duration(elapsed)} of about ${duration(expected)}` : duration(elapsed);
  return element("span", { className: "progress" }, bar, element("span", { className: "elapsed" }, text));
}

/** The ratio of a frame without an image, as CSS: of the request if images can have it, or else 1 / 1. */
function ratio(text = "") {
  const [width, height] = text.split(":").map(Number);
  return width / height >= 1 / 3 && width / height <= 3 ? `${width} / ${height}` : "1 / 1";
}

function card(job) {
  const asset = job.assets[0];
  const content = asset ? assetImage(asset, "", job.timings.ended_at)
    : isOpen(job) ? element("span", { className: "waiting" }, progress(job))
    : element("span", { className: "no-image" }, job.erasing_at ? "Erased" : job.failure?.message ?? "No image");
  const frame = element("span", { className: `frame ${job.status}` }, content);
  frame.style.aspectRatio = asset?.width && asset.height ? `${asset.width} / ${asset.height}` : ratio(job.settings.aspect_ratio);
  return element("li", { "data-job": job.job_id, className: "card" },
    element("a", { href: `#/jobs/${job.job_id}` }, frame,
      element("span", { className: "caption" },
        element("span", { className: "prompt" }, job.prompt),
        element("span", { className: `status ${job.status}` }, statusLabel(job)))));
}

function insertSorted(job, node) {
  const next = [...cards.values()].find((other) => other.job.timings.accepted_at <= job.timings.accepted_at && other.node.isConnected);
  if (next) next.node.before(node);
  else byId("gallery").append(node);
}

/** Add a job's card, or replace it if the job has changed. */
function update(job) {
  const entry = cards.get(job.job_id);
  if (entry) {
    const previous = entry.job;
    entry.job = job;
    if (previous.status === job.status && previous.canceled_at === job.canceled_at
      && previous.erasing_at === job.erasing_at) return;
    const node = card(job);
    const hadFocus = entry.node.contains(document.activeElement);
    entry.node.replaceWith(node);
    entry.node = node;
    if (hadFocus) node.querySelector("a").focus();
    byId("gallery-status").textContent = `${job.prompt.slice(0, 60)}: ${statusLabel(job)}`;
    if (!isOpen(job)) document.dispatchEvent(new Event("budget-changed"));
    return;
  }
  const node = card(job);
  insertSorted(job, node);
  cards.set(job.job_id, { job, node });
}

const matchesFilters = (job) => {
  const [text, status, operation] = ["text", "status", "operation"].map((name) => byId(`filter-${name}`).value.trim());
  return (!status || status === job.status) && (!operation || operation === job.operation)
    && (!text || job.prompt.toLowerCase().includes(text.toLowerCase()));
};

function showEnd(error = "") {
  byId("more").hidden = !cursor;
  byId("gallery-end").textContent = error || (cards.size ? "" : cursor ? "No match among the newest images. Select Show older images."
    : byId("filter-text").value || byId("filter-status").value || byId("filter-operation").value
      ? "No images match the filters." : "No images yet. Enter a prompt and select Generate.");
}

async function load(isNextPage) {
  if (isLoading) return;
  const current = generation;
  isLoading = true;
  byId("gallery").setAttribute("aria-busy", "true");
  try {
    const page = await jobs.page(query(isNextPage ? { cursor } : {}));
    if (current !== generation) return;
    page.jobs.forEach(update);
    if (isNextPage || cursor === null) cursor = page.cursor;
    showEnd();
  } catch (error) {
    if (current === generation) showEnd(error.message);
  } finally {
    if (current === generation) { isLoading = false; byId("gallery").removeAttribute("aria-busy"); }
  }
}

async function reload() {
  generation += 1;
  isLoading = false;
  cursor = null;
  cards.clear();
  byId("gallery").replaceChildren();
  byId("gallery-end").textContent = "Loading…";
  await load(false);
  schedulePoll();
}

async function poll() {
  const current = generation;
  try {
    const page = await jobs.page(query());
    if (current !== generation) return;
    const ids = new Set(page.jobs.map(({ job_id: id }) => id));
    page.jobs.forEach(update);
    const missing = [...cards.values()].filter(({ job }) => isOpen(job) && !ids.has(job.job_id)).slice(0, 4);
    const found = await Promise.all(missing.map(({ job }) => jobs.get(job.job_id)));
    if (current !== generation) return;
    found.forEach((job) => (matchesFilters(job) ? update(job) : removeCard(job)));
    showEnd();
  } catch (error) {
    if (error.status !== 0) showEnd(error.message);
  }
  if (current === generation) schedulePoll();
}

function removeCard(job) {
  cards.get(job.job_id)?.node.remove();
  cards.delete(job.job_id);
}

/** Poll often while a job is open, less often if none is, and least often in a hidden tab. */
function schedulePoll() {
  clearTimeout(pollTimer);
  if (!isEntered) return;
  const hasOpenJobs = [...cards.values()].some(({ job }) => isOpen(job));
  pollTimer = setTimeout(poll, document.hidden ? HIDDEN_POLL_MS : hasOpenJobs ? OPEN_POLL_MS : IDLE_POLL_MS);
}

function updateProgress() {
  for (const { job, node } of cards.values()) {
    if (isOpen(job)) node.querySelector(".progress")?.replaceWith(progress(job));
  }
}

/** Show a job that was just submitted; filters that exclude the job are reset. */
export function add(job) {
  for (const name of ["text", "status", "operation"]) {
    if (!matchesFilters(job)) byId(`filter-${name}`).value = "";
  }
  update(job);
  showEnd();
  refreshSoon();
}

export function refreshSoon() {
  clearTimeout(pollTimer);
  if (isEntered) pollTimer = setTimeout(poll, 300);
}

export function enter() {
  isEntered = true;
  progressTimer = setInterval(updateProgress, 1000);
  if (cards.size) refreshSoon();
  else reload();
}

export function leave() {
  isEntered = false;
  clearTimeout(pollTimer);
  clearInterval(progressTimer);
}

export function clear() {
  generation += 1;
  cards.clear();
  cursor = null;
  byId("gallery").replaceChildren();
}

let filterTimer = 0;
byId("filters").addEventListener("submit", (event) => event.preventDefault());
byId("filters").addEventListener("input", () => {
  clearTimeout(filterTimer);
  filterTimer = setTimeout(reload, 250);
});
byId("more").addEventListener("click", () => load(true));
new IntersectionObserver((entries) => {
  if (entries.some((entry) => entry.isIntersecting) && cursor && isEntered) load(true);
}, { rootMargin: "600px" }).observe(byId("more"));
document.addEventListener("visibilitychange", () => { if (!document.hidden) refreshSoon(); });
