// DOM helpers, number formats and job labels.

export const byId = (id) => document.getElementById(id);

/** Create an element. Properties named on… become listeners, data-/aria-/role attributes. */
export function element(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name in node && !name.includes("-")) node[name] = value;
    else node.setAttribute(name, value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return node;
}

const nameOf = (control) => control.id || control.getAttribute("aria-label") || control.textContent;

/** Replace the children of a node. The focus stays on the control with the same id or name; without one, it goes to the page. */
export function redraw(node, ...children) {
  const focused = node.contains(document.activeElement) ? nameOf(document.activeElement) : null;
  node.replaceChildren(...children.filter((child) => child !== null));
  if (focused === null) return;
  const same = [...node.querySelectorAll("a[href], button, input, select, textarea, summary")].find((control) => nameOf(control) === focused);
  (same ?? byId("main")).focus({ preventScroll: true });
}

/** Why a page could not be loaded, with a button that loads the page again. */
export const loadError = ({ message }) => element("p", { className: "error load-error", role: "alert" }, `${message} `,
  element("button", { type: "button", className: "link", onclick: () => dispatchEvent(new Event("hashchange")) }, "Try again"));

/** Ask a question in a dialog. Resolves to whether the person selected `action`; the other button has the focus. */
export function confirmed(question, action, detail = "") {
  return new Promise((resolve) => {
    const button = (name, value, className) => element("button", { value, className }, name);
    const dialog = element("dialog", { className: "confirm", "aria-labelledby": "confirm-title" },
      element("form", { method: "dialog" }, element("h2", { id: "confirm-title" }, question), detail ? element("p", {}, detail) : null,
        element("div", { className: "actions" }, button("Cancel", "", ""), button(action, "yes", "primary"))));
    dialog.addEventListener("close", () => { dialog.remove(); resolve(dialog.returnValue === "yes"); });
    document.body.append(dialog);
    dialog.showModal();
  });
}

/** A button that copies a text, and says whether the browser has. If it has not, `onfailure` can select the text. */
export function copyButton(name, text, { className = "quiet", failed = "Blocked by the browser", onfailure = () => {} } = {}) {
  const button = element("button", { type: "button", className }, name);
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = "Copied";
    } catch {
      onfailure();
      button.textContent = failed;
    }
  });
  for (const left of ["blur", "pointerleave"]) button.addEventListener(left, () => { button.textContent = name; });
  return button;
}

/** Set the text of an element, and hide the element if the text is empty. */
export function showText(node, text) {
  node.hidden = !text;
  node.textContent = text ?? "";
}

export function usd(micro) {
  if (micro === null || micro === undefined) return "unknown";
  const dollars = micro / 1_000_000;
  const digits = Number.isInteger(micro / 10_000) ? 2 : 3;
  return `$${dollars.toFixed(digits)}`;
}

export function duration(seconds) {
  if (seconds === null || seconds === undefined || Number.isNaN(seconds)) return "–";
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 120) return `${Math.round(seconds)} s`;
  return seconds < 7200 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}

/** The seconds between two times, or null if one of them is missing. */
export const secondsBetween = (from, to) => (from && to ? (new Date(to) - new Date(from)) / 1000 : null);

const STATUS_LABELS = new Map([
  ["queued", "Queued"],
  ["submitting", "Submitting"],
  ["submitted", "Generating"],
  ["completed", "Completed"],
  ["failed", "Failed"],
]);

export const isOpen = (job) => job.status !== "completed" && job.status !== "failed";

export function statusLabel(job) {
  if (job.status === "failed" && job.failure?.code === "canceled") return "Canceled";
  return job.canceled_at && isOpen(job) ? "Canceling" : STATUS_LABELS.get(job.status) ?? job.status;
}
