// The page: sign-in, routing between views, and the connection banner.
import * as api from "./api.js";
import { byId, showText, usd } from "./dom.js";
import * as form from "./form.js";
import * as gallery from "./gallery.js";
import * as job from "./job.js";
import * as stats from "./stats.js";
import * as theme from "./theme.js";

const CONNECTION = {
  offline: "You are offline, or the deployment cannot be reached. Running jobs continue; this page reconnects automatically.",
  slow: "The deployment is slow to answer. Your request is not lost; please wait.",
};
const TITLES = { make: "Darkroom studio", job: "Job · Darkroom", stats: "Stats · Darkroom" };
const leave = { make: gallery.leave, job: job.leave, stats: stats.leave };
let openView = null;

function route() {
  if (!api.apiKey()) return;
  if (openView) leave[openView]();
  const jobMatch = /^#\/jobs\/([a-z0-9]+)$/.exec(location.hash);
  const view = jobMatch ? "job" : location.hash === "#/stats" ? "stats" : "make";
  for (const name of Object.keys(leave)) byId(name).hidden = name !== view;
  document.title = TITLES[view];
  for (const link of byId("views").children) {
    const isCurrent = link.hash === (view === "stats" ? "#/stats" : "#/");
    if (isCurrent) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  if (openView && openView !== view) {
    scrollTo(0, 0);
    byId("main").focus({ preventScroll: true });
  }
  openView = view;
  if (view === "job") job.enter(jobMatch[1]);
  else if (view === "stats") stats.enter();
  else gallery.enter();
}

function showAccount(account) {
  const limits = [account.left_micro_usd, account.stack_left_micro_usd].filter((limit) => limit != null);
  const remaining = limits.length ? Math.min(...limits) : null;
  showText(byId("left"), remaining === null ? "" : `${usd(remaining)} left today`);
  showText(byId("caller"), account.caller.replace(/^key:/, ""));
  byId("sign-out").hidden = byId("views").hidden = false;
  form.setAccount(account, remaining);
}

async function refreshAccount() {
  if (api.apiKey()) showAccount(await api.get("v1/me"));
}

function askForKey(error) {
  showText(byId("key-error"), error);
  if (!byId("key-dialog").open) byId("key-dialog").showModal();
}

function signOut(error = "") {
  api.removeKey();
  if (openView) leave[openView]();
  openView = null;
  for (const name of [...Object.keys(leave), "left", "caller", "sign-out", "views"]) byId(name).hidden = true;
  gallery.clear();
  byId("job").replaceChildren();
  askForKey(error);
}

async function signIn(key) {
  try {
    const account = await api.get("v1/me", { key });
    api.saveKey(key);
    byId("key").value = "";
    byId("key-dialog").close();
    await form.start();
    showAccount(account);
    route();
  } catch (error) {
    const isRejected = error.status === 401 || error.status === 403;
    askForKey(isRejected ? "This API key is unknown, expired or revoked. Check the key, or create a new one." : error.message);
    byId("key").focus();
  }
}

byId("key-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const key = byId("key").value.trim();
  if (!/^[\x21-\x7e]+$/.test(key)) askForKey("Enter an API key. It begins with dk_.");
  else signIn(key);
});
byId("key-dialog").addEventListener("cancel", (event) => event.preventDefault());
byId("sign-out").addEventListener("click", () => signOut());
addEventListener("hashchange", () => location.hash === "#main" || route());
addEventListener("offline", () => showText(byId("connection"), CONNECTION.offline));
addEventListener("online", () => { showText(byId("connection"), ""); if (openView === "make") gallery.refreshSoon(); });
document.addEventListener("budget-changed", () => refreshAccount().catch(() => {}));
api.on("connection", (state) => showText(byId("connection"), CONNECTION[state]));
api.on("unauthorized", () => signOut("Your API key has expired or was revoked. Enter another key."));

theme.start();
if (api.apiKey()) signIn(api.apiKey());
else askForKey("");
