"""References dropped and pasted into the studio, and pictures that are slow to come."""

import base64

from playwright.sync_api import Route, expect

from tests.e2e.desk import Desk, picture
from tests.e2e.studio import SECONDS, Studio

# What a browser makes of a drag or a paste from another program.
_TRANSFER = """
  const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
  const moved = new DataTransfer();
  moved.items.add(new File([bytes], name, { type }));
"""
_DROP = f"""([data, name, type]) => {{{_TRANSFER}
  const target = document.getElementById("drop");
  for (const kind of ["dragover", "drop"]) {{
    const told = {{ dataTransfer: moved, bubbles: true, cancelable: true }};
    target.dispatchEvent(new DragEvent(kind, told));
  }}
}}"""
_PASTE = f"""([data, name, type]) => {{{_TRANSFER}
  document.getElementById("prompt").dispatchEvent(
    new ClipboardEvent("paste", {{ clipboardData: moved, bubbles: true, cancelable: true }}));
}}"""


def give(studio: Studio, how: str, data: bytes, name: str, kind: str) -> None:
    studio.page.evaluate(how, [base64.b64encode(data).decode(), name, kind])


def test_pictures_can_be_dropped_and_pasted_and_nothing_else(studio: Studio, desk: Desk) -> None:
    page = studio.page
    studio.open(desk.key("dropper"))
    expect(page.get_by_role("button", name="Make the picture")).to_be_visible()

    give(studio, _DROP, picture(), "dropped.png", "image/png")
    expect(page.get_by_role("radio", name="Edit")).to_be_checked()
    give(studio, _PASTE, picture(200, 100), "pasted.png", "image/png")
    expect(page.locator("#thumbs li:not(.busy)")).to_have_count(2)
    give(studio, _DROP, b"text", "notes.txt", "text/plain")
    expect(page.locator("#form-error")).to_contain_text("notes.txt is no PNG, JPEG or WebP")
    expect(page.locator("#thumbs li")).to_have_count(2)

    studio.ask("Put both together")
    studio.made("Put both together")
    with desk.http(desk.key("dropper")) as client:
        (job,) = client.get("/v1/jobs").json()["jobs"]
    assert [each.startswith("s3://") for each in job["references"]] == [True, True]
    assert studio.errors == []


def test_a_picture_that_is_slow_to_load_keeps_nobody_waiting(studio: Studio, desk: Desk) -> None:
    page = studio.page
    studio.open(desk.key("patient"))
    held: list[Route] = []
    page.route("**/0.png*", lambda route: held.append(route))
    studio.ask("A slow boat")

    frame = studio.card("A slow boat").locator(".frame")
    expect(frame).to_have_class("frame completed", timeout=SECONDS)  # and not loaded
    assert frame.bounding_box()["height"] > 100  # its place is kept
    page.get_by_label("Prompt", exact=True).fill("Meanwhile something else")
    expect(page.locator("#price")).to_contain_text("$")
    for route in held:
        route.continue_()
    studio.made("A slow boat")
    assert studio.errors == []


def test_a_deployment_that_is_slow_to_answer_says_so_and_goes_on(
    studio: Studio, desk: Desk
) -> None:
    page = studio.page
    studio.open(desk.key("waiter"))
    expect(page.get_by_role("button", name="Make the picture")).to_be_visible()
    held: list[Route] = []
    page.route("**/v1/jobs", lambda route: held.append(route) if not held else route.continue_())
    studio.ask("Asked slowly")

    expect(page.locator("#connection")).to_contain_text("slow to answer", timeout=15_000)
    held[0].continue_()
    studio.made("Asked slowly")
    expect(page.locator("#connection")).to_be_hidden()
    assert studio.errors == []
