// Before and after in one frame, with a handle for mouse, touch and keyboard.
import { element } from "./dom.js";

/** Compare two images. If the first cannot be loaded, only the second is shown, with a note. */
export function compare(before, after, alt) {
  const range = element("input", { type: "range", min: 0, max: 100, value: 50, className: "handle", "aria-label": "Visible share of the reference image" });
  const first = element("img", { src: before, alt: "Before", className: "before" });
  const divider = element("span", { className: "divider", "aria-hidden": "true" });
  const box = element("div", { className: "compare" }, element("img", { src: after, alt }), first, divider, range,
    element("span", { className: "tag left-tag", "aria-hidden": "true" }, "Before"),
    element("span", { className: "tag right-tag", "aria-hidden": "true" }, "After"));
  const move = () => {
    first.style.clipPath = `inset(0 ${100 - range.value}% 0 0)`;
    divider.style.left = `${range.value}%`;
  };
  range.addEventListener("input", move);
  first.addEventListener("error", () => {
    for (const part of [first, divider, range, ...box.querySelectorAll(".tag")]) part.remove();
    box.after(element("p", { className: "hint" }, "The reference image is no longer available."));
  });
  move();
  return box;
}
