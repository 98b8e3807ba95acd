// The gallery: newest jobs first, polled while a job is open, older pages on scroll. The variants of one
// request and the steps of one chain are one entry. Filters and the scroll position are kept in the history.
import { byId, element, isOpen, statusLabel, usd } from "./dom.js";
import { failureName } from "./failures.js";
import * as form from "./form.js";
import { again, assetsAsReferences } from "./job_actions.js";
import * as jobs from "./jobs.js";
import * as labels from "./labels.js";
import * as latest from "./latest.js";
import { progress } from "./progress.js";
import { justified } from "./rows.js";
import * as selection from "./selection.js";
import { label } from "./settings.js";

const PAGE_SIZE = 24;
const MAX_PAGE_SIZE = 100;
const OPEN_POLL_MS = 1500;
const HIDDEN_POLL_MS = 20000;
const IDLE_POLL_MS = 15000;
const THUMBNAIL_MS = 60_000; // a thumbnail exists this long after the job's end
const FILTERS = ["text", "status", "operation", "code", "tag", "favorite", "since", "until", "preset", "model", "key", "caller"];
const FOLDED = FILTERS.slice(4); // under "More filters"
const ROW_HEIGHT = { wide: 232, narrow: 168 };
const NARROW = 560; // pixels
const MIN_RATIO = 0.5; // a longer image is cropped in the gallery
const MAX_RATIO = 3;
const loaded = new Map(); // job id to job
const entries = new Map(); // entry key to {jobs, ratios, signature, node}
let cursor = null;
let pollTimer = 0;
let progressTimer = 0;
let scrollTimer = 0;
let generation = 0; // a change of the filters starts a new one; responses of earlier ones are dropped
let changes = 0; // of jobs by this page; a poll that began before the last one may return the jobs as they were
let isLoading = false;
let isEntered = false;
let loadedFilters = null; // the filters of the loaded jobs
let last = { hash: "#/", y: 0 }; // where the gallery was left
let isReturning = false;

// Filters and position

const filterOf = (name) => byId(`filter-${name}`).value.trim();
const filters = () => new URLSearchParams(FILTERS.map((name) => [name, filterOf(name)]).filter(([, value]) => value));
const address = () => (filters().size ? `#/?${filters()}` : "#/");

function query(parameters = {}) {
  return new URLSearchParams({ limit: PAGE_SIZE, ...Object.fromEntries(filters()), ...parameters });
}

function readFilters() {
  const search = new URLSearchParams(location.hash.split("?")[1] ?? "");
  for (const name of FILTERS) byId(`filter-${name}`).value = search.get(name) ?? "";
  if (countFolded()) byId("more-filters").open = true;
  showCode();
}

const countFolded = () => FOLDED.filter(filterOf).length;

/** The filter by failure code, which links of the stats page set. */
function showCode() {
  const code = filterOf("code");
  byId("filter-code-name").textContent = failureName(code);
  byId("filter-code-clear").hidden = !code;
  byId("filter-count").textContent = countFolded() ? ` (${countFolded()})` : "";
  byId("filter-clear").hidden = !countFolded();
}

const writeState = (hash = location.hash) => history.replaceState({ ...history.state, y: scrollY, count: loaded.size }, "", hash || "#/");

export const lastHash = () => last.hash;

/** A link to the gallery as it was left. */
export const backLink = () => element("a", { href: last.hash, onclick: () => { isReturning = true; } }, "← All images");

// Entries

/** The key of the entry that shows a job: of its chain, of its variants, or of the job alone. */
function entryKey(job) {
  if (job.chain_id) return `chain ${job.chain_id}`;
  const variants = /^(.+)-variant-\d+-of-\d+$/.exec(job.idempotency_key);
  return variants ? `variants ${job.caller} ${variants[1]}` : job.job_id;
}

/** The jobs of a chain without those in whose place a resumption has started others. */
function latestOfSteps(list) {
  const byStep = new Map();
  for (const job of list) {
    const other = byStep.get(job.step);
    if (!other || other.timings.accepted_at < job.timings.accepted_at) byStep.set(job.step, job);
  }
  return [...byStep.values()];
}

function grouped() {
  const groups = new Map();
  for (const job of loaded.values()) {
    const key = entryKey(job);
    if (!groups.has(key)) groups.set(key, []);
    groups.get(key).push(job);
  }
  const position = (job) => [job.step ?? 0, Number(/-variant-(\d+)-of/.exec(job.idempotency_key)?.[1] ?? 0)];
  const newest = (list) => list.reduce((time, job) => (job.timings.accepted_at > time ? job.timings.accepted_at : time), "");
  for (const [key, list] of groups) {
    if (list[0].chain_id) groups.set(key, latestOfSteps(list));
    groups.get(key).sort((one, other) => position(one)[0] - position(other)[0] || position(one)[1] - position(other)[1]);
  }
  return [...groups].sort(([, one], [, other]) => newest(other).localeCompare(newest(one)) || 0);
}

