// Reference images: dropped, pasted, chosen, or a job's asset. Files are uploaded at once.
import * as api from "./api.js";
import { byId, element } from "./dom.js";

// The first bytes of a PNG, a JPEG and a WebP. Names and types of files are often wrong.
const IMAGE = /^(?:\x89PNG\r\n\x1a\n|\xff\xd8\xff|RIFF[^]{4}WEBP)/;
const UNSUPPORTED = /\.(avif|bmp|gif|heic|heif|pdf|psd|svg|tiff?)$/i;
const MAX_BYTES = 20_000_000;
const MAX_IMAGES = 16;
let images = []; // {show, name, reference: string, or null during the upload}
let onChange = () => {};
let onError = () => {};
let onAdd = () => {};

export const ready = () => images.flatMap(({ reference }) => reference ?? []);
export const count = () => images.length;
export const isUploading = () => images.some(({ reference }) => reference === null);

function draw() {
  byId("thumbs").replaceChildren(...images.map((image) => element("li", { className: image.reference ? "" : "busy" },
    element("img", { src: image.show, alt: image.name, onerror: (event) => event.target.classList.add("broken") }),
    image.reference ? null : element("span", { className: "spin", role: "status", "aria-label": `Uploading ${image.name}` }),
    element("button", { type: "button", className: "remove", "aria-label": `Remove ${image.name}`, onclick: () => remove(image) }, "×"))));
  onChange();
}

function remove(image) {
  if (image.show.startsWith("blob:")) URL.revokeObjectURL(image.show);
  images = images.filter((other) => other !== image);
  draw();
}

/** A size in MB, rounded up to one decimal: a file over the limit never equals the limit. */
const megabytes = (bytes) => `${Math.ceil(bytes / 100_000) / 10} MB`;

/** The reason why a file cannot be a reference image, or "". */
async function fileError(file) {
  const { name, type, size } = file;
  if (!IMAGE.test(String.fromCharCode(...new Uint8Array(await file.slice(0, 16).arrayBuffer())))) {
    const format = UNSUPPORTED.exec(name)?.[1] ?? /^image\/(?:x-)?(\w+)/.exec(type)?.[1];
    return format ? `${format.toUpperCase()} is not supported. Export ${name} as JPEG.`
      : `${name} is not an image. Use PNG, JPEG or WebP.`;
  }
  return size > MAX_BYTES ? `${name} is ${megabytes(size)}; the limit is ${megabytes(MAX_BYTES)}.` : "";
}

/** The EXIF orientation of a JPEG, 1 to 8; 1 without one. */
async function orientation(file) {
  const bytes = new DataView(await file.slice(0, 65_536).arrayBuffer());
  const text = (offset, length) => String.fromCharCode(...new Uint8Array(bytes.buffer, offset, length));
  try {
    for (let offset = 2; bytes.getUint8(offset) === 0xff && bytes.getUint8(offset + 1) !== 0xda; offset += 2 + bytes.getUint16(offset + 2)) {
      if (text(offset + 4, 6) !== "Exif\0\0") continue;
      const tiff = offset + 10;
      const isLittle = text(tiff, 2) === "II";
      const directory = tiff + bytes.getUint32(tiff + 4, isLittle);
      for (let entry = directory + 2; entry < directory + 2 + 12 * bytes.getUint16(directory, isLittle); entry += 12) {
        if (bytes.getUint16(entry, isLittle) === 0x0112) return bytes.getUint16(entry + 8, isLittle);
      }
    }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error; // the header ends early
  }
  return 1;
}

/** The image as the browser shows it. WaveSpeed does not say whether it turns photographs by their EXIF orientation. */
async function upright(file) {
  if (await orientation(file) === 1) return file;
  const bitmap = await createImageBitmap(file, { imageOrientation: "from-image" });
  const canvas = element("canvas", { width: bitmap.width, height: bitmap.height });
  canvas.getContext("2d").drawImage(bitmap, 0, 0);
  bitmap.close();
  return new Promise((resolve) => { canvas.toBlob((blob) => resolve(blob ?? file), "image/jpeg", 0.95); });
}

async function add(files) {
  const errors = [];
  for (const file of files) {
    const error = await fileError(file).catch(() => `${file.name} cannot be read.`);
    if (error) { errors.push(error); continue; }
    if (images.length === MAX_IMAGES) { errors.push(`At most ${MAX_IMAGES} reference images.`); break; }
    const image = { show: URL.createObjectURL(file), name: file.name || "pasted image", reference: null };
    images = [...images, image];
    onAdd();
    draw();
    upright(file).catch(() => file).then(api.upload).then(
      (reference) => { image.reference = reference; draw(); },
      (failure) => { onError(`Upload of ${image.name} failed. ${failure.message}`); remove(image); },
    );
  }
  onError(errors.join(" "));
}

/** Replace the images by references that the deployment already stores. */
export function replace(references) {
  for (const image of images) if (image.show.startsWith("blob:")) URL.revokeObjectURL(image.show);
  images = references.slice(0, MAX_IMAGES);
  draw();
}

export function start(changeListener, errorListener, addListener) {
  [onChange, onError, onAdd] = [changeListener, errorListener, addListener];
  byId("pick").addEventListener("click", () => byId("files").click());
  byId("files").addEventListener("change", () => { add([...byId("files").files]); byId("files").value = ""; });
  const hasFiles = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
  addEventListener("dragover", (event) => {
    if (hasFiles(event)) { event.preventDefault(); document.body.classList.add("dragging"); }
  });
  addEventListener("dragleave", (event) => { if (!event.relatedTarget) document.body.classList.remove("dragging"); });
  addEventListener("drop", (event) => {
    document.body.classList.remove("dragging");
    if (!hasFiles(event)) return;
    event.preventDefault();
    if (!byId("make").hidden) add([...event.dataTransfer.files]);
  });
  addEventListener("paste", (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (files.length && !byId("make").hidden) { event.preventDefault(); add(files); }
  });
}
