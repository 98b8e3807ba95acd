// What can be done with a job, from the gallery and from its page.
import { confirmed, usd } from "./dom.js";
import * as api from "./api.js";
import * as form from "./form.js";
import * as gallery from "./gallery.js";
import * as jobs from "./jobs.js";
import { requestOf } from "./snippets.js";

export const assetsAsReferences = (job) => job.assets.filter(({ content_type: type }) => type.startsWith("image/")).map((asset, index) => (
  { show: asset.url, name: `${job.prompt.slice(0, 40)}, ${index + 1}`, reference: `s3://${asset.bucket}/${asset.key}` }));

const ownReferences = (job) => job.references.map((reference, index) => (
  { show: job.reference_urls[index] ?? "", name: `Reference ${index + 1}`, reference }));

/** The further steps of the chain that a job has begun, as far as they have started. */
async function furtherSteps({ chain, step }) {
  if (!chain || step) return [];
  const started = chain.steps.slice(1).flatMap(({ job_id: id }) => id || []);
  const found = await Promise.all(started.map((id) => jobs.get(id)));
  return found.filter(({ operation }) => operation === "edit").map(({ prompt, settings }) => ({ prompt, ...settings }));
}

/** Show a job's request in the form, with the steps of its chain. */
export async function again(job) {
  const isShort = job.chain_id || job.references.length; // in lists
  const whole = isShort && !job.chain && !job.reference_urls.length ? await jobs.get(job.job_id).catch(() => job) : job;
  const further = await furtherSteps(whole).catch(() => []);
  form.fill({ prompt: whole.prompt, texts: whole.settings, operation: whole.operation, images: ownReferences(whole), further });
}

/** Whether a job is a draft: its request exists in a higher quality. */
export const isDraft = (job) => job.status === "completed" && job.operation !== "model" && !job.erasing_at
  && ["low", "medium"].includes(job.settings.quality ?? "medium");

/** Generate a draft's request in high quality, after a question with the price. Resolves to the new job, or to null. */
export async function finishAtHigh(job) {
  const request = { ...requestOf(job), quality: "high" };
  const { estimated_cost_micro_usd: price } = await api.post("v1/estimates", request);
  const cost = price === null ? "at an unknown price" : `for ${usd(price)}`;
  if (!await confirmed(`Finish at high ${cost}?`, "Finish at high", "The same prompt and settings in high quality. The image will differ from the draft.")) return null;
  const created = await jobs.create(request);
  gallery.add(created);
  document.dispatchEvent(new Event("budget-changed"));
  return created;
}
