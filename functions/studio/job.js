// The page of a job: its images, request, money, times and chain.
import * as chains from "./chains.js";
import { byId, copyButton, duration, element, isOpen, redraw, secondsBetween, showText, statusLabel, usd } from "./dom.js";
import * as form from "./form.js";
import * as gallery from "./gallery.js";
import { again, assetsAsReferences, finishAtHigh, isDraft } from "./job_actions.js";
import * as jobs from "./jobs.js";
import * as modelForm from "./model_form.js";
import * as labels from "./labels.js";
import { output } from "./outputs.js";
import { progress, progressText } from "./progress.js";
import { SETTINGS } from "./settings.js";
import * as snippets from "./snippets.js";
import * as viewer from "./viewer.js";

const LONG_POLL_SECONDS = 20;
const QUEUED_POLL_SECONDS = 3; // the position in the queue is not a change that a long poll waits for
const RETRY_MS = 3000;
let generation = 0; // entering or leaving starts a new one; responses of earlier ones are dropped
let request = null; // the AbortController of the current request
let timer = 0;
let shown = null; // the job on the page
let around = {}; // the jobs before and after it in the gallery

const row = (name, value) => [element("dt", {}, name), element("dd", {}, value)];
const mono = (text) => element("span", { className: "mono" }, text);
const localTime = (time) => (time ? new Date(time).toLocaleString() : "–");
const isRunning = (job) => isOpen(job) || chains.isRunning(job);

function missingImage(job) {
  if (job.erasing_at) return element("p", {}, "The content of this job was erased.");
  return isOpen(job) ? progress(job) : element("p", {}, job.failure?.message ?? "No image.");
}

function images(job) {
  if (!job.assets.length) {
    return [element("div", { className: "stage empty" }, missingImage(job),
      job.failure?.detail ? element("p", { className: "hint" }, job.failure.detail) : null)];
  }
  const reference = job.reference_urls[0];
  return job.assets.map((asset, index) => {
    const alt = `${job.prompt}${job.assets.length > 1 ? `, ${index + 1}` : ""}`;
    if (!asset.content_type.startsWith("image/")) {
      return element("div", { className: "stage empty" }, output(asset, alt));
    }
    return reference && index === 0 ? viewer.comparison(reference, asset, alt) : viewer.stage(asset, alt);
  });
}

/** The buttons below the first image. */
function imageTools(job) {
  const asset = job.assets[0];
  if (!asset?.content_type.startsWith("image/")) return null;
  const first = () => byId("job").querySelector(".stage");
  let compared = null; // the comparison that the zoomed image replaces
  const zoom = (event) => {
    const box = first();
    if (compared && box.classList.contains("zoomed")) {
      box.replaceWith(compared);
      compared = null;
    } else if (box.querySelector(".compare")) {
      compared = box;
      box.replaceWith(viewer.stage(asset, job.prompt, zoom));
      viewer.zoom(first());
    } else {
      viewer.zoom(box, event);
    }
  };
  const compare = async () => {
    const own = job.reference_urls.flatMap((url, index) => (url ? { url, show: url, name: `Reference ${index + 1}` } : []));
    const others = gallery.withImages().filter((other) => other.job_id !== job.job_id).map((other) => (
      { url: other.assets[0].url, show: other.assets[0].thumbnail_url ?? other.assets[0].url, name: other.prompt.slice(0, 80) }));
    const other = await viewer.choose([...own, ...others]);
    if (!other) return;
    compared = null;
    first().replaceWith(viewer.comparison(other.url, asset, job.prompt, [own.includes(other) ? "Before" : "Other", own.includes(other) ? "After" : "This"]));
  };
  return element("div", { className: "image-tools" },
    element("button", { type: "button", className: "quiet", id: "zoom", onclick: () => zoom() }, "Zoom"),
    element("button", { type: "button", className: "quiet", onclick: compare }, "Compare…"));
}

