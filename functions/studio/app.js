// The page: who is signed in, which view is open, and what the connection is like.
import * as api from "./api.js";
import { by, money, say } from "./dom.js";
import * as form from "./form.js";
import * as gallery from "./gallery.js";
import * as job from "./job.js";
import * as stats from "./stats.js";
import * as theme from "./theme.js";

const CONNECTION = {
  offline: "You are offline, or the deployment cannot be reached. Open jobs go on; this page tries again.",
  slow: "The deployment is slow to answer. Nothing is lost; please wait.",
};
const TITLES = { make: "Darkroom studio", job: "A picture · Darkroom", stats: "Stats · Darkroom" };
const leave = { make: gallery.leave, job: job.leave, stats: stats.leave };
let open = null;

function route() {
  if (!api.key()) return;
  if (open) leave[open]();
  const found = /^#\/jobs\/([a-z0-9]+)$/.exec(location.hash);
  const page = found ? "job" : location.hash === "#/stats" ? "stats" : "make";
  for (const name of Object.keys(leave)) by(name).hidden = name !== page;
  document.title = TITLES[page];
  for (const link of by("views").children) {
    const isHere = link.hash === (page === "stats" ? "#/stats" : "#/");
    if (isHere) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  if (open && open !== page) {
    scrollTo(0, 0);
    by("main").focus({ preventScroll: true });
  }
  open = page;
  if (page === "job") job.enter(found[1]);
  else if (page === "stats") stats.enter();
  else gallery.enter();
}

function showMe(me) {
  const capped = [me.left_micro_usd, me.stack_left_micro_usd].filter((left) => left != null);
  const left = capped.length ? Math.min(...capped) : null;
  say(by("left"), left === null ? "" : `${money(left)} left today`);
  say(by("caller"), me.caller.replace(/^key:/, ""));
  by("sign-out").hidden = by("views").hidden = false;
  form.setAccount(me, left);
}

async function refreshMe() {
  if (api.key()) showMe(await api.get("v1/me"));
}

function askForKey(words) {
  say(by("key-error"), words);
  if (!by("key-dialog").open) by("key-dialog").showModal();
}

function signOut(words = "") {
  api.forget();
  if (open) leave[open]();
  open = null;
  for (const name of [...Object.keys(leave), "left", "caller", "sign-out", "views"]) by(name).hidden = true;
  gallery.clear();
  by("job").replaceChildren();
  askForKey(words);
}

async function enter(candidate) {
  try {
    const me = await api.get("v1/me", { as: candidate });
    api.keep(candidate);
    by("key").value = "";
    by("key-dialog").close();
    await form.start();
    showMe(me);
    route();
  } catch (error) {
    const bad = error.status === 401 || error.status === 403;
    askForKey(bad ? "This key is not known here, or has expired or been revoked." : error.message);
    by("key").focus();
  }
}

by("key-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const typed = by("key").value.trim();
  if (!/^[\x21-\x7e]+$/.test(typed)) askForKey("Type the key first: it begins with dk_.");
  else enter(typed);
});
by("key-dialog").addEventListener("cancel", (event) => event.preventDefault());
by("sign-out").addEventListener("click", () => signOut());
addEventListener("hashchange", () => location.hash === "#main" || route());
addEventListener("offline", () => say(by("connection"), CONNECTION.offline));
addEventListener("online", () => { say(by("connection"), ""); if (open === "make") gallery.wake(); });
document.addEventListener("money", () => refreshMe().catch(() => {}));
api.on("connection", (how) => say(by("connection"), CONNECTION[how]));
api.on("refused", () => signOut("The key has expired or been revoked: type another."));

theme.start();
if (api.key()) enter(api.key());
else askForKey("");
