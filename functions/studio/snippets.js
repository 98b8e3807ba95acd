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

/** The event that told of the job last, as a subscriber got it. */
export function emitted({ event: told }) {
  return told && { source: "darkroom", "detail-type": told.detail_type, detail: told.detail };
}
