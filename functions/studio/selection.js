// Many images at once: check boxes in the gallery, and a bar with what can be done with the checked ones.
import { byId, element } from "./dom.js";
import * as form from "./form.js";
import * as gallery from "./gallery.js";
import * as jobs from "./jobs.js";
import { askErase, askTags } from "./labels.js";

const AT_ONCE = 4; // requests
const REVOKE_MS = 60_000; // after which the browser has taken over a download
const selected = new Set(); // job ids; those that the gallery does not show do not count
let anchor = null; // where a range begins
let isBusy = false;

const chosen = () => gallery.inOrder().filter((job) => selected.has(job.job_id));
const images = (count) => `${count} ${count === 1 ? "image" : "images"}`;

/** The check box of a job. With Shift, it checks the range since the last one. */
export const box = (job) => element("input", { type: "checkbox", className: "select-box", checked: selected.has(job.job_id), "data-select": job.job_id,
  "aria-label": `Select: ${job.prompt.slice(0, 80)}`, onclick: (event) => select(job.job_id, event.target.checked, event.shiftKey) });

function select(id, isOn, isRange) {
  const order = gallery.inOrder().map((job) => job.job_id);
  const [from, to] = [order.indexOf(anchor), order.indexOf(id)];
  const range = isRange && from >= 0 ? order.slice(Math.min(from, to), Math.max(from, to) + 1) : [id];
  for (const each of range) if (isOn) selected.add(each); else selected.delete(each);
  anchor = id;
  show();
}

export function clear() {
  selected.clear();
  anchor = null;
  show();
}

const say = (text) => { byId("selection-status").textContent = text; };

/** Show the bar and the check boxes as selected. */
export function show() {
  const list = chosen();
  const isHidden = !list.length && !isBusy;
  if (isHidden && byId("selection").contains(document.activeElement)) byId("main").focus({ preventScroll: true });
  byId("selection").hidden = isHidden;
  byId("selection-count").textContent = `${images(list.length)} selected`;
  byId("gallery").classList.toggle("selecting", list.length > 0);
  for (const each of byId("gallery").querySelectorAll(".select-box")) each.checked = selected.has(each.dataset.select);
  for (const button of byId("selection").querySelectorAll("button")) button.setAttribute("aria-disabled", isBusy); // and keeps the focus
  for (const id of ["selection-favorite", "selection-tag", "selection-erase"]) byId(id).hidden = !form.canSubmit();
}

/** Do something with each job, a few at once, and say how many succeeded and why others did not. */
async function withEach(list, name, action, atOnce = AT_ONCE) {
  const [waiting, problems] = [[...list], new Map()];
  let done = 0;
  isBusy = true;
  show();
  const worker = async () => {
    for (let job = waiting.shift(); job; job = waiting.shift()) {
      try {
        await action(job);
        done += 1;
      } catch (error) {
        problems.set(error.message, (problems.get(error.message) ?? 0) + 1);
      }
      say(`${name}: ${done} of ${list.length}`);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  isBusy = false;
  show();
  const reasons = [...problems].map(([text, count]) => `${images(count)} failed: ${text}`);
  say([`${name}: ${done} of ${list.length}.`, ...reasons].join(" "));
}

/** Save the files one after another. A page that saves several files may need the browser's permission. */
const download = (list) => withEach(list.filter((job) => job.assets.length), "Downloaded", async (job) => {
  for (const asset of job.assets) {
    const response = await fetch(asset.download_url, { cache: "no-store" }).catch(() => null);
    if (!response?.ok) throw new Error("the file could not be loaded. Reload the page.");
    const href = URL.createObjectURL(await response.blob());
    element("a", { href, download: asset.filename }).click();
    setTimeout(() => URL.revokeObjectURL(href), REVOKE_MS);
  }
}, 1);

async function tag(list) {
  const tags = await askTags(list);
  if (tags) await withEach(list, "Tagged", async (job) => gallery.take(await jobs.label(job.job_id, { tags: tags(job) })));
}

/** Mark all as favorites, or none if all are. */
const favor = (list) => {
  const favorite = !list.every((job) => job.favorite);
  return withEach(list, favorite ? "Favorites" : "No favorites", async (job) => gallery.take(await jobs.label(job.job_id, { favorite })));
};

async function erase(list) {
  if (!await askErase(list.length)) return;
  await withEach(list, "Erased", async (job) => {
    gallery.take(await jobs.erase(job.job_id));
    selected.delete(job.job_id);
  });
}

const actions = { "selection-download": download, "selection-favorite": favor, "selection-tag": tag, "selection-erase": erase };
for (const [id, action] of Object.entries(actions)) {
  byId(id).addEventListener("click", () => {
    if (isBusy) return;
    say("");
    action(chosen());
  });
}
byId("selection-all").addEventListener("click", () => { if (!isBusy) for (const job of gallery.inOrder()) selected.add(job.job_id); show(); });
byId("selection-none").addEventListener("click", () => { if (!isBusy) { say(""); clear(); } });
addEventListener("keydown", (event) => {
  if (byId("make").hidden || document.querySelector("dialog[open]") || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Escape" && selected.size && !isBusy) clear();
  const shot = event.target.closest?.(".shot");
  if (!shot || event.key.toLowerCase() !== "x" || event.target.matches("input[type=text]")) return;
  const { select: id } = shot.querySelector(".select-box").dataset;
  select(id, !selected.has(id), event.shiftKey);
});
