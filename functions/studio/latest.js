// The job that was submitted last, above the button: on a narrow screen the gallery is out of view.
import { byId, element, isOpen, statusLabel, usd } from "./dom.js";
import { progressText } from "./progress.js";

let shown = null;

function draw() {
  const link = byId("latest");
  link.hidden = shown === null;
  if (!shown) return;
  const image = shown.assets[0];
  link.href = `#/jobs/${shown.job_id}`;
  link.className = `latest ${shown.status}`;
  const text = isOpen(shown) ? progressText(shown)
    : shown.status === "completed" ? `Completed, ${usd(shown.estimated_cost_micro_usd)}. Open` : `${statusLabel(shown)}: ${shown.failure?.message ?? ""}`;
  link.replaceChildren(image?.content_type.startsWith("image/") ? element("img", { src: image.url, alt: "" })
    : element("span", { className: isOpen(shown) ? "latest-busy" : "latest-end", "aria-hidden": "true" }),
  element("span", { className: "latest-text" }, element("strong", { dir: "auto" }, shown.prompt), element("span", { className: "latest-status" }, text)));
}

export function show(job) {
  shown = job;
  draw();
}

/** Update the strip if it shows this job. */
export function update(job) {
  if (shown?.job_id !== job.job_id) return;
  const isNew = job.status !== shown.status;
  shown = job;
  if (isNew) draw();
}

/** Update the words; called every second. */
export function tick() {
  const status = byId("latest").querySelector(".latest-status");
  if (shown && isOpen(shown) && status) status.textContent = progressText(shown);
}

export function clear() {
  shown = null;
  draw();
}
