// One image of the job page: zoom, and comparison with another image.
import { element } from "./dom.js";
import { compare } from "./slider.js";

/** A stage with an image. A click calls `toggle`, which zooms to the pixels of the image and back; a mouse drags the zoomed image. */
export function stage(asset, alt, toggle = (event) => zoom(box, event)) {
  const image = element("img", {
    src: asset.url, alt, width: asset.width ?? undefined, height: asset.height ?? undefined,
    onerror: (event) => event.target.replaceWith(element("p", {}, "The image could not be loaded. Reload the page to get a new link.")),
  });
  const box = element("div", { className: "stage", tabIndex: -1 }, image);
  let drag = null;
  image.addEventListener("pointerdown", (event) => {
    drag = { x: event.clientX, y: event.clientY, left: box.scrollLeft, top: box.scrollTop, isMoved: false };
    if (event.pointerType === "mouse") { image.setPointerCapture(event.pointerId); event.preventDefault(); }
  });
  image.addEventListener("pointermove", (event) => {
    if (!drag || event.pointerType !== "mouse" || !box.classList.contains("zoomed")) return;
    if (Math.abs(event.clientX - drag.x) + Math.abs(event.clientY - drag.y) > 4) drag.isMoved = true;
    box.scrollTo(drag.left + drag.x - event.clientX, drag.top + drag.y - event.clientY);
  });
  image.addEventListener("click", (event) => {
    if (!drag?.isMoved) toggle(event);
    drag = null;
  });
  return box;
}

/** Show the pixels of a stage's image, at the point of the event, or the whole image again. */
export function zoom(box, event) {
  const image = box.querySelector("img");
  if (!image) return;
  const area = image.getBoundingClientRect();
  const [x, y] = event ? [(event.clientX - area.left) / area.width, (event.clientY - area.top) / area.height] : [0.5, 0.5];
  const isZoomed = box.classList.toggle("zoomed");
  box.tabIndex = isZoomed ? 0 : -1; // a zoomed stage scrolls
  if (isZoomed) box.scrollTo(x * image.offsetWidth - box.clientWidth / 2, y * image.offsetHeight - box.clientHeight / 2);
}

/** A stage that compares two images, each shown whole. */
export const comparison = (other, asset, alt, names) => element("div", { className: "stage" }, compare(other, asset.url, alt, names));

/** Choose one of the images `{url, name}` in a dialog. Resolves to the image, or to null. */
export function choose(images) {
  return new Promise((resolve) => {
    let chosen = null;
    const dialog = element("dialog", { className: "chooser", "aria-labelledby": "chooser-title" },
      element("form", { method: "dialog" }, element("h2", { id: "chooser-title" }, "Compare with"),
        element("div", { className: "choices" }, images.map((image) => element("button", { title: image.name, onclick: () => { chosen = image; } },
          element("img", { src: image.show, alt: image.name, loading: "lazy",
            onerror: (event) => { if (event.target.src !== image.url) event.target.src = image.url; } })))),
        element("div", { className: "actions" }, element("button", {}, "Cancel"))));
    dialog.addEventListener("close", () => { dialog.remove(); resolve(chosen); });
    document.body.append(dialog);
    dialog.showModal();
  });
}
