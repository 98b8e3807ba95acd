// A chain on the job page: its steps with their images, its money, and its resumption.
import { element, statusLabel, usd } from "./dom.js";
import * as jobs from "./jobs.js";

const STATUS_LABELS = new Map([["running", "Running"], ["completed", "Completed"], ["failed", "Failed"], ["canceled", "Canceled"],
  ["waiting", "Waiting"], ["skipped", "Not started"]]);
const label = (status) => STATUS_LABELS.get(status) ?? statusLabel({ status });

export const isRunning = (job) => job.chain?.status === "running";

/** The sums of a chain, in words. */
function money(chain) {
  return [`${usd(chain.spent_micro_usd)} spent`,
    chain.reserved_micro_usd ? `${usd(chain.reserved_micro_usd)} reserved` : "",
    chain.uncertain_micro_usd ? `${usd(chain.uncertain_micro_usd)} not confirmed` : "",
    `of ${usd(chain.estimated_cost_micro_usd)}`].filter(Boolean).join(", ");
}

function step(each, job, current) {
  const asset = job?.assets[0];
  const image = asset?.content_type.startsWith("image/") ? element("img", { src: asset.url, alt: "" }) : element("span", { className: "no-image" }, label(each.status));
  const text = element("span", { className: "chain-text" }, element("strong", { dir: "auto" }, `${each.step + 1}. ${job?.prompt ?? (each.model || "Step")}`),
    element("span", { className: `status ${each.status}` }, `${label(each.status)} · ${usd(each.estimated_cost_micro_usd)}`));
  const content = [element("span", { className: "chain-image" }, image), text];
  return element("li", {}, each.job_id
    ? element("a", { href: `#/jobs/${each.job_id}`, "aria-current": each.job_id === current ? "step" : null }, content)
    : element("span", { className: "chain-later" }, content));
}

/** The section of a chain. Its images arrive later: each step is a job of its own. */
export function section(job, { canResume, onresume }) {
  const { chain } = job;
  const list = element("ol", { className: "chain-steps" }, chain.steps.map((each) => step(each, null, job.job_id)));
  Promise.all(chain.steps.map((each) => (each.job_id ? jobs.get(each.job_id).catch(() => null) : null))).then((found) => {
    list.replaceChildren(...chain.steps.map((each, index) => step(each, found[index], job.job_id)));
  });
  const isResumable = canResume && ["failed", "canceled"].includes(chain.status);
  return element("section", { className: "chain", "aria-labelledby": "chain-title" },
    element("h2", { id: "chain-title" }, `Chain of ${chain.steps.length} steps`),
    element("p", { className: "chain-status" }, element("span", { className: `status ${chain.status}` }, label(chain.status)), ` ${money(chain)}`),
    chain.message ? element("p", { className: "error" }, chain.message) : null, list,
    isResumable ? element("button", { type: "button", onclick: onresume }, "Resume the chain") : null);
}
