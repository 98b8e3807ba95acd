"""The batches of the studio: a sheet becomes images and a zip file, and a batch is canceled."""

import io
import json
import re
from typing import Any
from zipfile import ZipFile

import httpx
from playwright.sync_api import FilePayload, Route, expect

from darkroom.domain.callers import Role
from tests.e2e.deployment import Deployment
from tests.e2e.studio import Studio, shot

SHEET = """SKU,Product
sku-1,teapot
sku-2,kettle
sku-3,
sku-4,jug [[fault submit.http status=400]]
"""
# A file that a person drops on the page.
_DROP = """([name, text]) => {
  const transfer = new DataTransfer();
  transfer.items.add(new File([text], name));
  for (const kind of ["dragover", "drop"]) {
    const options = { dataTransfer: transfer, bubbles: true, cancelable: true };
    document.getElementById("batches").dispatchEvent(new DragEvent(kind, options));
  }
}"""


def file(name: str, text: str) -> FilePayload:
    return {"name": name, "mimeType": "", "buffer": text.encode()}


def assert_accessible_on_a_phone_and_in_the_dark(studio: Studio, name: str) -> None:
    """Check the current page in both themes, the second one at 360 pixels."""
    page = studio.page
    shot(studio, f"batches-{name}")
    assert studio.accessibility_violations() == []
    page.get_by_role("button", name="Use the dark theme").click()
    page.set_viewport_size({"width": 360, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert studio.accessibility_violations() == []
    shot(studio, f"batches-{name}-phone")
    page.get_by_role("button", name="Use the light theme").click()
    page.set_viewport_size({"width": 1440, "height": 900})


def test_sheet_becomes_images_and_a_zip_file(studio: Studio, deployment: Deployment) -> None:
    page = studio.page
    studio.open(deployment.create_key("batcher"))
    page.get_by_role("link", name="Batches").click()
    expect(page.get_by_text("No batches yet.")).to_be_visible()
    page.get_by_role("link", name="New batch").click()

    # The file, its columns and the prompt.
    page.locator("#batch-file").set_input_files(file("book.xlsx", "x"))
    expect(page.get_by_role("alert")).to_contain_text("Save the sheet as CSV")
    page.locator("#batch-file").set_input_files(file("autumn.csv", SHEET))
    expect(page.get_by_role("heading", name="4 rows")).to_be_visible()
    expect(page.locator("#batch-start")).to_have_text("Write a prompt first")
    page.get_by_role("textbox", name="Prompt").fill("A photo of ")
    page.get_by_role("button", name="Product", exact=True).click()
    page.get_by_label("Row id").select_option("SKU")
    page.get_by_role("radio", name="Low").check(force=True)
    start = page.get_by_role("button", name=re.compile(r"Start 3 rows for \$0\.03"))
    expect(start).to_be_visible()
    expect(page.get_by_role("row", name=re.compile(r'^4 Row 3: Column "Product" is empty')))
    expect(page.get_by_role("list").get_by_text("A photo of teapot", exact=True)).to_be_visible()
    assert_accessible_on_a_phone_and_in_the_dark(studio, "new")
    page.reload()
    expect(start).to_be_visible()  # nothing is lost

    # The batch.
    start.click()
    expect(page.locator(".job-status")).to_have_text("Completed")
    expect(page.locator(".tile", has_text="Completed")).to_contain_text("2 of 4")
    expect(page.locator("#batch-images li")).to_have_count(2)
    failed = page.get_by_role("region", name="Rows without an image")
    expect(failed.get_by_role("row", name=re.compile("sku-4"))).to_contain_text("Open")
    expect(page.get_by_role("link", name="Results as CSV")).to_be_visible()

    page.get_by_role("button", name=re.compile("Pack all images as zip")).click()
    link = page.get_by_role("link", name=re.compile("Download images"))
    expect(link).to_be_visible()
    data = httpx.get(str(link.get_attribute("href")), trust_env=False).raise_for_status().content
    assert ZipFile(io.BytesIO(data)).namelist() == ["sku-1.png", "sku-2.png"]
    assert_accessible_on_a_phone_and_in_the_dark(studio, "ended")

    page.get_by_role("button", name="Try 1 failed row again").click()
    expect(page.get_by_role("button", name=re.compile(r"Start 1 row for \$0\.01"))).to_be_visible()
    page.get_by_role("link", name="Batches", exact=True).click()
    expect(
        page.get_by_role("row", name=re.compile(r"^autumn\.csv Completed 2 of 4"))
    ).to_be_visible()
    assert_accessible_on_a_phone_and_in_the_dark(studio, "list")
    assert studio.errors == []


def test_list_keeps_older_batches_and_the_focus_while_a_batch_runs(
    studio: Studio, deployment: Deployment
) -> None:
    page = studio.page
    running = {"batch_id": "b1", "name": "new.csv", "status": "running", "rows": 2}
    ended = {
        "batch_id": "b2",
        "name": "old.csv",
        "status": "completed",
        "ended_at": "2026-01-01T00:00:00Z",
    }
    reads = 0

    def answer(route: Route) -> None:
        nonlocal reads
        if "cursor=" in route.request.url:
            route.fulfill(json={"batches": [ended], "cursor": None})
            return
        reads += 1
        progress = {"completed": min(reads - 1, 2)}
        route.fulfill(json={"batches": [running | {"progress": progress}], "cursor": "more"})

    page.route(re.compile(r"/v1/batches\?"), answer)
    studio.open(deployment.create_key("lister"))
    page.get_by_role("link", name="Batches").click()
    page.get_by_role("button", name="Show older batches").click()
    page.get_by_role("link", name="old.csv").focus()

    expect(page.get_by_role("row", name=re.compile("new.csv.*2 of 2"))).to_be_visible()

    expect(page.get_by_role("link", name="old.csv")).to_be_focused()


def test_running_batch_is_canceled_and_a_reader_only_looks(
    studio: Studio, deployment: Deployment
) -> None:
    key = deployment.create_key("canceler")
    rows: list[dict[str, Any]] = [
        {"prompt": f"Canceled {n} [[fault run.duration seconds=8]]", "quality": "low"}
        for n in range(40)
    ]
    page = studio.page
    studio.open(key)
    page.get_by_role("link", name="Batches").click()
    expect(page.get_by_text("No batches yet.")).to_be_visible()
    page.evaluate(_DROP, ["slow.jsonl", "\n".join(map(json.dumps, rows))])
    page.get_by_role("button", name=re.compile("Start 40 rows")).click()
    page.get_by_role("button", name="Cancel", exact=True).click()
    page.get_by_role("button", name="Cancel the batch").click()
    expect(page.locator(".job-status")).to_have_text(re.compile("Cancel"))
    expect(page.locator(".job-status")).to_have_text("Canceled")
    expect(page.get_by_role("heading", name=re.compile("rows without an image"))).to_be_visible()
    assert studio.errors == []

    page.get_by_role("button", name="Sign out").click()
    studio.open(deployment.create_key("canceler", Role.READ))
    page.get_by_role("link", name="Batches").click()
    page.get_by_role("link", name="slow.jsonl").click()
    expect(page.get_by_role("link", name="Results as CSV")).to_be_visible()
    expect(page.get_by_role("button", name=re.compile("Pack|Try|Cancel"))).to_have_count(0)
