// The stats page: what was made and spent, how long it took, what failed, and how the queue stands.
import * as api from "./api.js";
import { by, el, money, seconds } from "./dom.js";
import { bars } from "./plots.js";

const FORTNIGHT = 14;
const CHOICES = [7, FORTNIGHT, 30, 90];
const QUALITIES = ["low", "medium", "high", "other"];
const MOST = 6; // keys with a colour of their own
let days = FORTNIGHT;
let shown = [];
let told = null;

const total = ({ values }) => values.reduce((all, each) => all + each, 0);
const sum = (list, pick) => list.reduce((total, each) => total + pick(each), 0);
const tile = (name, value, note) => el("div", { className: "tile" },
  el("dt", {}, name), el("dd", {}, value, note ? el("small", {}, note) : null));

/** Every day between the first and the last, whether anything ended on it or not. */
function calendar({ since, until }) {
  const found = [];
  const last = Date.parse(`${until}T00:00:00Z`);
  for (let at = Date.parse(`${since}T00:00:00Z`); at <= last; at += 86_400_000) {
    found.push(new Date(at).toISOString().slice(0, 10));
  }
  return found;
}

/** One list of amounts a name, along the days. */
function along(dates, entries) {
  const lists = new Map();
  for (const { day, name, amount } of entries) {
    if (!lists.has(name)) lists.set(name, dates.map(() => 0));
    lists.get(name)[dates.indexOf(day)] += amount;
  }
  return [...lists].map(([name, values]) => ({ name, values }));
}

function spending(dates) {
  const byKey = along(dates, told.days.map(({ day, caller, spent_micro_usd: amount }) =>
    ({ day, name: caller.replace(/^key:/, ""), amount })));
  const byQuality = along(dates, told.days.flatMap(({ day, by_quality: found }) =>
    Object.entries(found).map(([name, { micro_usd: amount }]) => ({ day, name, amount }))));
  const rest = byKey.sort((one, other) => total(other) - total(one)).splice(MOST);
  if (rest.length) byKey.push({ name: "others", values: dates.map((_, at) => sum(rest, ({ values }) => values[at])) });
  byQuality.sort((one, other) => QUALITIES.indexOf(one.name) - QUALITIES.indexOf(other.name));
  const labels = dates.map((day) => day.slice(5));
  return [bars("Spent a day, by key", labels, byKey, { format: money, stacked: true }),
    bars("Spent a day, by quality", labels, byQuality, { format: money, stacked: true })];
}

function durations() {
  const order = (kind) => `${QUALITIES.indexOf(kind.quality)}${kind.resolution}`;
  const sorted = told.durations.toSorted((one, other) => order(one).localeCompare(order(other)));
  const kinds = sorted.map((kind) => ({ ...kind, label: `${kind.quality} ${kind.resolution}${kind.operation === "edit" ? " edit" : ""}` }));
  const series = ["p50", "p95"].map((name) => ({ name, values: kinds.map((kind) => kind[`${name}_seconds`]) }));
  const note = `At the provider, of ${sum(kinds, (kind) => kind.jobs)} pictures so far; true to 5 %.`;
  return bars("Durations, by quality and resolution", kinds.map((kind) => kind.label), kinds.length ? series : [], { format: seconds, note });
}

function failures() {
  const counts = new Map();
  for (const { failures: found } of told.days) {
    for (const [code, count] of Object.entries(found)) counts.set(code, (counts.get(code) ?? 0) + count);
  }
  const sorted = [...counts].sort((one, other) => other[1] - one[1]);
  const series = sorted.length ? [{ name: "jobs", values: sorted.map(([, count]) => count) }] : [];
  return bars("Failures, by code", sorted.map(([code]) => code), series, { format: String, whole: true });
}

function tiles(me) {
  const { queue } = told;
  const [made, failed] = [sum(told.days, (day) => day.completed), sum(told.days, (day) => day.failed)];
  const left = [me.left_micro_usd, me.stack_left_micro_usd].filter((each) => each != null);
  const waiting = queue.waiting_normal + queue.waiting_low;
  const held = queue.breaker === "open" ? "The provider takes nothing now: jobs wait, and go on by themselves."
    : queue.paused_seconds > 1 ? `The next goes in ${seconds(queue.paused_seconds)}.` : "Nothing holds it.";
  return el("dl", { className: "tiles" },
    tile("Made", String(made), `${failed} failed`),
    tile("Spent", money(sum(told.days, (day) => day.spent_micro_usd)), `in ${days} days`),
    tile("Budget left today", left.length ? money(Math.min(...left)) : "No limit"),
    tile("In the queue", String(waiting), `${queue.in_flight} with the provider. ${held}`));
}

function chooser() {
  const options = CHOICES.map((count) => el("option", { value: count, selected: count === days }, `${count} days`));
  return el("label", { className: "days" }, "The last ",
    el("select", { id: "stats-days", onchange: (event) => { days = Number(event.target.value); load(); } }, options));
}

function draw(me) {
  const dates = calendar(told);
  shown.forEach((plot) => plot.stop());
  shown = [...spending(dates), durations(), failures()];
  by("stats").replaceChildren(
    el("div", { className: "stats-head" }, el("h1", { tabIndex: -1 }, "Stats"), chooser()),
    tiles(me), el("div", { className: "plots" }, shown.map((plot) => plot.figure)));
  shown.forEach((plot) => plot.start());
}

async function load() {
  try {
    const [found, me] = await Promise.all([api.get(`v1/stats?days=${days}`), api.get("v1/me")]);
    told = found;
    if (!by("stats").hidden) draw(me);
  } catch (error) {
    by("stats").replaceChildren(el("p", { className: "error", role: "alert" }, error.message));
  }
}

export function enter() {
  load();
}

export function leave() {
  shown.forEach((plot) => plot.stop());
  shown = [];
  by("stats").replaceChildren();
}
