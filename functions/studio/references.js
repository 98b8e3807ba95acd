// Reference images: dropped, pasted, chosen, or a job's asset. Files are uploaded at once.
import * as api from "./api.js";
import { byId, element } from "./dom.js";

// The first bytes of a PNG, a JPEG and a WebP. Names and types of files are often wrong.
const IMAGE = /^(?:\x89PNG\r\n\x1a\n|\xff\xd8\xff|RIFF[^]{4}WEBP)/;
const UNSUPPORTED = /\.(avif|bmp|gif|heic|heif|pdf|psd|svg|tiff?)$/i;
const SUPPORTED = /\.(png|jpe?g|webp)$|^image\/(png|jpeg|webp)$/i;
const HEIC = /\.hei[cf]$|^image\/hei[cf]/i;
const MAX_BYTES = 20_000_000;
const MAX_IMAGES = 16;
const THUMBNAIL_PIXELS = 144;
// {show, name, reference, file, thumbnail, error}. `reference` is null until the upload has ended, `file` is of an
// upload only, `thumbnail` is a small copy that a draft keeps, and `error` is why the image cannot be used.
let images = [];
let onChange = () => {};
let onAdd = () => {};

const usable = () => images.filter(({ error }) => !error);
export const ready = () => images.flatMap(({ reference }) => reference ?? []);
export const count = () => usable().length;
export const isUploading = () => usable().some(({ reference }) => reference === null);

/** The images that a draft keeps: those that the deployment has stored. */
export const kept = () => images.filter(({ reference }) => reference)
  .map(({ show, name, reference, thumbnail }) => ({ show: thumbnail ?? show, name, reference }));

function draw() {
  byId("thumbs").replaceChildren(...images.map((image) => element("li", { className: image.error ? "failed" : image.reference ? "" : "busy", title: image.error || image.name },
    image.show ? element("img", { src: image.show, alt: image.name, onerror: (event) => event.target.classList.add("broken") })
      : element("span", { className: "thumb-name" }, image.error ? "" : image.name),
    image.error ? element("span", { className: "thumb-error", role: "alert" }, image.error) : null,
    image.reference || image.error ? null : element("span", { className: "spin", role: "status", "aria-label": `Uploading ${image.name}` }),
    image.error && image.file ? element("button", { type: "button", className: "link retry", onclick: () => store(image) }, "Try again") : null,
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

/** Draw an image on a canvas of at most `pixels` per side, as the browser shows it. */
async function drawn(file, pixels = Infinity) {
  const bitmap = await createImageBitmap(file, { imageOrientation: "from-image" });
  const scale = Math.min(1, pixels / Math.max(bitmap.width, bitmap.height));
  const canvas = element("canvas", { width: Math.max(1, bitmap.width * scale), height: Math.max(1, bitmap.height * scale) });
  canvas.getContext("2d").drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  bitmap.close();
  return canvas;
}

const jpeg = async (file) => {
  const canvas = await drawn(file);
  return new Promise((resolve, reject) => { canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("no JPEG"))), "image/jpeg", 0.95); });
};

const damaged = ({ name }) => new Error(`${name} is damaged, or not an image. Export it again.`);

/** The file as it is uploaded: upright, and a HEIC as JPEG if the browser can read it. Throws an Error with the reason. */
export async function prepared(file) {
  const { name, type } = file;
  if (!file.size) throw new Error(`${name} is empty.`);
  const head = await file.slice(0, 16).arrayBuffer().catch(() => { throw new Error(`${name} cannot be read.`); });
  let result = file;
  if (!IMAGE.test(String.fromCharCode(...new Uint8Array(head)))) {
    if (HEIC.test(name) || HEIC.test(type)) {
      result = await jpeg(file).catch(() => { throw new Error(`This browser cannot read HEIC. Export ${name} as JPEG, or use Safari.`); });
    } else if (SUPPORTED.test(name) || SUPPORTED.test(type)) {
      throw damaged(file);
    } else {
      const format = UNSUPPORTED.exec(name)?.[1] ?? /^image\/(?:x-)?(\w+)/.exec(type)?.[1];
      throw new Error(format ? `${format.toUpperCase()} is not supported. Export ${name} as JPEG.` : `${name} is not an image. Use PNG, JPEG or WebP.`);
    }
  }
  if (result.size > MAX_BYTES) throw new Error(`${name} is ${megabytes(result.size)}; the limit is ${megabytes(MAX_BYTES)}.`);
  // WaveSpeed does not say whether it turns photographs by their EXIF orientation.
  return await orientation(result) === 1 ? result : jpeg(result).catch(() => result);
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

/** Upload the file of an image. An image with an error stays, with the reason. */
async function store(image) {
  image.error = "";
  draw();
  try {
    const useless = (error) => { image.file = null; throw error; }; // no repetition helps
    const file = await prepared(image.file).catch(useless);
    const canvas = await drawn(file, THUMBNAIL_PIXELS).catch(() => useless(damaged(file)));
    image.thumbnail = canvas.toDataURL("image/jpeg", 0.7);
    image.reference = await api.upload(file);
    image.file = null;
  } catch (error) {
    image.error = error.message;
  }
  draw();
}

function add(files) {
  const added = files.slice(0, MAX_IMAGES - count())
    .map((file) => ({ show: URL.createObjectURL(file), name: file.name || "pasted image", reference: null, file, thumbnail: null, error: "" }));
  images = [...images, ...added];
  if (files.length > added.length) {
    images.push({ show: "", name: "the note", reference: null, file: null, error: `At most ${MAX_IMAGES} reference images. ${files.length - added.length} were left out.` });
  }
  onAdd();
  added.forEach(store);
}

/** Replace the images by references that the deployment already stores. */
export function replace(references) {
  for (const image of images) if (image.show.startsWith("blob:")) URL.revokeObjectURL(image.show);
  images = references.slice(0, MAX_IMAGES).map((image) => ({ error: "", ...image }));
  draw();
}

/** Add references that the deployment already stores. */
export function append(references) {
  const known = new Set(ready());
  images = [...images, ...references.filter(({ reference }) => !known.has(reference)).map((image) => ({ error: "", ...image }))].slice(0, MAX_IMAGES);
  draw();
}

export function start(changeListener, addListener) {
  [onChange, onAdd] = [changeListener, addListener];
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
