// Dark and light theme: the system's, until the button selects one.
import { byId } from "./dom.js";

const STORAGE_KEY = "darkroom-theme";
const system = matchMedia("(prefers-color-scheme: dark)");
const current = () => localStorage.getItem(STORAGE_KEY) ?? (system.matches ? "dark" : "light");

function show() {
  const theme = current();
  document.documentElement.dataset.theme = theme;
  const other = theme === "dark" ? "light" : "dark";
  byId("theme").textContent = theme === "dark" ? "☀" : "☾";
  byId("theme").setAttribute("aria-label", `Use the ${other} theme`);
  byId("theme").title = `Use the ${other} theme`;
  document.dispatchEvent(new Event("theme"));
}

export function start() {
  byId("theme").addEventListener("click", () => {
    localStorage.setItem(STORAGE_KEY, current() === "dark" ? "light" : "dark");
    show();
  });
  system.addEventListener("change", show);
  show();
}
