// The outputs of a job by type: images, players for video and sound, texts, and links for all other files.
import { element } from "./dom.js";

const MAX_TEXT = 200_000; // bytes of a text that is shown
const TEXT = /^(?:text\/(?:plain|csv|markdown)|application\/(?:json|x-ndjson))\b/;
const megabytes = (bytes) => (bytes < 100_000 ? `${Math.max(1, Math.round(bytes / 1000))} kB` : `${(bytes / 1e6).toFixed(1)} MB`);

const note = (text) => element("p", { className: "hint" }, text);
const failed = (text) => (event) => event.target.replaceWith(note(text));
const REPEAT = "Reload the page to get a new link.";

/** The content of a text output, as text. Nothing in it is interpreted. */
function text(asset) {
  const content = element("pre", { className: "output-text", tabindex: "0" }, "Loading…");
  fetch(asset.url).then((response) => (response.ok ? response.text() : Promise.reject(new Error(`HTTP ${response.status}`)))).then(
    (loaded) => { content.textContent = loaded.slice(0, MAX_TEXT); },
    () => { content.replaceWith(note(`The text could not be loaded. ${REPEAT}`)); });
  return content;
}

/** An element that shows the output. An SVG is an image, so that no script in it runs. */
export function output(asset, alt) {
  const type = asset.content_type;
  if (type.startsWith("image/")) {
    return element("img", { src: asset.url, alt, decoding: "async", width: asset.width ?? undefined, height: asset.height ?? undefined,
      onerror: failed(`The image could not be loaded. ${REPEAT}`) });
  }
  if (type.startsWith("video/")) {
    return element("video", { src: asset.url, controls: true, preload: "metadata", playsInline: true, "aria-label": alt,
      onerror: failed("This browser cannot play the video. Select Download.") });
  }
  if (type.startsWith("audio/")) {
    return element("audio", { src: asset.url, controls: true, preload: "metadata", "aria-label": alt,
      onerror: failed("This browser cannot play the sound. Select Download.") });
  }
  if (TEXT.test(type) && asset.size <= MAX_TEXT) return text(asset);
  return note(`A file of the type ${type}, ${megabytes(asset.size)}. Select Download.`);
}
