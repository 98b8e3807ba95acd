// Bars over labels, drawn by uPlot; beside each plot stands the table of its numbers.
import uPlot from "./uPlot.esm.js";
import { el } from "./dom.js";

const HEIGHT = 230;
const WHOLE = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000];
const COLOURS = ["#c2571f", "#2f7f86", "#7a5bb0", "#b08a1e", "#4a7d3a", "#a3446b", "#5b6c7d"];
const colour = (index) => COLOURS[index % COLOURS.length];
const token = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function table(labels, series, format) {
  const head = el("tr", {}, el("th", { scope: "col" }, ""), series.map(({ name }) => el("th", { scope: "col" }, name)));
  const rows = labels.map((label, at) => el("tr", {}, el("th", { scope: "row" }, label),
    series.map(({ values }) => el("td", {}, format(values[at])))));
  return el("details", {}, el("summary", {}, "As a table"),
    el("div", { className: "scroll", tabIndex: 0, role: "region", "aria-label": "The numbers" },
      el("table", {}, el("thead", {}, head), el("tbody", {}, rows))));
}

const legend = (series) => el("ul", { className: "keys" }, series.map(({ name }, index) => {
  const key = el("li", {}, name);
  key.style.setProperty("--key", colour(index));
  return key;
}));

/** Each series on top of those before it, or beside them in its own share of a label's room. */
function drawn(series, stacked) {
  const beside = series.length > 1 && !stacked;
  const sums = [];
  series.forEach(({ values }, index) => {
    sums.push(values.map((value, at) => value + (stacked && index ? sums[index - 1][at] : 0)));
  });
  const layers = series.map((each, index) => ({
    label: each.name, fill: colour(index), stroke: colour(index), width: 0, points: { show: false }, values: sums[index],
    paths: uPlot.paths.bars({ size: [beside ? 0.3 : 0.7, 48], align: beside ? (index ? 1 : -1) : 0 }),
  }));
  return stacked ? layers.reverse() : layers; // the highest first: the others are painted over it
}

function axes(labels, format, whole) {
  const [stroke, line] = [token("--soft"), token("--line")];
  const room = { stroke, grid: { stroke: line, width: 1 }, ticks: { show: false }, font: "12px system-ui" };
  return [{ ...room, grid: { show: false }, space: 64, incrs: [1, 2, 5, 10, 15, 30],
    values: (_, at) => at.map((n) => (Number.isInteger(n) ? labels[n] ?? "" : "")) },
  { ...room, size: 62, values: (_, at) => at.map((n) => format(n)), ...(whole ? { incrs: WHOLE } : {}) }];
}

/** A figure with `start` and `stop`: it follows the width of its place, and the theme. */
export function bars(title, labels, series, { format, stacked = false, whole = false, note = "" }) {
  const place = el("div", { className: "plot", "aria-hidden": "true" });
  const empty = !series.some(({ values }) => values.some((value) => value > 0));
  const figure = el("figure", {}, el("figcaption", {}, el("h2", {}, title), note && !empty ? el("small", {}, note) : null),
    ...(empty ? [el("p", { className: "hint" }, "Nothing yet.")]
      : [series.length > 1 ? legend(series) : null, place, table(labels, series, format)]));
  let plot = null;
  const paint = () => {
    if (!place.clientWidth) return;
    plot?.destroy();
    const layers = drawn(series, stacked);
    const options = {
      width: place.clientWidth, height: HEIGHT, legend: { show: false }, cursor: { show: false },
      scales: { x: { time: false, range: [-0.5, labels.length - 0.5] }, y: { range: (_, __, most) => [0, (most || 1) * 1.08] } },
      axes: axes(labels, format, whole), series: [{}, ...layers.map(({ values, ...layer }) => layer)],
    };
    plot = new uPlot(options, [labels.map((_, at) => at), ...layers.map(({ values }) => values)], place);
  };
  const watcher = new ResizeObserver(() => plot?.width !== place.clientWidth && paint());
  return {
    figure,
    start() {
      if (empty) return;
      watcher.observe(place);
      document.addEventListener("theme", paint);
    },
    stop() {
      watcher.disconnect();
      document.removeEventListener("theme", paint);
      plot?.destroy();
      plot = null;
    },
  };
}
