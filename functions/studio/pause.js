// Pause: a banner on every page while submission is paused, and the button that pauses it on the stats page.
// queue.js reads the state.
import * as admin from "./admin.js";
import { byId, confirmed, element, showText } from "./dom.js";

const SETTLE_MS = 12_000; // the API reads the switch at most 10 seconds late
const DETAIL = "No job of any caller is sent to WaveSpeed until an admin resumes. New jobs wait in the queue; generating ones finish. "
  + "A job that waits too long (MaxQueueSeconds) fails without a charge.";
let isAdmin = false;
let isPaused = false;
let changedAt = -Infinity; // milliseconds of the page

async function set(paused, button) {
  showText(byId("pause-error"), "");
  button.disabled = true;
  try {
    draw(await admin.setPaused(paused));
    byId(paused ? "resume" : "main").focus({ preventScroll: true }); // the button is hidden now
    changedAt = performance.now();
  } catch (error) {
    showText(byId("pause-error"), error.message);
  } finally {
    button.disabled = false;
  }
}

/** Show the state of the queue. A state from before a change on this page is ignored. */
export function show(state) {
  if (performance.now() - changedAt > SETTLE_MS) draw(state);
}

function draw({ paused, paused_at: at, paused_by: by }) {
  isPaused = paused;
  byId("paused").hidden = !paused;
  byId("resume").hidden = !isAdmin;
  for (const button of document.querySelectorAll(".pause-button")) button.hidden = paused;
  const since = at ? `, ${admin.ago(at)}` : "";
  byId("paused-text").textContent = paused ? `Submission is paused by ${admin.nameOf(by)}${since}. Jobs wait in the queue.` : "";
}

/** The button that pauses submission, for the stats page; null without an admin key. */
export function pauseButton() {
  if (!isAdmin) return null;
  const pause = async ({ currentTarget: button }) => {
    if (await confirmed("Pause submission?", "Pause", DETAIL)) set(true, button);
  };
  return element("button", { type: "button", className: "quiet pause-button", hidden: isPaused, onclick: pause }, "Pause submission");
}

export function setAccount(account) {
  isAdmin = account.role === "admin";
}

/** Show nothing, after the end of a key. */
export function clear() {
  changedAt = -Infinity;
  draw({ paused: false });
  showText(byId("pause-error"), "");
}

export function start() {
  byId("resume").addEventListener("click", ({ currentTarget: button }) => set(false, button));
}
