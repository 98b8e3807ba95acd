// Two images in one frame, each shown whole, with a handle for mouse, touch and keyboard.
import { element } from "./dom.js";

/** Compare two images. If the first cannot be loaded, only the second is shown, with a note. */
export function compare(before, after, alt, [beforeName, afterName] = ["Before", "After"]) {
  const range = element("input", { type: "range", min: 0, max: 100, value: 50, className: "handle", "aria-label": `Visible share of the image ${beforeName}` });
  const first = element("img", { src: before, alt: beforeName, className: "before" });
  const divider = element("span", { className: "divider", "aria-hidden": "true" });
  const second = element("img", { src: after, alt, className: "after" });
  const box = element("div", { className: "compare" }, second, first, divider, range,
    element("span", { className: "tag left-tag", "aria-hidden": "true" }, beforeName),
    element("span", { className: "tag right-tag", "aria-hidden": "true" }, afterName));
  const move = () => {
    first.style.clipPath = `inset(0 ${100 - range.value}% 0 0)`;
    second.style.clipPath = `inset(0 0 0 ${range.value}%)`; // images of other shapes do not show through
    divider.style.left = `${range.value}%`;
  };
  range.addEventListener("input", move);
  first.addEventListener("error", () => {
    for (const part of [first, divider, range, ...box.querySelectorAll(".tag")]) part.remove();
    second.style.clipPath = "";
    box.after(element("p", { className: "hint" }, "The other image is no longer available."));
  });
  move();
  return box;
}