/** The loaded jobs in the order of the gallery. */
export const inOrder = () => grouped().flatMap(([, list]) => list);

/** The jobs before and after a job in the gallery, and the place of the job. More jobs are loaded at the end. */
export async function neighbours(id) {
  if (!loaded.size) await load(false);
  let list = inOrder();
  if (list.at(-1)?.job_id === id && cursor) {
    await load(true);
    list = inOrder();
  }
  const index = list.findIndex((job) => job.job_id === id);
  return index < 0 ? {} : { previous: list[index - 1], next: list[index + 1] };
}

/** The loaded jobs that have an image. */
export const withImages = () => inOrder().filter((job) => job.assets[0]?.content_type.startsWith("image/"));

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

/** The ratio of a job's frame: of its image, or of its request. */
function ratioOf(job) {
  const asset = job.assets[0];
  const [width, height] = asset?.width && asset.height ? [asset.width, asset.height] : (job.settings.aspect_ratio ?? "").split(":").map(Number);
  const ratio = width / height;
  return ratio > 0 && ratio < Infinity ? Math.min(MAX_RATIO, Math.max(MIN_RATIO, ratio)) : 1;
}

function frame(job) {
  const asset = job.assets[0];
  const content = asset ? assetImage(asset, "", job.timings.ended_at)
    : isOpen(job) ? element("span", { className: "waiting" }, progress(job))
    : element("span", { className: "no-image" }, job.erasing_at ? "Erased" : job.failure?.message ?? "No image");
  return element("span", { className: `frame ${job.status}`, "data-frame": job.job_id }, content);
}

/** What is known at a glance: price and quality of a finished job, or the status of any other. */
function note(list) {
  const open = list.filter(isOpen);
  const failed = list.filter((job) => job.status === "failed");
  const prices = list.map((job) => (job.charged === "no" && !isOpen(job) ? 0 : job.estimated_cost_micro_usd));
  const sum = prices.includes(null) ? null : prices.reduce((total, price) => total + price, 0);
  const facts = [sum === null ? "Price unknown" : usd(sum), label("quality", list[0].settings.quality)].filter(Boolean).join(" · ");
  const status = open[0] ?? failed[0];
  const tags = [...new Set(list.flatMap((job) => job.tags))].map((tag) => `#${tag}`);
  const marks = [...(list.some((job) => job.favorite) ? ["★"] : []), ...tags].join(" ");
  return element("span", { className: "glance" }, element("span", {}, facts), marks ? element("span", { className: "marks" }, marks) : null,
    status ? element("span", { className: `status ${status.status}` }, statusLabel(status)) : null);
}

/** Actions on a finished image, for a pointer or the keyboard. On a touch screen they are on the job's page. */
function actions(job) {
  const asset = job.assets[0];
  if (!asset || job.erasing_at) return null;
  const button = (name, text, onclick) => element("button", { type: "button", title: name, "aria-label": name, onclick }, text);
  return element("span", { className: "hover-actions" },
    form.canSubmit() ? button("Use as reference", "+", () => form.addReferences(assetsAsReferences(job))) : null,
    form.canSubmit() && job.operation !== "model" ? button("Generate again", "↻", () => again(job)) : null,
    form.canSubmit() ? button(job.favorite ? "Remove from favorites" : "Favorite", job.favorite ? "★" : "☆", () => favor(job)) : null,
    element("a", { href: asset.download_url, download: asset.filename, title: "Download", "aria-label": "Download" }, "↓"));
}

const favor = (job) => jobs.label(job.job_id, { favorite: !job.favorite }).then(take, (error) => showEnd(error.message));

function card(list) {
  const first = list[0];
  const kind = list.length === 1 ? "" : first.step ? "From a chain: " : first.chain_id ? `Chain, ${list.length} steps: ` : `${list.length} variants: `;
  const links = list.map((job, index) => element("span", { className: "shot" },
    element("a", { href: `#/jobs/${job.job_id}`, "aria-label": list.length > 1 ? `${kind}${job.prompt}, ${index + 1}` : null }, frame(job),
      list.length === 1 ? element("span", { className: "visually-hidden" }, job.prompt) : null), selection.box(job), actions(job)));
  return element("li", { "data-job": first.job_id, className: list.length > 1 ? "card group" : "card" },
    element("span", { className: "shots" }, links),
    element("span", { className: "caption" }, element("span", { className: "prompt", dir: "auto", title: first.prompt }, kind + first.prompt), note(list)));
}

