// Plain names of the failure codes.
const NAMES = new Map([
  ["invalid_request", "Invalid request"], ["budget_exceeded", "Budget exceeded"], ["moderated", "Refused by moderation"],
  ["rejected", "Rejected by WaveSpeed"], ["unauthorized", "WaveSpeed key refused"], ["insufficient_credits", "WaveSpeed out of credit"],
  ["provider_failed", "WaveSpeed failed"], ["provider_unavailable", "WaveSpeed unreachable"], ["submission_unknown", "Submission not confirmed"],
  ["deadline_exceeded", "Took too long"], ["asset_unavailable", "Output not available"], ["asset_invalid", "Output not usable"],
  ["canceled", "Canceled"], ["internal_error", "Internal error"],
]);

export const failureName = (code) => NAMES.get(code) ?? code;
