// The submit queue: why no job is submitted, as a banner on every page. A pause by an admin has its own banner.
import { submitsOf } from "./admin.js";
import * as api from "./api.js";
import { byId, showText } from "./dom.js";
import * as pause from "./pause.js";

const POLL_MS = 60_000;
const BRIEF = new Set(["paused", "rate_limited"]); // shown elsewhere, or over within seconds
let timer = 0;

/** Show why no job is submitted. */
export function show(queue) {
  const { reason, message } = queue;
  pause.show(submitsOf(queue));
  showText(byId("queue-banner"), reason && !BRIEF.has(reason) ? message : "");
}

async function refresh() {
  clearTimeout(timer);
  if (!document.hidden) await api.get("v1/stats?days=1").then(({ queue }) => show(queue), () => {});
  timer = setTimeout(refresh, POLL_MS);
}

export function start() {
  if (!timer) refresh();
}

export function stop() {
  clearTimeout(timer);
  timer = 0;
  pause.clear();
  showText(byId("queue-banner"), "");
}
