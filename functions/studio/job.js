// The job page: the image at full size, the request, the price and the timings.
import { byId, duration, element, isOpen, secondsBetween, showText, statusLabel, usd } from "./dom.js";
import * as form from "./form.js";
import * as jobs from "./jobs.js";
import { SETTINGS } from "./settings.js";
import { compare } from "./slider.js";
import * as snippets from "./snippets.js";

const LONG_POLL_SECONDS = 20;
const RETRY_MS = 3000;
let generation = 0; // entering or leaving starts a new one; responses of earlier ones are dropped
let request = null; // the AbortController of the current request
let timingsTimer = 0;

const row = (name, value) => [element("dt", {}, name), element("dd", {}, value)];
const localTime = (time) => (time ? new Date(time).toLocaleString() : "–");

function missingImage(job) {
  if (job.erasing_at) return "The content of this job was erased.";
  if (!isOpen(job)) return job.failure?.message ?? "No image.";
  return job.status === "queued" ? "Waiting in the queue." : "Generating the image.";
}

function images(job) {
  if (!job.assets.length) {
    return [element("div", { className: "stage empty" }, element("p", {}, missingImage(job)),
      job.failure?.detail ? element("p", { className: "hint" }, job.failure.detail) : null)];
  }
  const reference = job.reference_urls[0];
  return job.assets.map((asset, index) => {
    const alt = `${job.prompt}${job.assets.length > 1 ? `, ${index + 1}` : ""}`;
    if (!asset.content_type.startsWith("image/")) {
      return element("div", { className: "stage empty" }, element("p", {}, `A file of the type ${asset.content_type}. Select Download.`));
    }
    const content = reference && index === 0 ? compare(reference, asset.url, alt) : element("img", {
      src: asset.url, alt, width: asset.width ?? undefined, height: asset.height ?? undefined,
      onerror: (event) => event.target.replaceWith(element("p", {}, "The image could not be loaded. Reload the page to get a new link.")),
    });
    return element("div", { className: "stage" }, content);
  });
}

/** A bar with the parts of the job's duration, and a legend. */
function timings(job) {
  const { accepted_at: accepted, submitted_at: submitted, provider_completed_at: generated, ended_at: ended } = job.timings;
  const parts = [["Queued", accepted, submitted ?? ended, "wait"], ["Generating", submitted, generated ?? (submitted ? ended : null), "work"],
    ["Storing", generated, ended, "copy"]].flatMap(([name, from, to, kind]) => {
    const seconds = from ? secondsBetween(from, to ?? new Date()) : null;
    return seconds === null ? [] : [{ name, seconds, kind }];
  });
  const total = parts.reduce((sum, { seconds }) => sum + seconds, 0) || 1;
  const bar = element("div", { className: "timing-bar", role: "img",
    "aria-label": parts.map(({ name, seconds }) => `${name} ${duration(seconds)}`).join(", ") },
    parts.map(({ seconds, kind }) => {
      const part = element("span", { className: kind });
      part.style.flexGrow = Math.max(0.02, seconds / total);
      return part;
    }));
  return element("div", { className: "timings" }, bar, element("ul", { className: "legend" },
    parts.map(({ name, seconds, kind }) => element("li", { className: kind }, `${name} ${duration(seconds)}`))));
}

/** The price, and whether it was charged. */
function charge(job) {
  const price = usd(job.estimated_cost_micro_usd);
  if (job.charged === "yes") return `${price}, charged`;
  if (job.charged === "no") return isOpen(job) ? `${price}, not charged yet` : `${price}, not charged`;
  return job.estimated_cost_micro_usd === null ? "unknown, charge not confirmed" : `up to ${price}, not confirmed`;
}

function details(job) {
  const asset = job.assets[0];
  return element("dl", { className: "facts" },
    SETTINGS.flatMap(({ name, label }) => (job.settings[name] ? row(label, job.settings[name]) : [])),
    job.references.length ? row("References", element("ul", { className: "plain" },
      job.references.map((reference) => element("li", { className: "mono" }, reference)))) : [],
    job.preset ? row("Preset", job.preset) : [],
    row("Price", charge(job)),
    row("Created", localTime(job.timings.accepted_at)), row("Caller", job.caller.replace(/^key:/, "")),
    row("Checks", String(job.checks)),
    asset ? row("File", `${asset.width ?? "?"} × ${asset.height ?? "?"}, ${(asset.size / 1e6).toFixed(1)} MB, ${asset.content_type}`) : [],
    asset ? row("Stored at", element("span", { className: "mono" }, `s3://${asset.bucket}/${asset.key}`)) : [],
    row("Job", element("span", { className: "mono" }, job.job_id)));
}

