// Dark and light: as the system says, until the button says otherwise.
import { by } from "./dom.js";

const STORED = "darkroom-theme";
const system = matchMedia("(prefers-color-scheme: dark)");
const current = () => localStorage.getItem(STORED) ?? (system.matches ? "dark" : "light");

function show() {
  const theme = current();
  document.documentElement.dataset.theme = theme;
  const other = theme === "dark" ? "light" : "dark";
  by("theme").textContent = theme === "dark" ? "☀" : "☾";
  by("theme").setAttribute("aria-label", `Use the ${other} theme`);
  by("theme").title = `Use the ${other} theme`;
  document.dispatchEvent(new Event("theme"));
}

export function start() {
  by("theme").addEventListener("click", () => {
    localStorage.setItem(STORED, current() === "dark" ? "light" : "dark");
    show();
  });
  system.addEventListener("change", show);
  show();
}
