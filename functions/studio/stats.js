// The stats page: spending, durations, failures and the submit queue.
import * as api from "./api.js";
import { byId, duration, element, usd } from "./dom.js";
import { bars } from "./plots.js";

const DEFAULT_DAYS = 14;
const DAY_OPTIONS = [7, DEFAULT_DAYS, 30, 90];
const QUALITIES = ["low", "medium", "high", "other"];
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
  const kinds = sorted.map((kind) => ({ ...kind, label: `${kind.quality} ${kind.resolution}${kind.operation === "edit" ? " edit" : ""}` }));
  const series = ["p50", "p95"].map((name) => ({ name, values: kinds.map((kind) => kind[`${name}_seconds`]) }));
  const note = `Time at WaveSpeed · all ${sum(kinds, (kind) => kind.jobs)} images so far · ±5 %`;
  return bars("Duration by quality and resolution", kinds.map((kind) => kind.label), kinds.length ? series : [], { format: duration, note });
}

function failures(report) {
  const counts = new Map();
  for (const day of report.days) {
    for (const [code, count] of Object.entries(day.failures)) counts.set(code, (counts.get(code) ?? 0) + count);
  }
  const sorted = [...counts].sort((one, other) => other[1] - one[1]);
  const series = sorted.length ? [{ name: "jobs", values: sorted.map(([, count]) => count) }] : [];
  return bars("Failures by code", sorted.map(([code]) => code), series, { format: String, whole: true });
}

function tiles({ days: reported, queue }, account) {
  const [completed, failed] = [sum(reported, (day) => day.completed), sum(reported, (day) => day.failed)];
  const limits = [account.left_micro_usd, account.stack_left_micro_usd].filter((limit) => limit != null);
  const waiting = queue.waiting_normal + queue.waiting_low;
  const note = queue.message ?? (queue.paused_seconds > 1 ? `Next submission in ${duration(queue.paused_seconds)}.` : "");
  return element("dl", { className: "tiles" },
    tile("Completed", String(completed), `${failed} failed`),
    tile("Spent", usd(sum(reported, (day) => day.spent_micro_usd)), `in ${days} days`),
    tile("Budget left today", limits.length ? usd(Math.min(...limits)) : "No limit"),
    tile("Queue", element("span", { className: "long-value" }, `${waiting} waiting · ${queue.in_flight} generating`), note));
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
  byId("stats").replaceChildren(
    element("div", { className: "stats-head" }, element("h1", { tabIndex: -1 }, "Stats"), dayPicker()),
    tiles(report, account), element("div", { className: "plots" }, plots.map((plot) => plot.figure)));
  plots.forEach((plot) => plot.start());
}

async function load() {
  try {
    const [report, account] = await Promise.all([api.get(`v1/stats?days=${days}`), api.get("v1/me")]);
    if (!byId("stats").hidden) draw(report, account);
  } catch (error) {
    byId("stats").replaceChildren(element("p", { className: "error", role: "alert" }, error.message));
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
