"""The stats page of the studio, on the deployed stack."""

import re

from playwright.sync_api import expect

from local.waiting import until
from tests.e2e.desk import Desk
from tests.e2e.shop import SMALL, Shop
from tests.e2e.studio import Studio, shot


def spend(desk: Desk, key: str) -> None:
    """Make pictures of two qualities and one that is refused, and have them counted."""
    with desk.http(key) as client:
        shop = Shop(client)
        asked = [
            {"prompt": "Counted, low"},
            {"prompt": "Counted, high", "quality": "high"},
            {"prompt": "Counted, refused [[fault submit.http status=400]]"},
        ]
        for job in [shop.accepted(**(SMALL | each)) for each in asked]:
            shop.until(job["job_id"])

        def counted() -> bool | None:
            days = client.get("/v1/stats").json()["days"]
            done = sum(day["completed"] + day["failed"] for day in days)
            return True if done == 3 else None

        until(counted, seconds=30, what="the counting of three jobs")


def test_it_plots_what_was_made_spent_and_refused(studio: Studio, desk: Desk) -> None:
    key = desk.key("counter", budget=5.0)
    spend(desk, key)
    page = studio.page
    studio.open(key)

    page.get_by_role("link", name="Stats").click()

    expect(page.get_by_role("heading", name="Stats")).to_be_visible()
    spent = page.locator(".tile", has_text="Spent")
    expect(spent).to_contain_text("$0.23")
    expect(page.locator(".tile", has_text="Made")).to_contain_text("1 failed")
    expect(page.locator("figure canvas")).to_have_count(4)
    page.get_by_text("As a table").first.click()
    expect(page.get_by_role("row", name=re.compile(r"\$0\.23"))).to_be_visible()
    failures = page.locator("figure", has_text="Failures")
    failures.get_by_text("As a table").click()
    expect(failures.get_by_role("rowheader", name="invalid_request")).to_be_visible()
    page.get_by_text("As a table").first.click()
    shot(studio, "stats")
    assert studio.serious() == []

    page.get_by_role("button", name="Use the dark theme").click()
    page.set_viewport_size({"width": 360, "height": 740})
    expect(page.locator("figure canvas")).to_have_count(4)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert studio.serious() == []
    shot(studio, "stats-phone")
    page.locator("#stats-days").select_option("7")
    expect(spent).to_contain_text("in 7 days")
    assert studio.errors == []


def test_before_anything_is_made_it_says_so(studio: Studio, desk: Desk) -> None:
    studio.open(desk.key("newcomer"))
    studio.page.get_by_role("link", name="Stats").click()

    expect(studio.page.locator(".tile", has_text="Budget")).to_contain_text("No limit")
    expect(studio.page.get_by_text("Nothing yet.").first).to_be_visible()
    studio.page.get_by_role("link", name="Pictures").click()
    expect(studio.page.get_by_role("heading", name="Pictures")).to_be_visible()
    assert studio.errors == []
