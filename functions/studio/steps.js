// The further steps of a chain in the form: edits of the image of the step before.
import { byId, element } from "./dom.js";
import { SETTINGS } from "./settings.js";

const MAX_STEPS = 5;
const STEP_SETTINGS = ["quality", "resolution"]; // a step has all others from the request or the preset
let steps = []; // as in `then` of a request
let onChange = () => {};
let initial = () => ({}); // the settings of a new step

export const all = () => steps;

export function replace(further) {
  steps = further.slice(0, MAX_STEPS).map((step) => ({ ...step }));
  draw();
}

function select(step, name) {
  const { label, values, initial: standard } = SETTINGS.find((setting) => setting.name === name);
  const options = values.map(([value, text]) => element("option", { value, selected: value === (step[name] ?? standard) }, text));
  return element("select", { "aria-label": `${label} of the step`, onchange: (event) => { step[name] = event.target.value; onChange(); } }, options);
}

function draw() {
  byId("steps").replaceChildren(...steps.map((step, index) => element("li", { className: "step" },
    element("label", { htmlFor: `step-${index}` }, `Then, step ${index + 2}`),
    element("textarea", { id: `step-${index}`, dir: "auto", rows: 2, maxLength: 32_000, value: step.prompt, placeholder: "Describe the change of the image before",
      oninput: (event) => { step.prompt = event.target.value; } }),
    element("div", { className: "step-settings" }, STEP_SETTINGS.map((name) => select(step, name)),
      element("button", { type: "button", className: "quiet", "aria-label": `Remove step ${index + 2}`,
        onclick: () => { steps = steps.filter((other) => other !== step); draw(); onChange(); byId("add-step").focus(); } }, "Remove")))));
  byId("add-step").hidden = steps.length === MAX_STEPS;
}

export function start(changeListener, settingsOfStep) {
  [onChange, initial] = [changeListener, settingsOfStep];
  byId("add-step").addEventListener("click", () => {
    const settings = Object.fromEntries(Object.entries(initial()).filter(([name]) => name !== "aspect_ratio"));
    steps = [...steps, { prompt: "", ...settings }];
    draw();
    onChange();
    byId(`step-${steps.length - 1}`).focus();
  });
}
