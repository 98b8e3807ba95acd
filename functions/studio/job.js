// A job's page: the picture at full size, what was asked, what it cost, how long each part took.
import * as api from "./api.js";
import { between, by, el, isOpen, money, promptOf, say, seconds, statusOf } from "./dom.js";
import * as form from "./form.js";
import { compare } from "./slider.js";
import * as snippets from "./snippets.js";

const HELD_SECONDS = 20;
const AGAIN_MS = 3000;
let run = 0; // each page that is entered: late answers of the one before are dropped
let stop = null;
let ticking = 0;

const row = (name, value) => [el("dt", {}, name), el("dd", {}, value)];
const at = (time) => (time ? new Date(time).toLocaleString() : "–");

function pictures(job) {
  if (!job.assets.length) {
    const words = isOpen(job) ? "The picture is in the making." : job.failure?.message ?? "There is no picture.";
    return [el("div", { className: "stage empty" }, el("p", {}, words),
      job.failure?.detail ? el("p", { className: "hint" }, job.failure.detail) : null)];
  }
  const before = job.reference_urls?.[0];
  return job.assets.map((asset, index) => {
    const alt = `${promptOf(job)}${job.assets.length > 1 ? `, ${index + 1}` : ""}`;
    const shown = before && index === 0 ? compare(before, asset.url, alt) : el("img", {
      src: asset.url, alt, width: asset.width ?? undefined, height: asset.height ?? undefined,
      onerror: (event) => event.target.replaceWith(el("p", {}, "The picture could not be loaded: reload the page for a fresh address.")),
    });
    return el("div", { className: "stage" }, shown);
  });
}

/** The parts of a job's time, each with its share. */
function timings(job) {
  const { accepted_at: accepted, submitted_at: submitted, provider_completed_at: made, ended_at: ended } = job.timings;
  const parts = [["Queued", accepted, submitted ?? ended, "wait"], ["Provider", submitted, made ?? (submitted ? ended : null), "work"],
    ["Copy", made, ended, "copy"]].flatMap(([name, from, to, kind]) => {
    const length = from ? between(from, to ?? new Date()) : null;
    return length === null ? [] : [{ name, length, kind }];
  });
  const whole = parts.reduce((sum, { length }) => sum + length, 0) || 1;
  const bar = el("div", { className: "timing-bar", role: "img",
    "aria-label": parts.map(({ name, length }) => `${name} ${seconds(length)}`).join(", ") },
    parts.map(({ length, kind }) => {
      const part = el("span", { className: kind });
      part.style.flexGrow = Math.max(0.02, length / whole);
      return part;
    }));
  return el("div", { className: "timings" }, bar, el("ul", { className: "legend" },
    parts.map(({ name, length, kind }) => el("li", { className: kind }, `${name} ${seconds(length)}`))));
}

function request(job) {
  const named = { quality: "Quality", resolution: "Resolution", aspect_ratio: "Aspect ratio", output_format: "Format" };
  const asset = job.assets[0];
  return el("dl", { className: "facts" },
    Object.entries(named).flatMap(([key, name]) => (job.input[key] ? row(name, String(job.input[key])) : [])),
    job.references.length ? row("References", el("ul", { className: "plain" }, job.references.map((each) => el("li", { className: "mono" }, each)))) : [],
    job.preset ? row("Preset", job.preset) : [],
    row("Price", `${money(job.estimated_cost_micro_usd)} (charged: ${job.charged})`),
    row("Asked for", at(job.timings.accepted_at)), row("By", job.caller.replace(/^key:/, "")),
    row("Checks", String(job.checks)),
    asset ? row("File", `${asset.width ?? "?"} × ${asset.height ?? "?"}, ${(asset.size / 1e6).toFixed(1)} MB, ${asset.content_type}`) : [],
    asset ? row("Stored at", el("span", { className: "mono" }, `s3://${asset.bucket}/${asset.key}`)) : [],
    row("Job", el("span", { className: "mono" }, job.job_id)));
}

function copier(name, text) {
  const button = el("button", { type: "button", className: "quiet" }, name);
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = "Copied";
    } catch {
      button.textContent = "Not copied: the browser forbids it";
    }
    setTimeout(() => { button.textContent = name; }, 1500);
  });
  return button;
}

