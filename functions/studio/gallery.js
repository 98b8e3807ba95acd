// The gallery: newest first, live while something is open, older pages as one scrolls.
import * as api from "./api.js";
import { between, by, el, isOpen, promptOf, seconds, statusOf } from "./dom.js";

const PAGE = 24;
const FAST_MS = 1500;
const HIDDEN_MS = 20000;
const IDLE_MS = 15000;
const cards = new Map(); // job id to {job, node}
let cursor = null;
let timer = 0;
let ticking = 0;
let run = 0; // each change of the filter begins anew: late answers of before are dropped
let isLoading = false;
const THUMBNAIL_MS = 60_000; // after a job's end it is there
let isEntered = false;

function query(more = {}) {
  const asked = new URLSearchParams({ limit: PAGE, ...more });
  for (const name of ["text", "status", "operation"]) {
    const value = by(`filter-${name}`).value.trim();
    if (value) asked.set(name, value);
  }
  return `v1/jobs?${asked}`;
}

/** A picture that falls back to its asset, and then to words. A new one has no thumbnail yet. */
export function picture(asset, alt, endedAt) {
  const isNew = Date.now() - Date.parse(endedAt) < THUMBNAIL_MS;
  const src = isNew ? asset.url : asset.thumbnail_url ?? asset.url;
  const image = el("img", { alt, loading: "lazy", decoding: "async", src });
  if (asset.width && asset.height) [image.width, image.height] = [asset.width, asset.height];
  image.addEventListener("load", () => image.parentElement?.classList.add("loaded"));
  image.addEventListener("error", () => {
    if (image.src !== asset.url) image.src = asset.url;
    else image.replaceWith(el("span", { className: "no-picture" }, "The picture could not be loaded"));
  });
  return image;
}

function progress(job) {
  const elapsed = between(job.timings.accepted_at, new Date());
  const expected = job.expected_seconds;
  const bar = el("progress", { "aria-label": "Progress" });
  if (expected) { bar.max = expected; bar.value = Math.min(elapsed, expected * 0.97); }
  const words = el("span", { className: "elapsed" }, expected ? `${seconds(elapsed)} of about ${seconds(expected)}` : seconds(elapsed));
  return el("span", { className: "progress" }, bar, words);
}

function card(job) {
  const asset = job.assets[0];
  const seen = asset ? picture(asset, "", job.timings.ended_at)
    : isOpen(job) ? el("span", { className: "waiting" }, progress(job))
    : el("span", { className: "no-picture" }, job.failure?.message ?? "No picture");
  const [width, height] = (job.input.aspect_ratio ?? "1:1").split(":").map(Number);
  const frame = el("span", { className: `frame ${job.status}` }, seen);
  frame.style.aspectRatio = asset?.width ? `${asset.width} / ${asset.height}` : `${width} / ${height}`;
  return el("li", { "data-job": job.job_id, className: "card" },
    el("a", { href: `#/jobs/${job.job_id}` }, frame,
      el("span", { className: "caption" },
        el("span", { className: "prompt" }, promptOf(job)),
        el("span", { className: `status ${job.status}` }, statusOf(job)))));
}

function sortedIn(job, node) {
  const after = [...cards.values()].find((other) => other.job.timings.accepted_at <= job.timings.accepted_at && other.node.isConnected);
  if (after) after.node.before(node);
  else by("gallery").append(node);
}

function place(job) {
  const known = cards.get(job.job_id);
  if (known) {
    const before = known.job;
    known.job = job;
    if (before.status === job.status && before.canceled_at === job.canceled_at) return;
    const node = card(job);
    const had = known.node.contains(document.activeElement);
    known.node.replaceWith(node);
    known.node = node;
    if (had) node.querySelector("a").focus();
    by("gallery-said").textContent = `${promptOf(job).slice(0, 60)}: ${statusOf(job)}`;
    if (!isOpen(job)) document.dispatchEvent(new Event("money"));
    return;
  }
  const node = card(job);
  sortedIn(job, node);
  cards.set(job.job_id, { job, node });
}

