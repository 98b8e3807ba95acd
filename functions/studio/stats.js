// The stats page: spending, durations, failures and the submit queue.
import * as api from "./api.js";
import { byId, duration, element, loadError, redraw, usd } from "./dom.js";
import { failureName } from "./failures.js";
import * as pause from "./pause.js";
import { bars } from "./plots.js";
import * as queue from "./queue.js";

const DEFAULT_DAYS = 14;
const DAY_OPTIONS = [7, DEFAULT_DAYS, 30, 90];
const QUALITIES = ["low", "medium", "high", "other"];
const CANCELED = "canceled"; // a failure code
const MAX_KEYS = 6; // keys with their own color; the rest are summed up
let days = DEFAULT_DAYS;
let plots = [];

const sum = (list, value) => list.reduce((total, item) => total + value(item), 0);
const total = ({ values }) => sum(values, (value) => value);
const tile = (name, value, note) => element("div", { className: "tile" },
  element("dt", {}, name), element("dd", {}, value, note ? element("small", {}, note) : null));

/** Every date from the first to the last day of the report, including days without jobs. */
function calendar({ since, until }) {
  const dates = [];
  const last = Date.parse(`${until}T00:00:00Z`);
  for (let time = Date.parse(`${since}T00:00:00Z`); time <= last; time += 86_400_000) {
    dates.push(new Date(time).toISOString().slice(0, 10));
  }
  return dates;
}

/** Series of amounts per date, one for each name. */
function seriesByName(dates, entries) {
  const lists = new Map();
  for (const { day, name, amount } of entries) {
    if (!lists.has(name)) lists.set(name, dates.map(() => 0));
    lists.get(name)[dates.indexOf(day)] += amount;
  }
  return [...lists].map(([name, values]) => ({ name, values }));
}

function spending(report, dates) {
  const byKey = seriesByName(dates, report.days.map(({ day, caller, spent_micro_usd: amount }) =>
    ({ day, name: caller.replace(/^key:/, ""), amount })));
  const byQuality = seriesByName(dates, report.days.flatMap(({ day, by_quality: qualities }) =>
    Object.entries(qualities).map(([name, { micro_usd: amount }]) => ({ day, name, amount }))));
  const others = byKey.sort((one, other) => total(other) - total(one)).splice(MAX_KEYS);
  if (others.length) byKey.push({ name: "other keys", values: dates.map((_, index) => sum(others, ({ values }) => values[index])) });
  byQuality.sort((one, other) => QUALITIES.indexOf(one.name) - QUALITIES.indexOf(other.name));
  const labels = dates.map((day) => day.slice(5));
  return [bars("Daily spend by key", labels, byKey, { format: usd, stacked: true }),
    bars("Daily spend by quality", labels, byQuality, { format: usd, stacked: true })];
}

function durations(report) {
  const order = (kind) => `${QUALITIES.indexOf(kind.quality)}${kind.resolution}`;
  const sorted = report.durations.toSorted((one, other) => order(one).localeCompare(order(other)));
  const kinds = sorted.map((kind) => ({ ...kind, label: [...new Set([kind.quality, kind.resolution]), ...(kind.operation === "edit" ? ["edit"] : [])].join(" ") }));
  const series = ["p50", "p95"].map((name) => ({ name, values: kinds.map((kind) => kind[`${name}_seconds`]) }));
  const note = `Time at WaveSpeed · all ${sum(kinds, (kind) => kind.jobs)} images so far · ±5 %`;
  return bars("Duration by quality and resolution", kinds.map((kind) => kind.label), kinds.length ? series : [], { format: duration, note });
}

/** Failed jobs by code. A canceled job has not failed. */
function failureCounts(reported) {
  const counts = new Map();
  for (const day of reported) {
    for (const [code, count] of Object.entries(day.failures)) counts.set(code, (counts.get(code) ?? 0) + count);
  }
  counts.delete(CANCELED);
  return [...counts].sort((one, other) => other[1] - one[1]);
}

const canceled = (reported) => sum(reported, (day) => day.failures[CANCELED] ?? 0);
const failed = (reported) => sum(reported, (day) => day.failed) - canceled(reported);