const asReference = (job) => job.assets.map((asset, index) => (
  { show: asset.url, name: `${promptOf(job).slice(0, 40)}, ${index + 1}`, reference: `s3://${asset.bucket}/${asset.key}` }));
const itsReferences = (job) => job.references.map((reference, index) => (
  { show: job.reference_urls?.[index] ?? "", name: `Reference ${index + 1}`, reference }));

function actions(job) {
  const does = (name, act, className = "") => el("button", { type: "button", className, onclick: act }, name);
  const asset = job.assets[0];
  const isPicture = job.operation !== "model";
  const cancel = async (event) => {
    event.target.disabled = true;
    try {
      show(await api.remove(`v1/jobs/${job.job_id}`));
      document.dispatchEvent(new Event("money"));
    } catch (error) {
      say(by("job-error"), error.message);
      event.target.disabled = false;
    }
  };
  return el("div", { className: "actions" },
    asset ? el("a", { className: "button primary", href: asset.url, download: asset.key.split("/").pop(), target: "_blank", rel: "noopener" }, "Download") : null,
    asset ? does("Use as reference", () => form.fill({}, { operation: "edit", images: asReference(job) })) : null,
    isPicture ? does(job.operation === "edit" ? "Edit again" : "Make again", () => form.fill(job.input, { operation: job.operation, images: itsReferences(job) })) : null,
    isOpen(job) && !job.canceled_at ? does("Cancel", cancel, "danger") : null,
    copier("Copy as curl", snippets.curl(job)), copier("Copy as Python", snippets.python(job)),
    copier("Copy as JobRequested", snippets.event(job)));
}

function show(job) {
  const told = snippets.emitted(job);
  const had = by("job").querySelector(".stage") && by("job").dataset.revision;
  const revision = `${job.job_id} ${job.status} ${job.canceled_at}`;
  if (had === revision) return;
  by("job").dataset.revision = revision;
  by("job").replaceChildren(
    el("p", { className: "back" }, el("a", { href: "#/" }, "← All pictures")),
    el("div", { className: "job" },
      el("div", { className: "stages" }, pictures(job)),
      el("article", { className: "about" },
        el("h1", { className: "job-prompt" }, promptOf(job)),
        el("p", { className: "job-status", role: "status" }, el("span", { className: `status ${job.status}` }, statusOf(job)),
          isOpen(job) ? ` about ${seconds(job.expected_seconds)} in all` : ""),
        el("p", { id: "job-error", className: "error", role: "alert", hidden: true }),
        timings(job), actions(job), request(job),
        told ? el("details", {}, el("summary", {}, `The event ${told["detail-type"]}`),
          el("pre", { tabindex: "0" }, JSON.stringify(told.detail, null, 2))) : null)));
}

async function follow(id, mine) {
  stop = new AbortController();
  let job = null;
  while (mine === run) {
    try {
      const path = job === null ? `v1/jobs/${id}` : `v1/jobs/${id}?wait=${HELD_SECONDS}`;
      job = await api.get(path, { signal: stop.signal, held: job !== null });
      if (mine !== run) return;
      show(job);
      clearInterval(ticking);
      if (!isOpen(job)) return document.dispatchEvent(new Event("money"));
      const current = job;
      ticking = setInterval(() => by("job").querySelector(".timings")?.replaceWith(timings(current)), 1000);
    } catch (error) {
      if (error.name === "AbortError" || mine !== run) return;
      if (error.status === 404) return by("job").replaceChildren(el("p", { className: "hint" }, "There is no such job, or it is another caller's. "), el("a", { href: "#/" }, "All pictures"));
      await new Promise((resolve) => { setTimeout(resolve, AGAIN_MS); });
    }
  }
}

export function enter(id) {
  run += 1;
  delete by("job").dataset.revision;
  by("job").replaceChildren(el("p", { className: "hint" }, "Loading…"));
  follow(id, run);
}

export function leave() {
  run += 1;
  stop?.abort();
  clearInterval(ticking);
}