const matches = (job) => {
  const [text, status, operation] = ["text", "status", "operation"].map((name) => by(`filter-${name}`).value.trim());
  return (!status || status === job.status) && (!operation || operation === job.operation)
    && (!text || promptOf(job).toLowerCase().includes(text.toLowerCase()));
};

function tell(words = "") {
  by("more").hidden = !cursor;
  by("gallery-end").textContent = words || (cards.size ? "" : cursor ? "Nothing among the newest."
    : by("filter-text").value || by("filter-status").value || by("filter-operation").value
      ? "No picture matches." : "No pictures yet. Describe one, and it appears here.");
}

async function load(more) {
  if (isLoading) return;
  const mine = run;
  isLoading = true;
  by("gallery").setAttribute("aria-busy", "true");
  try {
    const page = await api.get(query(more ? { cursor } : {}));
    if (mine !== run) return;
    page.jobs.forEach(place);
    if (more || cursor === null) cursor = page.cursor;
    tell();
  } catch (error) {
    if (mine === run) tell(error.message);
  } finally {
    if (mine === run) { isLoading = false; by("gallery").removeAttribute("aria-busy"); }
  }
}

async function begin() {
  run += 1;
  isLoading = false;
  cursor = null;
  cards.clear();
  by("gallery").replaceChildren();
  by("gallery-end").textContent = "Loading…";
  await load(false);
  plan();
}

/** Look again: soon while something is open, seldom else, and hardly when nobody looks. */
async function look() {
  const mine = run;
  try {
    const page = await api.get(query());
    if (mine !== run) return;
    const told = new Set(page.jobs.map(({ job_id: id }) => id));
    page.jobs.forEach(place);
    const lost = [...cards.values()].filter(({ job }) => isOpen(job) && !told.has(job.job_id)).slice(0, 4);
    const found = await Promise.all(lost.map(({ job }) => api.get(`v1/jobs/${job.job_id}`)));
    if (mine !== run) return;
    found.forEach((job) => (matches(job) ? place(job) : lose(job)));
    tell();
  } catch (error) {
    if (error.status !== 0) tell(error.message);
  }
  if (mine === run) plan();
}

function lose(job) {
  cards.get(job.job_id)?.node.remove();
  cards.delete(job.job_id);
}

function plan() {
  clearTimeout(timer);
  if (!isEntered) return;
  const busy = [...cards.values()].some(({ job }) => isOpen(job));
  timer = setTimeout(look, document.hidden ? HIDDEN_MS : busy ? FAST_MS : IDLE_MS);
}

function tick() {
  for (const { job, node } of cards.values()) {
    if (isOpen(job)) node.querySelector(".progress")?.replaceWith(progress(job));
  }
}

/** A job that was asked for just now. */
export function add(job) {
  for (const name of ["text", "status", "operation"]) {
    if (!matches(job)) by(`filter-${name}`).value = "";
  }
  place(job);
  tell();
  wake();
}

export function wake() {
  clearTimeout(timer);
  if (isEntered) timer = setTimeout(look, 300);
}

export function enter() {
  isEntered = true;
  ticking = setInterval(tick, 1000);
  if (cards.size) wake();
  else begin();
}

export function leave() {
  isEntered = false;
  clearTimeout(timer);
  clearInterval(ticking);
}

export function clear() {
  run += 1;
  cards.clear();
  cursor = null;
  by("gallery").replaceChildren();
}

let typing = 0;
by("filters").addEventListener("submit", (event) => event.preventDefault());
by("filters").addEventListener("input", () => {
  clearTimeout(typing);
  typing = setTimeout(begin, 250);
});
by("more").addEventListener("click", () => load(true));
new IntersectionObserver((seen) => {
  if (seen.some((one) => one.isIntersecting) && cursor && isEntered) load(true);
}, { rootMargin: "600px" }).observe(by("more"));
document.addEventListener("visibilitychange", () => { if (!document.hidden) wake(); });
