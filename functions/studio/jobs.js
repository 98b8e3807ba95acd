// The jobs of the API. The input of a job is JSON of its caller: a value can have any type. Every job passes
// `jobOf` when it arrives, so that all other modules read fields of known types.
import * as api from "./api.js";
import { textsOf } from "./settings.js";

export const text = (value) => (typeof value === "string" ? value : "");
export const number = (value) => (Number.isFinite(value) ? value : null);
const size = (value) => (Number.isFinite(value) && value > 0 ? value : null);
export const time = (value) => (Number.isNaN(Date.parse(text(value))) ? null : value);
export const url = (value) => (/^https?:\/\//.test(text(value)) ? value : null);
export const list = (value) => (Array.isArray(value) ? value : []);
export const record = (value) => (typeof value === "object" && value !== null && !Array.isArray(value) ? value : {});

const assetOf = (value) => {
  const asset = record(value);
  return {
    bucket: text(asset.bucket), key: text(asset.key), filename: text(asset.filename), content_type: text(asset.content_type),
    url: url(asset.url) ?? "", download_url: url(asset.download_url) ?? "", thumbnail_url: url(asset.thumbnail_url),
    width: size(asset.width), height: size(asset.height), size: number(asset.size) ?? 0,
  };
};

const queueOf = (value) => {
  const queue = record(value);
  return { position: number(queue.position), wait_seconds: number(queue.wait_seconds), message: text(queue.message) };
};

const chainOf = (value) => {
  const chain = record(value);
  return {
    chain_id: text(chain.chain_id), status: text(chain.status), message: text(chain.message),
    estimated_cost_micro_usd: number(chain.estimated_cost_micro_usd), reserved_micro_usd: number(chain.reserved_micro_usd) ?? 0,
    spent_micro_usd: number(chain.spent_micro_usd) ?? 0, uncertain_micro_usd: number(chain.uncertain_micro_usd) ?? 0,
    steps: list(chain.steps).map(record).map((step) => ({
      step: number(step.step) ?? 0, job_id: text(step.job_id), status: text(step.status), code: text(step.code), model: text(step.model),
      estimated_cost_micro_usd: number(step.estimated_cost_micro_usd), charged: text(step.charged),
    })),
  };
};

/** A job with fields of known types. `input` is the caller's, unchanged; `prompt` and `settings` are its texts. */
function jobOf(value) {
  const job = record(value);
  const input = record(job.input);
  const [failure, timings, event] = [record(job.failure), record(job.timings), record(job.event)];
  return {
    job_id: text(job.job_id), idempotency_key: text(job.idempotency_key), batch_id: text(job.batch_id),
    chain_id: text(job.chain_id), step: number(job.step), chain: job.chain ? chainOf(job.chain) : null,
    queue: job.queue ? queueOf(job.queue) : null, status: text(job.status), operation: text(job.operation), model: text(job.model),
    caller: text(job.caller), preset: text(job.preset), source_key: text(record(job.source).key), charged: text(job.charged),
    input, prompt: text(input.prompt) || text(job.model), settings: textsOf(input),
    references: list(job.references).map(text), reference_urls: list(job.reference_urls).map(url), assets: list(job.assets).map(assetOf),
    failure: job.failure ? { code: text(failure.code), message: text(failure.message), detail: text(failure.detail) } : null,
    timings: Object.fromEntries(["accepted_at", "submitted_at", "provider_completed_at", "ended_at"].map((name) => [name, time(timings[name])])),
    erasing_at: time(job.erasing_at), checks: number(job.checks), expected_seconds: number(job.expected_seconds), canceled_at: time(job.canceled_at),
    estimated_cost_micro_usd: number(job.estimated_cost_micro_usd),
    favorite: job.favorite === true, tags: list(job.tags).map(text).filter(Boolean), shared_until: time(job.shared_until),
    event: job.event ? { detail_type: text(event.detail_type), detail: event.detail } : null,
  };
}

export async function page(search) {
  const { jobs, cursor } = await api.get(`v1/jobs?${search}`);
  return { jobs: list(jobs).map(jobOf), cursor };
}

export const get = async (id, { wait, ...options } = {}) => jobOf(await api.get(`v1/jobs/${id}${wait ? `?wait=${wait}` : ""}`, options));
export const create = async (request, options) => jobOf(await api.post("v1/jobs", request, options));
export const resume = async (id) => jobOf(await api.post(`v1/jobs/${id}/resume`));
export const cancel = async (id) => jobOf(await api.remove(`v1/jobs/${id}`));
export const label = async (id, labels) => jobOf(await api.patch(`v1/jobs/${id}`, labels));
export const erase = async (id) => jobOf(await api.remove(`v1/jobs/${id}/data`));
export const unshare = async (id) => jobOf(await api.remove(`v1/jobs/${id}/share`));

/** Create a link to the outputs of a job: its `url`, and when it expires. */
export async function share(id, hours) {
  const link = record(await api.post(`v1/jobs/${id}/share`, { expires_in_hours: hours }));
  return { url: url(link.url) ?? "", expires_at: time(link.expires_at) };
}
