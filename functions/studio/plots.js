// Bar charts drawn by uPlot, each with a table of its values.
import uPlot from "./uPlot.esm.js";
import { element } from "./dom.js";

const HEIGHT = 230;
const INTEGER_STEPS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000];
const COLORS = ["#c2571f", "#2f7f86", "#7a5bb0", "#b08a1e", "#4a7d3a", "#a3446b", "#5b6c7d"];
const color = (index) => COLORS[index % COLORS.length];
const cssVariable = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function table(labels, series, format) {
  const head = element("tr", {}, element("th", { scope: "col" }, ""), series.map(({ name }) => element("th", { scope: "col" }, name)));
  const rows = labels.map((label, index) => element("tr", {}, element("th", { scope: "row" }, label),
    series.map(({ values }) => element("td", {}, format(values[index])))));
  return element("details", {}, element("summary", {}, "As a table"),
    element("div", { className: "scroll", tabIndex: 0, role: "region", "aria-label": "Values of the chart" },
      element("table", {}, element("thead", {}, head), element("tbody", {}, rows))));
}

const legend = (series) => element("ul", { className: "keys" }, series.map(({ name }, index) => {
  const entry = element("li", {}, name);
  entry.style.setProperty("--key", color(index));
  return entry;
}));

/** The uPlot series: stacked, or two bars side by side for each label. */
function uPlotSeries(series, stacked) {
  const isGrouped = series.length > 1 && !stacked;
  const sums = [];
  series.forEach(({ values }, index) => {
    sums.push(values.map((value, position) => value + (stacked && index ? sums[index - 1][position] : 0)));
  });
  const layers = series.map(({ name }, index) => ({
    label: name, fill: color(index), stroke: color(index), width: 0, points: { show: false }, values: sums[index],
    paths: uPlot.paths.bars({ size: [isGrouped ? 0.3 : 0.7, 48], align: isGrouped ? (index ? 1 : -1) : 0 }),
  }));
  return stacked ? layers.reverse() : layers; // the highest first: the lower ones are painted over it
}

function axes(labels, format, whole) {
  const [stroke, line] = [cssVariable("--soft"), cssVariable("--line")];
  const axis = { stroke, grid: { stroke: line, width: 1 }, ticks: { show: false }, font: "12px system-ui" };
  return [{ ...axis, grid: { show: false }, space: 64, incrs: [1, 2, 5, 10, 15, 30],
    values: (_, positions) => positions.map((n) => (Number.isInteger(n) ? labels[n] ?? "" : "")) },
  { ...axis, size: 62, values: (_, positions) => positions.map((n) => format(n)), ...(whole ? { incrs: INTEGER_STEPS } : {}) }];
}

/** A figure with `start` and `stop`. It is redrawn when its width or the theme changes. */
export function bars(title, labels, series, { format, stacked = false, whole = false, note = "" }) {
  const container = element("div", { className: "plot", "aria-hidden": "true" });
  const isEmpty = !series.some(({ values }) => values.some((value) => value > 0));
  const figure = element("figure", {}, element("figcaption", {}, element("h2", {}, title), note && !isEmpty ? element("small", {}, note) : null),
    ...(isEmpty ? [element("p", { className: "hint" }, "No data yet.")]
      : [series.length > 1 ? legend(series) : null, container, table(labels, series, format)]));
  let plot = null;
  const paint = () => {
    if (!container.clientWidth) return;
    plot?.destroy();
    const layers = uPlotSeries(series, stacked);
    const options = {
      width: container.clientWidth, height: HEIGHT, legend: { show: false }, cursor: { show: false },
      scales: { x: { time: false, range: [-0.5, labels.length - 0.5] }, y: { range: (_, __, max) => [0, (max || 1) * 1.08] } },
      axes: axes(labels, format, whole), series: [{}, ...layers.map(({ values, ...layer }) => layer)],
    };
    plot = new uPlot(options, [labels.map((_, index) => index), ...layers.map(({ values }) => values)], container);
  };
  const resizeObserver = new ResizeObserver(() => plot?.width !== container.clientWidth && paint());
  return {
    figure,
    start() {
      if (isEmpty) return;
      resizeObserver.observe(container);
      document.addEventListener("theme", paint);
    },
    stop() {
      resizeObserver.disconnect();
      document.removeEventListener("theme", paint);
      plot?.destroy();
      plot = null;
    },
  };
}