const signatureOf = (list) => list.map((job) => `${job.job_id} ${job.status} ${job.canceled_at} ${job.erasing_at} ${job.favorite} ${job.tags}`).join();

/** Show the loaded jobs: cards are replaced if their jobs have changed, and moved if their order has. */
function draw() {
  const groups = grouped();
  const keys = new Set(groups.map(([key]) => key));
  for (const [key, { node }] of entries) if (!keys.has(key)) { node.remove(); entries.delete(key); }
  let previous = null;
  for (const [key, list] of groups) {
    const [signature, entry] = [signatureOf(list), entries.get(key)];
    let node = entry?.node;
    if (entry?.signature !== signature) {
      node = card(list);
      const hadFocus = entry?.node.contains(document.activeElement);
      entry?.node.replaceWith(node);
      if (hadFocus) node.querySelector("a").focus();
    }
    entries.delete(key); // and again at its place
    entries.set(key, { jobs: list, ratios: list.map(ratioOf), signature, node });
    const expected = previous ? previous.nextElementSibling : byId("gallery").firstElementChild;
    if (expected !== node) (previous ? previous.after(node) : byId("gallery").prepend(node));
    previous = node;
  }
  selection.show();
  arrange();
}

function arrange() {
  const gallery = byId("gallery");
  const width = gallery.clientWidth;
  if (!width) return;
  const isNarrow = innerWidth <= NARROW;
  const gap = isNarrow ? 10 : 16;
  const list = [...entries.values()];
  const boxes = justified(list, { width: width - 0.5, height: isNarrow ? ROW_HEIGHT.narrow : ROW_HEIGHT.wide, gap });
  gallery.style.gap = `${gap}px`;
  list.forEach(({ node, ratios }, index) => {
    const box = boxes[index];
    node.style.width = `${box.width}px`;
    const shots = node.firstElementChild;
    shots.style.height = `${box.height}px`;
    shots.style.gridTemplateColumns = ratios.length > 1 && box.lines === 1 ? ratios.map((ratio) => `${ratio}fr`).join(" ") : `repeat(${box.columns}, 1fr)`;
  });
}

/** Take a job as the API returned it. */
function update(job) {
  const known = loaded.get(job.job_id);
  loaded.set(job.job_id, job);
  latest.update(job);
  labels.learn(job);
  if (!known || signatureOf([known]) === signatureOf([job])) return;
  byId("gallery-status").textContent = `${job.prompt.slice(0, 60)}: ${statusLabel(job)}`;
  if (!isOpen(job)) document.dispatchEvent(new Event("budget-changed"));
}

/** Take a job that an action has changed. */
export function take(job) {
  changes += 1;
  if (!loaded.has(job.job_id)) return;
  if (matchesFilters(job)) update(job); else loaded.delete(job.job_id);
  draw();
  showEnd();
}

const day = (job) => (job.timings.accepted_at ?? "").slice(0, 10);
/** Whether a job has the labels and the origin that the folded filters select. The key of a job is not known. */
const matchesFolded = (job) => (!filterOf("tag") || job.tags.includes(filterOf("tag").toLowerCase()))
  && (!filterOf("favorite") || String(job.favorite) === filterOf("favorite"))
  && (!filterOf("since") || day(job) >= filterOf("since")) && (!filterOf("until") || day(job) <= filterOf("until"))
  && (!filterOf("preset") || [job.preset, job.preset.split("@")[0]].includes(filterOf("preset")))
  && (!filterOf("model") || job.model === filterOf("model")) && (!filterOf("caller") || job.caller === filterOf("caller"));

const matchesFilters = (job) => matchesFolded(job) && (!filterOf("status") || filterOf("status") === job.status)
  && (!filterOf("operation") || filterOf("operation") === job.operation)
  && (!filterOf("code") || filterOf("code") === job.failure?.code)
  && (!filterOf("text") || job.prompt.toLowerCase().includes(filterOf("text").toLowerCase()));

function showEnd(error = "") {
  byId("more").hidden = !cursor;
  const nothing = form.canSubmit() ? "No images yet. Enter a prompt and select Generate." : "No images yet. This API key can only view images.";
  byId("gallery-end").textContent = error || (loaded.size ? "" : cursor ? "No match among the newest images. Select Show older images."
    : filters().size ? "No images match the filters." : nothing);
}

// Loading

async function load(isNextPage, limit = PAGE_SIZE) {
  if (isLoading) return;
  const current = generation;
  isLoading = true;
  byId("gallery").setAttribute("aria-busy", "true");
  try {
    const page = await jobs.page(query(isNextPage ? { cursor } : { limit }));
    if (current !== generation) return;
    page.jobs.forEach(update);
    draw();
    if (isNextPage || cursor === null) cursor = page.cursor;
    showEnd();
  } catch (error) {
    if (current === generation) showEnd(error.message);
  } finally {
    if (current === generation) { isLoading = false; byId("gallery").removeAttribute("aria-busy"); }
  }
}

