"""Page object of the studio: a browser tab, its errors, and the hosts that it contacts."""

from pathlib import Path
from typing import Any

from playwright.sync_api import ConsoleMessage, Locator, Page, expect

from local.paths import ROOT
from local.waiting import until
from tests.e2e.deployment import Deployment

AXE = ROOT / ".local" / "node" / "node_modules" / "axe-core" / "axe.min.js"
SHOTS = ROOT / "out"

expect.set_options(timeout=60_000)  # milliseconds; some expectations wait for a job


class Studio:
    """A tab with the studio. Records console errors and the URLs of all requests."""

    def __init__(self, page: Page, deployment: Deployment) -> None:
        self.page = page
        self.url = f"{deployment.stack.api_url}/"
        self.errors: list[str] = []
        self.hosts: set[str] = set()
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", self._record_error)
        page.on("request", lambda request: self.hosts.add(request.url.partition("?")[0]))

    def _record_error(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.errors.append(message.text)

    def open(self, key: str) -> None:
        self.page.goto(self.url)
        self.page.get_by_label("API key", exact=True).fill(key)
        self.page.get_by_role("button", name="Open", exact=True).click()

    @property
    def prompt(self) -> Locator:
        """The prompt of the form for new images. The form of a preset has a prompt too."""
        return self.page.locator("#form").get_by_label("Prompt", exact=True)

    def submit(self, prompt: str) -> None:
        self.prompt.fill(prompt)
        self.page.get_by_role("radio", name="Low").check(force=True)
        self.page.get_by_role("button", name="Generate", exact=True).click()

    def card(self, prompt: str) -> Locator:
        return self.page.locator(".card", has_text=prompt)

    def open_job(self, prompt: str) -> None:
        """Open the page of a job in the gallery."""
        self.card(prompt).locator(".shot > a").first.click()

    def wait_for_image(self, prompt: str) -> None:
        frame = self.card(prompt).locator(".frame.completed.loaded").first
        expect(frame).to_be_visible()

    def wait_until(self, condition: str) -> None:
        """Wait for a JavaScript condition. The CSP forbids the eval of `Page.wait_for_function`."""
        until(lambda: self.page.evaluate(condition) or None, seconds=60, what=condition)

    def accessibility_violations(self) -> list[str]:
        """The serious and critical violations that axe-core finds in the current view."""
        self.page.evaluate(AXE.read_text())
        script = "async () => (await axe.run()).violations"
        violations: list[dict[str, Any]] = self.page.evaluate(script)
        return [
            f"{violation['id']}: {node['html'][:120]}"
            for violation in violations
            if violation["impact"] in {"serious", "critical"}
            for node in violation["nodes"]
        ]


def shot(studio: Studio, name: str) -> Path:
    """Save a screenshot as out/studio-<name>.jpg."""
    SHOTS.mkdir(exist_ok=True)
    path = SHOTS / f"studio-{name}.jpg"
    studio.page.screenshot(path=path, type="jpeg", quality=82)
    return path
