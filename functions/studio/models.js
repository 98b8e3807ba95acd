// Other models: find one of WaveSpeed's, fill in its input, run it, and see what it made.
import * as api from "./api.js";
import * as catalogue from "./catalogue.js";
import { byId, duration, element, isOpen, loadError, secondsBetween, showText, statusLabel, usd } from "./dom.js";
import * as jobs from "./jobs.js";
import { clear, modelForm } from "./model_form.js";
import { output } from "./outputs.js";

const SEARCH_MS = 250;
const LONG_POLL_SECONDS = 20;
const RETRY_MS = 3000;
const MAX_RUNS = 12; // earlier jobs of the model on its page
const READ_ONLY = "This API key has the role read. Sign in with a key that has the role submit or admin.";
const GPT_IMAGE_2 = "openai/gpt-image-2/";
let generation = 0; // entering or leaving starts a new one; responses of earlier ones are dropped
let request = new AbortController();

const page = () => byId("models");
const path = (id) => `#/models/${id}`;
const priceOf = ({ price }) => (price === null ? "Price not known" : `from ${usd(price)}`);

// The list

function card(model) {
  const href = model.id.startsWith(GPT_IMAGE_2) ? "#/" : path(model.id);
  return element("li", { className: "model-card" }, element("a", { href },
    element("strong", {}, model.name), model.name === model.id ? null : element("span", { className: "mono" }, model.id),
    element("span", { className: "model-facts" }, model.type ? element("span", { className: "kind" }, model.type) : null, element("span", {}, priceOf(model))),
    model.description ? element("span", { className: "hint model-text" }, model.description) : null,
    model.problem ? element("span", { className: "error" }, model.problem) : null));
}

function showList(query) {
  const current = generation;
  const given = new URLSearchParams(query);
  const search = element("input", { type: "search", id: "model-text", maxLength: 200, placeholder: "Search models", value: given.get("text") ?? "" });
  const kind = element("select", { id: "model-type" }, element("option", { value: "" }, "Any type"));
  const status = element("p", { className: "hint", role: "status" }, "Loading…");
  const list = element("ul", { className: "model-list" });
  const more = element("button", { type: "button", className: "more", hidden: true }, "Show more models");
  let [timer, searches, next] = [0, 0, 1];
  let wanted = given.get("type") ?? "";

  async function load(isNextPage) {
    const number = searches += 1;
    const words = search.value.trim();
    if (!isNextPage) next = 1;
    try {
      const found = await catalogue.find({ text: words, type: wanted, page: next });
      if (number !== searches || current !== generation) return;
      kind.replaceChildren(element("option", { value: "" }, "Any type"),
        ...found.types.map((type) => element("option", { value: type, selected: type === wanted }, type)));
      if (!isNextPage) list.replaceChildren();
      list.append(...found.models.map(card));
      status.textContent = found.total ? `${found.total} ${found.total === 1 ? "model" : "models"}` : "No model matches. Try other words.";
      more.hidden = next * catalogue.PAGE_SIZE >= found.total;
      next += 1;
    } catch (error) {
      if (number !== searches || current !== generation) return;
      status.replaceChildren(loadError(error));
      if (!isNextPage) list.replaceChildren();
    }
  }

  function changed() {
    if (current !== generation) return; // the page was left before the timer
    const values = Object.entries({ text: search.value.trim(), type: wanted }).filter(([, value]) => value);
    history.replaceState(null, "", `#/models${values.length ? `?${new URLSearchParams(values)}` : ""}`);
    load(false);
  }

  search.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(changed, SEARCH_MS); });
  kind.addEventListener("change", () => { wanted = kind.value; changed(); });
  more.addEventListener("click", () => load(true));
  page().replaceChildren(
    element("div", { className: "models-head" }, element("h1", {}, "Models"),
      element("form", { className: "filters", role: "search", "aria-label": "Find a model", onsubmit: (event) => event.preventDefault() },
        element("label", { className: "visually-hidden", htmlFor: "model-text" }, "Words in the model's name or description"), search,
        element("label", { className: "visually-hidden", htmlFor: "model-type" }, "Type"), kind)),
    status, list, more);
  load(false);
}

// A run: a job of the model, followed until it has ended

function state(job) {
  const seconds = secondsBetween(job.timings.accepted_at, job.timings.ended_at ?? new Date());
  const expected = isOpen(job) && job.expected_seconds ? ` of about ${duration(job.expected_seconds)}` : "";
  return element("p", { className: "run-state" }, element("span", { className: `status ${job.status}` }, statusLabel(job)), ` ${duration(seconds)}${expected} · ${usd(job.estimated_cost_micro_usd)}`);
}

