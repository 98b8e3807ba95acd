// Before and after in one frame, with a handle that mouse, finger and keyboard move.
import { el } from "./dom.js";

/** Compare two pictures; without the first, the second stands alone and `missing` says why. */
export function compare(before, after, alt) {
  const range = el("input", { type: "range", min: 0, max: 100, value: 50, className: "handle", "aria-label": "How much of the picture before is shown" });
  const first = el("img", { src: before, alt: "Before", className: "before" });
  const line = el("span", { className: "line", "aria-hidden": "true" });
  const box = el("div", { className: "compare" }, el("img", { src: after, alt }), first, line, range,
    el("span", { className: "tag left-tag", "aria-hidden": "true" }, "Before"),
    el("span", { className: "tag right-tag", "aria-hidden": "true" }, "After"));
  const move = () => {
    first.style.clipPath = `inset(0 ${100 - range.value}% 0 0)`;
    line.style.left = `${range.value}%`;
  };
  range.addEventListener("input", move);
  first.addEventListener("error", () => {
    for (const part of [first, line, range, ...box.querySelectorAll(".tag")]) part.remove();
    box.after(el("p", { className: "hint" }, "The reference is no longer available."));
  });
  move();
  return box;
}
