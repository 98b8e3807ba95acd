"""The studio in a tab of a browser, and all that goes wrong in it."""

from pathlib import Path
from typing import Any

from playwright.sync_api import ConsoleMessage, Page, expect

from local.paths import ROOT
from tests.e2e.desk import Desk

AXE = ROOT / ".local" / "node" / "node_modules" / "axe-core" / "axe.min.js"
SHOTS = ROOT / "out"
SECONDS = 60_000  # a job's, in milliseconds


class Studio:
    """A tab with the studio, and all that went wrong in it or left the deployment."""

    def __init__(self, page: Page, desk: Desk) -> None:
        self.page = page
        self.url = f"{desk.stack.api_url}/"
        self.errors: list[str] = []
        self.hosts: set[str] = set()
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", self._note)
        page.on("request", lambda asked: self.hosts.add(asked.url.partition("?")[0]))

    def _note(self, said: ConsoleMessage) -> None:
        if said.type == "error":
            self.errors.append(said.text)

    def open(self, key: str) -> None:
        self.page.goto(self.url)
        self.page.get_by_label("API key").fill(key)
        self.page.get_by_role("button", name="Open", exact=True).click()

    def ask(self, prompt: str) -> None:
        self.page.get_by_label("Prompt", exact=True).fill(prompt)
        self.page.get_by_role("radio", name="Low").check(force=True)
        self.page.get_by_role("button", name="Make the picture").click()

    def card(self, prompt: str) -> Any:
        return self.page.locator(".card", has_text=prompt)

    def made(self, prompt: str) -> None:
        shown = self.card(prompt).locator(".frame.completed.loaded")
        expect(shown).to_be_visible(timeout=SECONDS)

    def serious(self) -> list[str]:
        """What axe-core finds serious or critical in what is shown."""
        self.page.evaluate(AXE.read_text())
        found: list[dict[str, Any]] = self.page.evaluate("async () => (await axe.run()).violations")
        return [
            f"{each['id']}: {node['html'][:120]}"
            for each in found
            if each["impact"] in {"serious", "critical"}
            for node in each["nodes"]
        ]


def shot(studio: Studio, name: str) -> Path:
    SHOTS.mkdir(exist_ok=True)
    path = SHOTS / f"studio-{name}.jpg"
    studio.page.screenshot(path=path, type="jpeg", quality=82)
    return path