function contentOf(job) {
  if (isOpen(job)) return element("progress", { "aria-label": "Progress" });
  if (!job.assets.length) return element("p", { className: "hint" }, job.erasing_at ? "The content of this job was erased." : job.failure?.detail || job.failure?.message || "No output.");
  return job.assets.map((asset, index) => element("div", { className: "output" },
    output(asset, `${job.prompt}${job.assets.length > 1 ? `, ${index + 1}` : ""}`),
    element("a", { className: "button", href: asset.download_url || asset.url, download: asset.filename, target: "_blank", rel: "noopener" },
      `Download ${asset.filename.split(".").at(-1)}`)));
}

const titleOf = ({ input }) => [input.prompt, input.text].find((value) => value && typeof value === "string") ?? "Details";

function run(job) {
  return element("li", { className: "run", "data-job": job.job_id, "data-status": job.status }, contentOf(job), state(job),
    element("p", { className: "run-prompt", dir: "auto" }, element("a", { href: `#/jobs/${job.job_id}` }, titleOf(job))));
}

async function follow(job, node, current) {
  let latest = job;
  const ticker = setInterval(() => node.querySelector(".run-state").replaceWith(state(latest)), 1000);
  while (current === generation && isOpen(latest)) {
    try {
      const answer = await jobs.get(job.job_id, { wait: LONG_POLL_SECONDS, signal: request.signal, isLongPoll: true });
      if (current !== generation) break;
      const fresh = run(answer);
      node.replaceWith(fresh);
      [latest, node] = [answer, fresh];
    } catch (error) {
      if (error.name === "AbortError") break;
      await new Promise((resolve) => { setTimeout(resolve, RETRY_MS); });
    }
  }
  clearInterval(ticker);
  if (current === generation) document.dispatchEvent(new Event("budget-changed"));
}

// A model

async function showModel(id) {
  const current = generation;
  const [account, found] = await Promise.all([api.get("v1/me"), catalogue.one(id)].map((each) => each.catch((error) => error)));
  if (current !== generation) return;
  const isKnown = !(found instanceof Error);
  if (account instanceof Error || (!isKnown && found.status !== 503)) {
    page().replaceChildren(backLink(), loadError(isKnown ? account : found));
    return;
  }
  // Without the list, a person who knows the model can still send its input as JSON.
  const model = isKnown ? found : { id, name: id, type: "", description: "", price: null, problem: "", fields: [] };
  const runs = element("ul", { className: "runs" });
  const empty = element("p", { className: "hint" }, "The results of this model appear here.");
  const add = (job, isNew) => {
    const node = run(job);
    if (isNew) runs.prepend(node);
    else runs.append(node);
    empty.hidden = true;
    if (isOpen(job)) follow(job, node, current);
    return node;
  };
  const started = (job) => {
    const node = add(job, true);
    const { bottom, top } = node.getBoundingClientRect();
    if (top < 0 || bottom > innerHeight) node.scrollIntoView({ block: "center" }); // below the form on a small screen
  };
  page().replaceChildren(backLink(), element("div", { className: "model-page" },
    element("section", { className: "model-side" }, element("h1", {}, model.name),
      model.name === model.id ? null : element("p", { className: "mono" }, model.id),
      element("p", { className: "model-facts" }, model.type ? element("span", { className: "kind" }, model.type) : null, element("span", {}, priceOf(model))),
      model.description ? element("p", { className: "hint" }, model.description) : null,
      isKnown ? null : element("p", { className: "error", role: "alert" }, found.message),
      account.can_submit ? modelForm(model, started) : element("p", { className: "error" }, READ_ONLY)),
    element("section", { className: "runs-side", "aria-label": "Results" }, element("h2", {}, "Results"), empty, runs)));
  try {
    const earlier = await jobs.page(new URLSearchParams({ operation: "model", limit: 50 }));
    if (current !== generation) return;
    earlier.jobs.filter((job) => job.model === model.id && !runs.querySelector(`[data-job="${CSS.escape(job.job_id)}"]`))
      .slice(0, MAX_RUNS).forEach((job) => add(job, false));
  } catch (error) {
    if (current === generation) showText(empty, error.message);
  }
}

const backLink = () => element("p", { className: "back" }, element("a", { href: "#/models" }, "← All models"));

/** Show the list, or the model with this id. `query` has the filters of the list. */
export function enter(id, query) {
  generation += 1;
  request.abort();
  request = new AbortController();
  if (!id) return showList(query ?? "");
  page().replaceChildren(backLink(), element("p", { className: "hint" }, "Loading…"));
  showModel(decodeURIComponent(id));
}

export function leave() {
  generation += 1;
  request.abort();
  page().replaceChildren();
}

export { clear };
