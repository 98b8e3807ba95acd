// The page: sign-in, routing between pages, and the connection banner.
import * as api from "./api.js";
import * as batches from "./batches.js";
import { byId, showText, usd } from "./dom.js";
import * as form from "./form.js";
import * as gallery from "./gallery.js";
import * as job from "./job.js";
import * as keys from "./keys.js";
import * as models from "./models.js";
import * as pause from "./pause.js";
import * as presets from "./presets.js";
import * as queue from "./queue.js";
import * as stats from "./stats.js";
import * as theme from "./theme.js";

const CONNECTION = {
  offline: "You are offline, or the deployment cannot be reached. Running jobs continue; this page reconnects automatically.",
  slow: "The deployment is slow to answer. Your request is not lost; please wait.",
};
const OTHER_KEY = "This link signs in with another API key than the one in use. Select Open to change the key.";
const REJECTED = "This API key is unknown, expired or revoked. Check the key, or create a new one.";
// The pages: each has a section with its name as id, and a module with `enter(...groups of the hash)` and `leave()`.
// The first page whose pattern matches the hash is shown.
const PAGES = [
  { name: "job", hash: /^#\/jobs\/([a-z0-9]+)$/, title: "Job · Darkroom", module: job },
  { name: "batches", hash: /^#\/batches(?:\/([a-z0-9]+))?$/, title: "Batches · Darkroom", module: batches },
  { name: "models", hash: /^#\/models(?:\/([^?]+))?(?:\?(.*))?$/, title: "Models · Darkroom", module: models },
  { name: "stats", hash: /^#\/stats$/, title: "Stats · Darkroom", module: stats },
  { name: "presets", hash: /^#\/presets(?:\/([\w.~-]+))?$/, title: "Presets · Darkroom", module: presets },
  { name: "keys", hash: /^#\/keys$/, title: "Keys · Darkroom", module: keys },
  { name: "make", hash: /^/, title: "Darkroom studio", module: gallery },
];
const KEEPS_PLACE = new Set(["make", "job"]); // the next job and the filters of the gallery replace a part of the page
let openPage = null;

const pageOf = (hash) => PAGES.find((page) => page.hash.test(hash));

function route() {
  if (!api.apiKey()) return;
  const page = pageOf(location.hash);
  openPage?.module.leave(openPage === page);
  for (const { name } of PAGES) byId(name).hidden = name !== page.name;
  document.title = page.title;
  for (const link of byId("views").children) {
    if (pageOf(link.hash) === page) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  if (openPage && (openPage !== page || !KEEPS_PLACE.has(page.name))) {
    scrollTo(0, 0);
    byId("main").focus({ preventScroll: true });
  }
  openPage = page;
  page.module.enter(...page.hash.exec(location.hash).slice(1));
}

function showAccount(account) {
  const limits = [account.left_micro_usd, account.stack_left_micro_usd].filter((limit) => limit != null);
  const remaining = limits.length ? Math.min(...limits) : null;
  showText(byId("left"), remaining === null ? "" : `${usd(remaining)} left today`);
  showText(byId("caller"), account.caller.replace(/^key:/, ""));
  byId("sign-out").hidden = byId("views").hidden = false;
  form.setAccount(account, remaining);
  byId("filter-caller-field").hidden = !account.can_read_all;
  byId("keys-link").hidden = account.role !== "admin";
  presets.setAccount(account);
  pause.setAccount(account);
  queue.start();
}

async function refreshAccount() {
  if (api.apiKey()) showAccount(await api.get("v1/me"));
}

function askForKey(error, key = "") {
  showText(byId("key-error"), error);
  if (key) byId("key").value = key;
  if (!byId("key-dialog").open) byId("key-dialog").showModal();
}

function signOut(error = "") {
  api.removeKey();
  openPage?.module.leave();
  openPage = null;
  for (const id of [...PAGES.map(({ name }) => name), "left", "caller", "sign-out", "views"]) byId(id).hidden = true;
  gallery.clear();
  presets.clear();
  queue.stop();
  if (!error) form.clear(); // a request survives the end of its key
  batches.clear({ hasDraft: Boolean(error) });
  if (!error) models.clear(); // a form survives the end of its key
  byId("job").replaceChildren();
  askForKey(error);
}

async function signIn(key, isRemembered) {
  try {
    const account = await api.get("v1/me", { key });
    api.saveKey(key, isRemembered);
    byId("key").value = "";
    byId("key-dialog").close();
    await form.start();
    showAccount(account);
    route();
  } catch (error) {
    const isRejected = error.status === 401 || error.status === 403;
    askForKey(isRejected ? REJECTED : error.message);
    byId("key").focus();
  }
}

/** The key of a sign-in link, `…/#key=dk_…`. It leaves the address and the history at once. */
function takeKeyFromLink() {
  const key = /^#key=([\x21-\x7e]+)$/.exec(location.hash)?.[1];
  if (key) history.replaceState(null, "", "#/");
  return key;
}

function start() {
  const [linked, current] = [takeKeyFromLink(), api.apiKey()];
  if (linked && current && linked !== current) askForKey(OTHER_KEY, linked);
  else if (linked ?? current) signIn(linked ?? current, api.isRemembered());
  else askForKey("");
}

byId("key-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const key = byId("key").value.trim();
  if (!/^[\x21-\x7e]+$/.test(key)) askForKey("Enter an API key. It begins with dk_.");
  else signIn(key, byId("remember").checked);
});
byId("key-dialog").addEventListener("cancel", (event) => event.preventDefault());
byId("sign-out").addEventListener("click", () => signOut());
addEventListener("hashchange", () => {
  if (location.hash.startsWith("#key=")) start();
  else if (location.hash !== "#main") route();
});
addEventListener("offline", () => showText(byId("connection"), CONNECTION.offline));
addEventListener("online", () => {
  showText(byId("connection"), "");
  if (openPage?.name === "make") gallery.refreshSoon();
  else if (openPage && byId(openPage.name).querySelector(".load-error")) route();
});
document.addEventListener("budget-changed", () => refreshAccount().catch(() => {}));
api.on("connection", (state) => showText(byId("connection"), CONNECTION[state]));
api.on("unauthorized", () => signOut("Your API key has expired or was revoked. Enter another key."));

// The form is as high as the window below the header and its banners.
new ResizeObserver(() => document.documentElement.style.setProperty("--top", `${byId("top").offsetHeight}px`)).observe(byId("top"));

theme.start();
presets.start();
pause.start();
start();
