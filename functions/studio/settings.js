// The image settings: one table for the form and the job page.
import { byId, element } from "./dom.js";

// `values` are [value, label]; the value "" leaves the setting to WaveSpeed. `initial` is selected at first.
export const SETTINGS = [
  { name: "quality", label: "Quality", draw: segments, initial: "medium",
    values: [["low", "Low"], ["medium", "Medium"], ["high", "High"]] },
  { name: "resolution", label: "Resolution", draw: segments, initial: "1k",
    values: [["1k", "1k"], ["2k", "2k"], ["4k", "4k"]] },
  { name: "aspect_ratio", label: "Aspect ratio", draw: ratios, initial: "",
    values: [["", "Auto"],
      ...["1:1", "3:2", "2:3", "16:9", "9:16", "4:3", "3:4", "5:4", "4:5", "2:1", "1:2", "21:9", "9:21", "3:1", "1:3"]
        .map((ratio) => [ratio, ratio])] },
  { name: "output_format", label: "Format", draw: segments, initial: "png",
    values: [["png", "PNG"], ["jpeg", "JPEG"], ["webp", "WebP"]] },
];

const COMMON_RATIOS = 6; // the first ones of the table; the rest is under "More"

/** Draw the inputs of every setting. */
export function start() {
  byId("settings").replaceWith(...SETTINGS.map((setting) => setting.draw(setting)));
}

/** The selected settings as fields of an API request. */
export function selected(form) {
  const values = new FormData(form);
  return Object.fromEntries(SETTINGS.map(({ name }) => [name, values.get(name)]).filter(([, value]) => value));
}

/** Select the option of a radio group. */
export function select(form, name, value) {
  const input = form.querySelector(`input[name="${name}"][value="${CSS.escape(value)}"]`);
  if (!input) return;
  input.checked = true;
  input.closest("details")?.setAttribute("open", "");
}

/** The settings of an input or preset as texts. The values of an input can have any type. */
export function textsOf(input) {
  return Object.fromEntries(SETTINGS.map(({ name }) => [name, input[name]])
    .filter(([, value]) => ["string", "number", "boolean"].includes(typeof value)).map(([name, value]) => [name, String(value)]));
}

/** Select the settings of a job or preset, and the initial value of all others. */
export function selectAll(form, texts) {
  for (const { name, initial } of SETTINGS) select(form, name, texts[name] ?? initial);
}

const radio = ({ name, initial }, value) => element("input", { type: "radio", name, value, checked: value === initial });
const legend = ({ label }) => element("legend", {}, label);

function segments(setting) {
  return element("fieldset", { className: "segments" }, legend(setting),
    setting.values.map(([value, label]) => element("label", {}, radio(setting, value), element("span", {}, label))));
}

function ratios(setting) {
  const option = ([value, label]) => element("label", { title: label }, radio(setting, value),
    element("span", {}, element("span", { className: "shape-box" }, shape(value)), label));
  return element("fieldset", { className: "ratios" }, legend(setting),
    element("div", { className: "ratio-grid" }, setting.values.slice(0, COMMON_RATIOS).map(option)),
    element("details", { className: "more-ratios" }, element("summary", {}, "More"),
      element("div", { className: "ratio-grid" }, setting.values.slice(COMMON_RATIOS).map(option))));
}

/** An icon with the shape of a ratio. */
function shape(ratio) {
  const icon = element("i", { className: ratio ? "shape" : "shape auto", "aria-hidden": "true" });
  if (ratio) {
    const [width, height] = ratio.split(":").map(Number);
    const scale = 22 / Math.max(width, height);
    icon.style.width = `${Math.max(5, width * scale)}px`;
    icon.style.height = `${Math.max(5, height * scale)}px`;
  }
  return icon;
}

/** The label of a value, or "". */
export const label = (name, value) => SETTINGS.find((setting) => setting.name === name).values.find(([each]) => each === value)?.[1] ?? "";
