// Favorites, tags, links and erasure of jobs: the dialogs, and the part of a job's page.
import { byId, copyButton, element } from "./dom.js";
import * as jobs from "./jobs.js";

const MAX_TAG = 40; // characters
const ERASE_WORD = "erase";
const DURATIONS = [[1, "1 hour"], [24, "1 day"], [72, "3 days"], [168, "7 days"]];
const ERASED = "Deletes the images, the prompt, the references, the tags and the link, here and at WaveSpeed. Price and times are kept."
  + " This cannot be undone.";
const known = { tag: new Set(), preset: new Set(), model: new Set(), caller: new Set() };

/** Offer the values of a job in the inputs for tags and filters. */
export function learn(job) {
  const values = { tag: job.tags, preset: [job.preset.split("@")[0]], model: [job.model], caller: [job.caller] };
  for (const [name, list] of Object.entries(values)) {
    for (const value of list) {
      if (!value || known[name].has(value)) continue;
      known[name].add(value);
      byId(`known-${name}`).append(element("option", { value }));
    }
  }
}

/** Forget the values, which belong to a key. */
export function forget() {
  for (const [name, values] of Object.entries(known)) {
    values.clear();
    byId(`known-${name}`).replaceChildren();
  }
}

/** Show a dialog. Resolves to whether the person selected `action`. `ready` says whether it may be selected. */
function ask(title, content, action, { className = "primary", dismiss = element("button", { type: "button", onclick: (event) => event.target.closest("dialog").close("") }, "Cancel"), ready = () => true } = {}) {
  return new Promise((resolve) => {
    const button = element("button", { value: "yes", className, disabled: !ready() }, action);
    const dialog = element("dialog", { className: "confirm", "aria-labelledby": "ask-title",
      oninput: () => { button.disabled = !ready(); } },
    element("form", { method: "dialog" }, element("h2", { id: "ask-title" }, title), content,
      element("div", { className: "actions" }, dismiss, button)));
    dialog.addEventListener("close", () => { dialog.remove(); resolve(dialog.returnValue === "yes"); });
    document.body.append(dialog);
    dialog.showModal();
  });
}

const normal = (tag) => tag.normalize("NFC").toLowerCase().trim().replace(/\s+/g, " ");
const tagsOf = (text) => text.split(",").map(normal).filter(Boolean);

/** Ask for tags to add to jobs and to remove from them. Resolves to the new tags of each job, or to null. */
export async function askTags(list) {
  const present = [...new Set(list.flatMap((job) => job.tags))].sort();
  const input = element("input", { type: "search", id: "tags-to-add", autocomplete: "off", placeholder: "autumn, web shop" });
  input.setAttribute("list", "known-tag");
  const kept = present.map((tag) => element("input", { type: "checkbox", checked: true, value: tag }));
  const content = element("div", { className: "tag-form" }, element("label", { htmlFor: "tags-to-add" }, "Add tags, separated by commas"), input,
    present.length ? element("fieldset", {}, element("legend", {}, "Keep"),
      kept.map((box) => element("label", { className: "check" }, box, ` ${box.value}`))) : null);
  const title = list.length === 1 ? "Tags" : `Tags of ${list.length} images`;
  const isReady = () => tagsOf(input.value).every((tag) => tag.length <= MAX_TAG);
  if (!await ask(title, content, "Save", { ready: isReady })) return null;
  const removed = new Set(kept.filter((box) => !box.checked).map((box) => box.value));
  const added = tagsOf(input.value);
  return (job) => [...new Set([...job.tags.filter((tag) => !removed.has(tag)), ...added])];
}

/** Ask whether the content of jobs is to be deleted for good: the person types a word. */
export function askErase(count) {
  const input = element("input", { type: "search", id: "erase-word", autocomplete: "off" });
  const content = element("div", { className: "tag-form" }, element("p", {}, ERASED),
    element("label", { htmlFor: "erase-word" }, `Type ${ERASE_WORD} to confirm`), input);
  const title = count === 1 ? "Erase this image for good?" : `Erase ${count} images for good?`;
  return ask(title, content, "Erase", { className: "danger", ready: () => normal(input.value) === ERASE_WORD });
}

/** Ask for a duration, create a link, and show it once. */
async function share(job) {
  const select = element("select", { id: "share-hours" }, DURATIONS.map(([hours, name]) => element("option", { value: hours, selected: hours === 24 }, name)));
  const content = element("div", { className: "tag-form" },
    element("p", {}, `Everyone with the link can see the images, but not the prompt.${job.shared_until ? " The earlier link stops working." : ""}`),
    element("label", { htmlFor: "share-hours" }, "The link works for"), select);
  if (!await ask("Share by link", content, "Create link")) return null;
  const link = await jobs.share(job.job_id, Number(select.value));
  const field = element("input", { type: "text", id: "share-url", readOnly: true, value: link.url, onfocus: () => field.select() });
  const until = new Date(link.expires_at).toLocaleString();
  const shown = element("div", { className: "tag-form" }, element("p", {}, `It works until ${until}. Copy it now: it is shown only here.`),
    element("label", { htmlFor: "share-url" }, "Link"), field);
  const copy = copyButton("Copy link", link.url, { className: "primary", failed: "Press Ctrl+C", onfailure: () => field.focus() });
  await ask("Link created", shown, "Close", { className: "", dismiss: copy });
  return jobs.get(job.job_id);
}

/** Tags, and what a person does with a job to keep or to share it. `act(event, action)` runs an action of a button. */
export function section(job, { mayWrite, act, onchange }) {
  if (job.erasing_at) return null;
  const run = (action) => (event) => act(event, async () => {
    const changed = await action();
    if (changed) onchange(changed);
  });
  const button = (name, action, properties = {}) => element("button", { type: "button", className: "quiet", onclick: run(action), ...properties }, name);
  const editTags = async () => {
    const tags = await askTags([job]);
    return tags && jobs.label(job.job_id, { tags: tags(job) });
  };
  const erase = async () => (await askErase(1) ? jobs.erase(job.job_id) : null);
  const isEnded = job.status === "completed" || job.status === "failed";
  const isShared = job.shared_until !== null && Date.parse(job.shared_until) > Date.now();
  return element("div", { className: "labels" },
    job.tags.length ? element("ul", { className: "tags", "aria-label": "Tags" },
      job.tags.map((tag) => element("li", {}, element("a", { href: `#/?${new URLSearchParams({ tag })}` }, `#${tag}`)))) : null,
    isShared ? element("p", { className: "hint" }, `Shared by link until ${new Date(job.shared_until).toLocaleString()}.`) : null,
    mayWrite ? element("div", { className: "actions" },
      button(job.favorite ? "★ Favorite" : "☆ Favorite", () => jobs.label(job.job_id, { favorite: !job.favorite }), { id: "job-favorite", "aria-pressed": String(job.favorite) }),
      button("Tags…", editTags),
      job.assets.length ? button("Share…", () => share(job)) : null,
      isShared ? button("Close link", () => jobs.unshare(job.job_id)) : null,
      isEnded ? button("Erase…", erase, { className: "quiet danger" }) : null) : null);
}
