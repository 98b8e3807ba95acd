// A job's request as a curl command, a Python program and an event.
import { root } from "./api.js";

function requestOf(job) {
  const request = job.operation === "model"
    ? { model: job.model, input: job.input } : { operation: job.operation, ...job.input };
  return job.references.length ? { ...request, images: job.references } : request;
}

const shellQuote = (text) => `'${text.replaceAll("'", `'\\''`)}'`;

export function curl(job) {
  return `curl -sS ${shellQuote(`${root()}/v1/jobs`)} \\
  -H "Authorization: Bearer $DARKROOM_KEY" -H "Content-Type: application/json" \\
  -d ${shellQuote(JSON.stringify(requestOf(job)))}`;
}

export function python(job) {
  // A JSON string literal is also a Python string literal: both have the same escapes.
  return `import json
import os

import httpx

request = json.loads(${JSON.stringify(JSON.stringify(requestOf(job)))})
response = httpx.post(
    ${JSON.stringify(`${root()}/v1/jobs`)},
    json=request,
    headers={"Authorization": f"Bearer {os.environ['DARKROOM_KEY']}"},
)
print(response.raise_for_status().json()["job_id"])`;
}

/** An EventBridge entry that submits the same request. */
export function requestEvent(job) {
  return JSON.stringify({ Source: "my.application", DetailType: "JobRequested",
    Detail: JSON.stringify(requestOf(job)) }, null, 2);
}

/** The last event that Darkroom published about the job, as a subscriber receives it. */
export function lastEvent({ event }) {
  return event && { source: "darkroom", "detail-type": event.detail_type, detail: event.detail };
}
