// A job's request as a curl command, a Python program and an event.
import { root } from "./api.js";

/** The request that creates the same job again. */
export function requestOf(job) {
  const request = job.operation === "model"
    ? { model: job.model, input: job.input } : { operation: job.operation, ...job.input };
  return job.references.length ? { ...request, images: job.references } : request;
}

// JSON with escapes for the characters that a terminal would obey or not show.
const json = (value) => JSON.stringify(value).replace(/[\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g,
  (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, "0")}`);

const shellQuote = (text) => `'${text.replaceAll("'", `'\\''`)}'`;

export function curl(job) {
  return `curl -sS ${shellQuote(`${root()}/v1/jobs`)} \\
  -H "Authorization: Bearer $DARKROOM_KEY" -H "Content-Type: application/json" \\
  -d ${shellQuote(json(requestOf(job)))}`;
}

export function python(job) {
  // A JSON string literal is also a Python string literal: both have the same escapes.
  return `import json
import os

import httpx

request = json.loads(${JSON.stringify(json(requestOf(job)))})
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
    Detail: json(requestOf(job)) }, null, 2);
}

/** The last event that Darkroom published about the job, as a subscriber receives it. */
export function lastEvent({ event }) {
  return event && { source: "darkroom", "detail-type": event.detail_type, detail: event.detail };
}