async function reload(limit) {
  generation += 1;
  isLoading = false;
  cursor = null;
  loaded.clear();
  draw();
  loadedFilters = filters().toString();
  byId("gallery-end").textContent = "Loading…";
  await load(false, limit);
  schedulePoll();
}

async function poll() {
  const [current, seen] = [generation, changes];
  try {
    const page = await jobs.page(query());
    if (current !== generation) return;
    if (seen !== changes) return refreshSoon();
    const ids = new Set(page.jobs.map(({ job_id: id }) => id));
    page.jobs.forEach(update);
    const missing = [...loaded.values()].filter((job) => isOpen(job) && !ids.has(job.job_id)).slice(0, 4);
    const found = await Promise.all(missing.map((job) => jobs.get(job.job_id)));
    if (current !== generation) return;
    found.forEach((job) => (matchesFilters(job) ? update(job) : loaded.delete(job.job_id)));
    draw();
    showEnd();
  } catch (error) {
    if (error.status !== 0) showEnd(error.message);
  }
  if (current === generation) schedulePoll();
}

/** Poll often while a job is open, less often if none is, and least often in a hidden tab. */
function schedulePoll() {
  clearTimeout(pollTimer);
  if (!isEntered) return;
  const hasOpenJobs = [...loaded.values()].some(isOpen);
  pollTimer = setTimeout(poll, document.hidden ? HIDDEN_POLL_MS : hasOpenJobs ? OPEN_POLL_MS : IDLE_POLL_MS);
}

function updateProgress() {
  for (const { jobs: list, node } of entries.values()) {
    for (const job of list) {
      if (isOpen(job)) node.querySelector(`[data-frame="${job.job_id}"] .progress`)?.replaceWith(progress(job));
    }
  }
  latest.tick();
}

/** Show a job that was just submitted; filters that exclude the job are reset. */
export function add(job) {
  for (const name of FILTERS) {
    if (!matchesFilters(job)) byId(`filter-${name}`).value = "";
  }
  showCode();
  update(job);
  latest.show(job);
  draw();
  showEnd();
  refreshSoon();
}

export function refreshSoon() {
  clearTimeout(pollTimer);
  if (isEntered) pollTimer = setTimeout(poll, 300);
}

export async function enter() {
  isEntered = true;
  progressTimer = setInterval(updateProgress, 1000);
  const { y, count } = isReturning ? { y: last.y } : history.state ?? {};
  isReturning = false;
  readFilters();
  if (loaded.size && loadedFilters === filters().toString()) {
    draw();
    refreshSoon();
  } else {
    await reload(Math.min(MAX_PAGE_SIZE, Math.max(PAGE_SIZE, count ?? 0)));
  }
  if (y && isEntered) scrollTo(0, y);
}

export function leave() {
  if (isEntered) last = { hash: address(), y: last.y };
  isEntered = false;
  clearTimeout(pollTimer);
  clearTimeout(scrollTimer);
  clearInterval(progressTimer);
}

export function clear() {
  generation += 1;
  loaded.clear();
  cursor = null;
  loadedFilters = null;
  last = { hash: "#/", y: 0 };
  latest.clear();
  selection.clear();
  labels.forget();
  draw();
}

let filterTimer = 0;
byId("filter-code-clear").addEventListener("click", () => {
  byId("filter-code").value = "";
  showCode();
  byId("filters").dispatchEvent(new Event("input"));
  byId("filter-text").focus();
});
byId("filter-clear").addEventListener("click", () => {
  for (const name of FOLDED) byId(`filter-${name}`).value = "";
  byId("filters").dispatchEvent(new Event("input"));
  byId("more-filters").firstElementChild.focus();
});
byId("filters").addEventListener("submit", (event) => event.preventDefault());
byId("filters").addEventListener("input", () => {
  showCode();
  clearTimeout(filterTimer);
  filterTimer = setTimeout(() => { writeState(address()); reload(); }, 250);
});
byId("more").addEventListener("click", () => load(true));
new IntersectionObserver((all) => {
  if (all.some((each) => each.isIntersecting) && cursor && isEntered) load(true);
}, { rootMargin: "600px" }).observe(byId("more"));
new ResizeObserver(arrange).observe(byId("gallery"));
document.addEventListener("visibilitychange", () => { if (!document.hidden) refreshSoon(); });
history.scrollRestoration = "manual";
addEventListener("scroll", () => {
  if (!isEntered) return;
  last.y = scrollY;
  clearTimeout(scrollTimer);
  scrollTimer = setTimeout(() => isEntered && writeState(), 150);
});