/** A bar with the parts of the job's duration, and a legend. */
function timings(job) {
  const { accepted_at: accepted, submitted_at: submitted, provider_completed_at: generated, ended_at: ended } = job.timings;
  const parts = [["Waiting", accepted, submitted ?? ended, "wait"], ["Generating", submitted, generated ?? (submitted ? ended : null), "work"],
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

function referenceThumbnails(job) {
  return job.references.length ? row("References", element("ul", { className: "thumbs" }, job.references.map((reference, index) => {
    const url = job.reference_urls[index];
    return element("li", { title: reference }, url
      ? element("a", { href: url, target: "_blank", rel: "noopener" }, element("img", { src: url, alt: `Reference ${index + 1}` }))
      : element("span", { className: "thumb-name" }, reference));
  }))) : [];
}

function facts(job) {
  return element("dl", { className: "facts" },
    SETTINGS.flatMap(({ name, label }) => (job.settings[name] ? row(label, job.settings[name]) : [])),
    referenceThumbnails(job),
    job.preset ? row("Preset", job.preset) : [],
    row("Model", job.model),
    job.batch_id ? row("Batch", element("a", { href: `#/batches/${job.batch_id}` }, job.batch_id)) : [],
    row("Price", charge(job)),
    row("Created", localTime(job.timings.accepted_at)), row("Caller", job.caller.replace(/^key:/, "")));
}

/** What programs and operators need, folded. */
function technical(job) {
  const event = snippets.lastEvent(job);
  const asset = job.assets[0];
  return element("details", { className: "technical" }, element("summary", {}, "Technical details"),
    element("dl", { className: "facts" }, row("Job", mono(job.job_id)), row("Checks", String(job.checks)),
      asset ? row("File", `${asset.width ?? "?"} × ${asset.height ?? "?"}, ${(asset.size / 1e6).toFixed(1)} MB, ${asset.content_type}`) : [],
      asset ? row("Stored at", mono(`s3://${asset.bucket}/${asset.key}`)) : [],
      job.references.length ? row("References", element("ul", { className: "plain" }, job.references.map((reference) => element("li", { className: "mono" }, reference)))) : []),
    element("div", { className: "actions" },
      copyButton("Copy as curl", snippets.curl(job)), copyButton("Copy as Python", snippets.python(job)), copyButton("Copy as event", snippets.requestEvent(job))),
    event ? element("details", {}, element("summary", {}, `${event["detail-type"]} event`),
      element("pre", { tabindex: "0" }, JSON.stringify(event.detail, null, 2))) : null);
}

/** Run an action of a button, which keeps the focus; a second click meanwhile does nothing. An error is shown. */
async function act({ currentTarget: button }, action) {
  if (button.getAttribute("aria-disabled") === "true") return;
  button.setAttribute("aria-disabled", "true");
  showText(byId("job-error"), "");
  try {
    await action();
  } catch (error) {
    showText(byId("job-error"), error.message);
  } finally {
    button.removeAttribute("aria-disabled");
  }
}

function actions(job) {
  const button = (name, onclick, className = "") => element("button", { type: "button", className, onclick }, name);
  const asset = job.assets[0];
  const mayWrite = form.canSubmit();
  const cancel = (event) => act(event, async () => {
    take(await jobs.cancel(job.job_id));
    document.dispatchEvent(new Event("budget-changed"));
  });
  const finish = (event) => act(event, async () => {
    const created = await finishAtHigh(job);
    if (created) location.hash = `#/jobs/${created.job_id}`;
  });
  return element("div", { className: "actions" },
    asset ? element("a", { className: "button primary", href: asset.download_url, download: asset.filename }, "Download") : null,
    asset ? element("a", { className: "button", href: asset.url, target: "_blank", rel: "noopener" }, "Open") : null,
    mayWrite && assetsAsReferences(job).length ? button("Use as reference", () => form.addReferences(assetsAsReferences(job))) : null,
    mayWrite && job.operation !== "model" ? button(job.operation === "edit" ? "Edit again" : "Generate again", () => again(job)) : null,
    mayWrite && job.operation === "model" ? button("Run again", () => { modelForm.prepare(job.model, job.input); location.hash = `#/models/${job.model}`; }) : null,
    mayWrite && isDraft(job) ? button("Finish at high", finish) : null,
    mayWrite && isRunning(job) && !job.canceled_at ? button("Cancel", cancel, "danger") : null);
}

function chainSection(job) {
  const resume = (event) => act(event, async () => {
    await jobs.resume(job.job_id);
    document.dispatchEvent(new Event("budget-changed"));
    enter(job.job_id);
  });
  return job.chain ? chains.section(job, { canResume: form.canSubmit(), onresume: resume }) : null;
}

function turnLinks() {
  const link = (job, name, text) => (job ? element("a", { className: "button quiet", href: `#/jobs/${job.job_id}`, "aria-label": name, title: name,
    onclick: (event) => { event.preventDefault(); goTo(job); } }, text)
    : element("span", { className: "button quiet no-turn", "aria-hidden": "true" }, text)); // the other link keeps its place
  return element("span", { className: "turn" }, link(around.previous, "Previous image", "←"), link(around.next, "Next image", "→"));
}

/** Show the job before or after. It replaces this one in the history, so that back leads to the gallery. */
const goTo = (job) => location.replace(`#/jobs/${job.job_id}`);

const stateText = (job) => (isOpen(job) ? ` ${progressText(job, { hasStatus: true })}` : "");

function show(job) {
  shown = job;
  const revision = `${job.job_id} ${job.status} ${job.canceled_at} ${job.erasing_at} ${JSON.stringify(job.chain)} ${job.favorite} ${job.tags} ${job.shared_until}`;
  if (byId("job").querySelector(".job") && byId("job").dataset.revision === revision) return;
  byId("job").dataset.revision = revision;
  byId("job").removeAttribute("aria-busy");
  redraw(byId("job"),
    element("div", { className: "job-head" }, gallery.backLink(), turnLinks()),
    element("div", { className: "job" },
      element("div", { className: "stages" }, images(job), imageTools(job), chainSection(job)),
      element("article", { className: "about" },
        element("h1", { className: "job-prompt", dir: "auto" }, job.prompt),
        element("p", { className: "job-status", role: "status" }, element("span", { className: `status ${job.status}` }, statusLabel(job)),
          element("span", { className: "job-progress", "aria-live": "off" }, stateText(job))),
        element("p", { id: "job-error", className: "error", role: "alert", hidden: true }),
        actions(job), labels.section(job, { mayWrite: form.canSubmit(), act, onchange: take }), facts(job), timings(job), technical(job))));
  const prompt = byId("job").querySelector(".job-prompt");
  if (prompt.scrollHeight > prompt.clientHeight) prompt.tabIndex = 0; // a long prompt scrolls
}

/** Show a job that an action has changed. */
function take(job) {
  gallery.take(job);
  if (shown?.job_id === job.job_id) show(job);
}

function tick() {
  if (!shown || !isOpen(shown)) return;
  byId("job").querySelector(".timings")?.replaceWith(timings(shown));
  byId("job").querySelector(".stage .progress")?.replaceWith(progress(shown));
  const text = byId("job").querySelector(".job-progress");
  if (text) text.textContent = stateText(shown);
}

/** Show a job, and long-poll until the job and its chain have ended, or the page is left. */
async function follow(id, current) {
  request = new AbortController();
  let job = null;
  while (current === generation) {
    const wait = job && (job.status === "queued" ? QUEUED_POLL_SECONDS : LONG_POLL_SECONDS);
    try {
      job = await jobs.get(id, { wait, signal: request.signal, isLongPoll: job !== null });
      if (current !== generation) return;
      show(job);
      if (!isRunning(job)) return document.dispatchEvent(new Event("budget-changed"));
    } catch (error) {
      if (error.name === "AbortError" || current !== generation) return;
      if (error.status === 404) {
        byId("job").removeAttribute("aria-busy");
        return byId("job").replaceChildren(
          element("p", { className: "hint" }, `${error.message} `), gallery.backLink());
      }
      await new Promise((resolve) => { setTimeout(resolve, RETRY_MS); });
    }
  }
}

async function findNeighbours(id, current) {
  const found = await gallery.neighbours(id).catch(() => ({}));
  if (current !== generation) return;
  around = found;
  const turn = byId("job").querySelector(".turn");
  if (turn) redraw(turn, ...turnLinks().children);
}

export function enter(id) {
  generation += 1;
  request?.abort();
  clearInterval(timer);
  [shown, around] = [null, {}];
  delete byId("job").dataset.revision;
  // The job before stays in view until the next one is loaded.
  if (byId("job").querySelector(".job")) byId("job").setAttribute("aria-busy", "true");
  else byId("job").replaceChildren(element("p", { className: "hint" }, "Loading…"));
  timer = setInterval(tick, 1000);
  findNeighbours(id, generation);
  follow(id, generation);
}

/** Stop following the job. If another job is shown next, this one stays in view until then. */
export function leave(isStaying) {
  generation += 1;
  request?.abort();
  clearInterval(timer);
  if (!isStaying) byId("job").replaceChildren();
}

addEventListener("keydown", (event) => {
  const isTyping = event.target.closest("input, textarea, select, dialog, .zoomed");
  if (byId("job").hidden || isTyping || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
  const job = { ArrowLeft: around.previous, ArrowRight: around.next }[event.key];
  if (job) { event.preventDefault(); goTo(job); }
  if (event.key === "z") byId("job").querySelector("#zoom")?.click();
});
