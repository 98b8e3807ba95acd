// What an open job is doing: waiting in the queue, or generating.
import { duration, element, secondsBetween } from "./dom.js";

const LATE = 1.5; // times the expected duration, after which a job takes longer than usual

const ordinal = (number) => {
  const isTeen = Math.floor((number % 100) / 10) === 1;
  return `${number}${isTeen ? "th" : ["th", "st", "nd", "rd"][number % 10] ?? "th"}`;
};

/** How long the job has been generating, in words. */
function generatingText(job) {
  const { accepted_at: accepted, submitted_at: submitted } = job.timings;
  const elapsed = secondsBetween(submitted ?? accepted, new Date());
  const expected = job.expected_seconds;
  if (!expected) return duration(elapsed);
  if (elapsed > expected * LATE) return `${duration(elapsed)}: longer than usual`;
  return `${duration(elapsed)} of about ${duration(expected)}`;
}

/** What the job waits for or does, in words. Without the status, if the status is shown next to it. */
export function progressText(job, { hasStatus = false } = {}) {
  if (job.status === "queued") {
    const { position, wait_seconds: seconds, message } = job.queue ?? {};
    if (message) return message;
    if (position) return `${ordinal(position)} in the queue${seconds === null ? "" : `, about ${duration(Math.ceil(seconds))}`}`;
    return "Waiting in the queue";
  }
  if (job.status === "submitting") return "Sending to WaveSpeed";
  return hasStatus ? generatingText(job) : `Generating, ${generatingText(job)}`;
}

/** A bar with the words. While the job waits, the bar has no value. */
export function progress(job) {
  const bar = element("progress", { "aria-label": "Progress" });
  const started = job.timings.submitted_at;
  if (started && job.expected_seconds) {
    bar.max = job.expected_seconds;
    bar.value = Math.min(secondsBetween(started, new Date()), job.expected_seconds * 0.97);
  }
  return element("span", { className: "progress" }, bar, element("span", { className: "elapsed" }, progressText(job)));
}
