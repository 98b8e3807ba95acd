// Small helpers: elements, and numbers as people read them.

export const by = (id) => document.getElementById(id);

/** An element with properties (on…: listeners, data-/aria-/role: attributes) and children. */
export function el(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (name in made && !name.includes("-")) made[name] = value;
    else made.setAttribute(name, value);
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return made;
}

export function say(place, words) {
  place.hidden = !words;
  place.textContent = words ?? "";
}

export function money(micro) {
  if (micro === null || micro === undefined) return "unknown";
  const dollars = micro / 1_000_000;
  const digits = Number.isInteger(micro / 10_000) ? 2 : 3;
  return `$${dollars.toFixed(digits)}`;
}

export function seconds(value) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  if (value < 10) return `${value.toFixed(1)} s`;
  if (value < 120) return `${Math.round(value)} s`;
  return value < 7200 ? `${Math.round(value / 60)} min` : `${(value / 3600).toFixed(1)} h`;
}

export const between = (from, to) => (from && to ? (new Date(to) - new Date(from)) / 1000 : null);

const WORDS = {
  queued: "Queued",
  submitting: "Submitting",
  submitted: "In the making",
  completed: "Completed",
  failed: "Failed",
};

export const isOpen = (job) => job.status !== "completed" && job.status !== "failed";

export function statusOf(job) {
  if (job.status === "failed" && job.failure?.code === "canceled") return "Canceled";
  return job.canceled_at && isOpen(job) ? "Canceling" : WORDS[job.status];
}

export function promptOf(job) {
  return typeof job.input.prompt === "string" ? job.input.prompt : job.model;
}
