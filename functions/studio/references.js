// Reference pictures: dropped, pasted, chosen, or a finished asset; files go up at once.
import * as api from "./api.js";
import { by, el } from "./dom.js";

const TYPES = ["image/png", "image/jpeg", "image/webp"];
const MAX_BYTES = 20_000_000;
const MAX = 16;
let held = []; // {show, name, reference: string or null while it goes up}
let changed = () => {};
let complain = () => {};
let arrived = () => {};

export const ready = () => held.flatMap(({ reference }) => reference ?? []);
export const count = () => held.length;
export const isBusy = () => held.some(({ reference }) => reference === null);

function draw() {
  by("thumbs").replaceChildren(...held.map((one) => el("li", { className: one.reference ? "" : "busy" },
    el("img", { src: one.show, alt: one.name, onerror: (event) => event.target.classList.add("broken") }),
    one.reference ? null : el("span", { className: "spin", role: "status", "aria-label": `${one.name} is going up` }),
    el("button", { type: "button", className: "remove", "aria-label": `Remove ${one.name}`, onclick: () => drop(one) }, "×"))));
  changed();
}

function drop(one) {
  if (one.show.startsWith("blob:")) URL.revokeObjectURL(one.show);
  held = held.filter((other) => other !== one);
  draw();
}

async function add(files) {
  for (const file of files) {
    if (!TYPES.includes(file.type)) { complain(`${file.name} is no PNG, JPEG or WebP.`); continue; }
    if (file.size > MAX_BYTES) { complain(`${file.name} is larger than 20 MB.`); continue; }
    if (held.length === MAX) { complain(`There may be ${MAX} references.`); break; }
    complain("");
    const one = { show: URL.createObjectURL(file), name: file.name || "pasted picture", reference: null };
    held = [...held, one];
    arrived();
    draw();
    api.upload(file).then(
      (reference) => { one.reference = reference; draw(); },
      (error) => { complain(`${one.name} did not go up: ${error.message}`); drop(one); },
    );
  }
}

/** References that are in the deployment already. */
export function replace(images) {
  for (const one of held) if (one.show.startsWith("blob:")) URL.revokeObjectURL(one.show);
  held = images.slice(0, MAX);
  draw();
}

export function start(onChange, onComplaint, onArrival) {
  [changed, complain, arrived] = [onChange, onComplaint, onArrival];
  by("pick").addEventListener("click", () => by("files").click());
  by("files").addEventListener("change", () => { add([...by("files").files]); by("files").value = ""; });
  const isOver = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
  addEventListener("dragover", (event) => {
    if (isOver(event)) { event.preventDefault(); document.body.classList.add("dragging"); }
  });
  addEventListener("dragleave", (event) => { if (!event.relatedTarget) document.body.classList.remove("dragging"); });
  addEventListener("drop", (event) => {
    document.body.classList.remove("dragging");
    if (!isOver(event)) return;
    event.preventDefault();
    if (!by("make").hidden) add([...event.dataTransfer.files]);
  });
  addEventListener("paste", (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (files.length && !by("make").hidden) { event.preventDefault(); add(files); }
  });
}
