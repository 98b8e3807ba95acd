// One request in the three forms that a program asks in.
import { root } from "./api.js";

function requestOf(job) {
  const asked = job.operation === "model"
    ? { model: job.model, input: job.input } : { operation: job.operation, ...job.input };
  return job.references.length ? { ...asked, images: job.references } : asked;
}

const quoted = (text) => `'${text.replaceAll("'", `'\\''`)}'`;

export function curl(job) {
  return `curl -sS ${quoted(`${root()}/v1/jobs`)} \\
  -H "Authorization: Bearer $DARKROOM_KEY" -H "Content-Type: application/json" \\
  -d ${quoted(JSON.stringify(requestOf(job)))}`;
}

export function python(job) {
  // JSON's text in a string of Python: each of its escapes means the same there.
  return `import json
import os

import httpx

request = json.loads(${JSON.stringify(JSON.stringify(requestOf(job)))})
answer = httpx.post(
    ${JSON.stringify(`${root()}/v1/jobs`)},
    json=request,
    headers={"Authorization": f"Bearer {os.environ['DARKROOM_KEY']}"},
)
print(answer.raise_for_status().json()["job_id"])`;
}

export function event(job) {
  return JSON.stringify({ Source: "my.application", DetailType: "JobRequested",
    Detail: JSON.stringify(requestOf(job)) }, null, 2);
}

/** The event that the job emitted last, from its view: the id and the sender's request id are not in it. */
export function emitted(job) {
  const name = job.status === "completed" ? "JobCompleted" : job.status === "failed" ? "JobFailed"
    : job.prediction_id ? "JobSubmitted" : null;
  if (!name) return null;
  const stored = job.assets.map(({ url, thumbnail_url: _, ...asset }) => asset);
  const detail = { version: "1", caller: job.caller, job_id: job.job_id, idempotency_key: job.idempotency_key,
    operation: job.operation, model: job.model, source: job.source,
    estimated_cost_micro_usd: job.estimated_cost_micro_usd, prediction_id: job.prediction_id };
  if (name === "JobCompleted") {
    Object.assign(detail, { assets: stored, uris: stored.map(({ bucket, key }) => `s3://${bucket}/${key}`) });
  } else if (name === "JobFailed") {
    Object.assign(detail, job.failure, { charged: job.charged, assets: stored });
  }
  if (name !== "JobSubmitted") Object.assign(detail, { checks: job.checks, timings: job.timings });
  return { source: "darkroom", "detail-type": name, detail };
}