function failures(report) {
  const sorted = failureCounts(report.days);
  const series = sorted.length ? [{ name: "jobs", values: sorted.map(([, count]) => count) }] : [];
  const chart = bars("Failures", sorted.map(([code]) => failureName(code)), series, { format: String, whole: true });
  if (sorted.length) {
    chart.figure.append(element("ul", { className: "failure-links", "aria-label": "Failed jobs" }, sorted.map(([code, count]) => element("li", {},
      element("a", { href: `#/?status=failed&code=${code}` }, `${failureName(code)}: ${count}`)))));
  }
  return chart;
}

/** Totals by key, as a table; nothing for the days of a single key. */
function totals({ days: reported }) {
  const callers = new Map();
  for (const day of reported) {
    const list = callers.get(day.caller) ?? [];
    callers.set(day.caller, [...list, day]);
  }
  if (callers.size < 2) return null;
  const rows = [...callers].map(([caller, list]) => ({ caller, list, spent: sum(list, (day) => day.spent_micro_usd) }))
    .sort((one, other) => other.spent - one.spent);
  const cells = ({ list, spent }) => [usd(spent), sum(list, (day) => day.completed), failed(list), canceled(list)];
  return element("figure", { className: "totals" }, element("figcaption", {}, element("h2", {}, "Totals by key")),
    element("div", { className: "scroll", tabIndex: 0, role: "region", "aria-label": "Totals by key" }, element("table", {},
      element("thead", {}, element("tr", {}, ["Key", "Spent", "Completed", "Failed", "Canceled"].map((name) => element("th", { scope: "col" }, name)))),
      element("tbody", {}, rows.map((row) => element("tr", {}, element("th", { scope: "row" }, row.caller.replace(/^key:/, "")),
        cells(row).map((value) => element("td", {}, String(value)))))))));
}

const endings = (reported) => [`${failed(reported)} failed`, canceled(reported) ? `${canceled(reported)} canceled` : ""].filter(Boolean).join(", ");

function tiles({ days: reported, queue: state, until }, account) {
  const today = reported.filter(({ day }) => day === until);
  const limits = [account.left_micro_usd, account.stack_left_micro_usd].filter((limit) => limit != null);
  const waiting = state.waiting_normal + state.waiting_low;
  const saved = sum(reported, (day) => day.saved_micro_usd ?? 0);
  const note = state.message ?? (state.paused_seconds > 1 ? `Next submission in ${duration(state.paused_seconds)}.` : "");
  return element("dl", { className: "tiles" },
    tile("Today", usd(sum(today, (day) => day.spent_micro_usd)), `${sum(today, (day) => day.completed)} completed, ${endings(today)}`),
    tile("Spent", usd(sum(reported, (day) => day.spent_micro_usd)), `in ${days} days${saved ? `, ${usd(saved)} saved by reuse` : ""}`),
    tile("Completed", String(sum(reported, (day) => day.completed)), endings(reported)),
    tile("Budget left today", limits.length ? usd(Math.min(...limits)) : "No limit"),
    tile("Queue", element("span", { className: "long-value" }, `${waiting} waiting, `, element("span", {}, `${state.in_flight} generating`)), note));
}

function dayPicker() {
  const options = DAY_OPTIONS.map((count) => element("option", { value: count, selected: count === days }, `${count} days`));
  return element("label", { className: "days" }, "Last ",
    element("select", { id: "stats-days", onchange: (event) => { days = Number(event.target.value); load(); } }, options));
}

function draw(report, account) {
  const dates = calendar(report);
  plots.forEach((plot) => plot.stop());
  plots = [...spending(report, dates), durations(report), failures(report)];
  redraw(byId("stats"),
    element("div", { className: "stats-head" }, element("h1", { tabIndex: -1 }, "Stats"), pause.pauseButton(), dayPicker()),
    tiles(report, account), element("div", { className: "plots" }, plots.map((plot) => plot.figure), totals(report)));
  plots.forEach((plot) => plot.start());
}

async function load() {
  try {
    const [report, account] = await Promise.all([api.get(`v1/stats?days=${days}`), api.get("v1/me")]);
    queue.show(report.queue);
    if (!byId("stats").hidden) draw(report, account);
  } catch (error) {
    byId("stats").replaceChildren(loadError(error));
  }
}

export function enter() {
  load();
}

export function leave() {
  plots.forEach((plot) => plot.stop());
  plots = [];
  byId("stats").replaceChildren();
}