function copyButton(name, text) {
  const button = element("button", { type: "button", className: "quiet" }, name);
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = "Copied";
    } catch {
      button.textContent = "Blocked by the browser";
    }
    setTimeout(() => { button.textContent = name; }, 1500);
  });
  return button;
}

const assetsAsReferences = (job) => job.assets.map((asset, index) => (
  { show: asset.url, name: `${job.prompt.slice(0, 40)}, ${index + 1}`, reference: `s3://${asset.bucket}/${asset.key}` }));
const ownReferences = (job) => job.references.map((reference, index) => (
  { show: job.reference_urls[index] ?? "", name: `Reference ${index + 1}`, reference }));

function actions(job) {
  const button = (name, onclick, className = "") => element("button", { type: "button", className, onclick }, name);
  const asset = job.assets[0];
  const isRepeatable = job.operation !== "model";
  const cancel = async (event) => {
    event.target.disabled = true;
    try {
      show(await jobs.cancel(job.job_id));
      document.dispatchEvent(new Event("budget-changed"));
    } catch (error) {
      showText(byId("job-error"), error.message);
      event.target.disabled = false;
    }
  };
  return element("div", { className: "actions" },
    asset ? element("a", { className: "button primary", href: asset.download_url, download: asset.filename }, "Download") : null,
    asset ? element("a", { className: "button", href: asset.url, target: "_blank", rel: "noopener" }, "Open") : null,
    asset ? button("Use as reference", () => form.fill({ prompt: "", texts: {}, operation: "edit", images: assetsAsReferences(job) })) : null,
    isRepeatable ? button(job.operation === "edit" ? "Edit again" : "Generate again",
      () => form.fill({ prompt: job.prompt, texts: job.settings, operation: job.operation, images: ownReferences(job) })) : null,
    isOpen(job) && !job.canceled_at ? button("Cancel", cancel, "danger") : null,
    copyButton("Copy as curl", snippets.curl(job)), copyButton("Copy as Python", snippets.python(job)),
    copyButton("Copy as event", snippets.requestEvent(job)));
}

function show(job) {
  const event = snippets.lastEvent(job);
  const shownRevision = byId("job").querySelector(".stage") && byId("job").dataset.revision;
  const revision = `${job.job_id} ${job.status} ${job.canceled_at}`;
  if (shownRevision === revision) return;
  byId("job").dataset.revision = revision;
  byId("job").replaceChildren(
    element("p", { className: "back" }, element("a", { href: "#/" }, "← All images")),
    element("div", { className: "job" },
      element("div", { className: "stages" }, images(job)),
      element("article", { className: "about" },
        element("h1", { className: "job-prompt" }, job.prompt),
        element("p", { className: "job-status", role: "status" }, element("span", { className: `status ${job.status}` }, statusLabel(job)),
          isOpen(job) ? ` about ${duration(job.expected_seconds)} in total` : ""),
        element("p", { id: "job-error", className: "error", role: "alert", hidden: true }),
        timings(job), actions(job), details(job),
        event ? element("details", {}, element("summary", {}, `${event["detail-type"]} event`),
          element("pre", { tabindex: "0" }, JSON.stringify(event.detail, null, 2))) : null)));
}

/** Show a job, and long-poll until the job has ended or the page is left. */
async function follow(id, current) {
  request = new AbortController();
  let job = null;
  while (current === generation) {
    try {
      job = await jobs.get(id, { wait: job && LONG_POLL_SECONDS, signal: request.signal, isLongPoll: job !== null });
      if (current !== generation) return;
      show(job);
      clearInterval(timingsTimer);
      if (!isOpen(job)) return document.dispatchEvent(new Event("budget-changed"));
      const latest = job;
      timingsTimer = setInterval(() => byId("job").querySelector(".timings")?.replaceWith(timings(latest)), 1000);
    } catch (error) {
      if (error.name === "AbortError" || current !== generation) return;
      if (error.status === 404) {
        return byId("job").replaceChildren(
          element("p", { className: "hint" }, `${error.message} `), element("a", { href: "#/" }, "All images"));
      }
      await new Promise((resolve) => { setTimeout(resolve, RETRY_MS); });
    }
  }
}

export function enter(id) {
  generation += 1;
  delete byId("job").dataset.revision;
  byId("job").replaceChildren(element("p", { className: "hint" }, "Loading…"));
  follow(id, generation);
}

export function leave() {
  generation += 1;
  request?.abort();
  clearInterval(timingsTimer);
}
