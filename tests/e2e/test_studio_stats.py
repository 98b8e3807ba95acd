"""The stats page of the studio, on the deployed stack."""

import re

from playwright.sync_api import expect

from local.waiting import until
from tests.e2e.api_client import SMALL, ApiClient
from tests.e2e.deployment import Deployment
from tests.e2e.studio import Studio, shot


def spend(deployment: Deployment, key: str) -> None:
    """Run one low, one high and one rejected job, and wait until the stats contain all three."""
    with deployment.http_client(key) as client:
        api_client = ApiClient(client)
        requests = [
            {"prompt": "Counted, low"},
            {"prompt": "Counted, high", "quality": "high"},
            {"prompt": "Counted, rejected [[fault submit.http status=400]]"},
        ]
        for job in [api_client.create_job(**(SMALL | request)) for request in requests]:
            api_client.wait_for_status(job["job_id"])

        def counted() -> bool | None:
            days = client.get("/v1/stats").json()["days"]
            jobs = sum(day["completed"] + day["failed"] for day in days)
            return True if jobs == 3 else None

        until(counted, seconds=30, what="the recording of three jobs")


def test_stats_page_shows_spend_durations_and_failures(
    studio: Studio, deployment: Deployment
) -> None:
    key = deployment.create_key("counter", daily_budget_usd=5.0)
    spend(deployment, key)
    page = studio.page
    studio.open(key)

    page.get_by_role("link", name="Stats").click()

    expect(page.get_by_role("heading", name="Stats")).to_be_visible()
    spent = page.locator(".tile", has_text="Spent")
    expect(spent).to_contain_text("$0.23")
    expect(page.locator(".tile", has=page.get_by_text("Completed", exact=True))).to_contain_text(
        "1 failed"
    )
    queue = page.locator(".tile", has_text="Queue")
    expect(queue).to_contain_text(re.compile(r"\d+ waiting, \d+ generating"))
    expect(page.locator("figure canvas")).to_have_count(4)
    page.get_by_text("As a table").first.click()
    expect(page.get_by_role("row", name=re.compile(r"\$0\.23"))).to_be_visible()
    failures = page.locator("figure", has_text="Failures")
    failures.get_by_text("As a table").click()
    expect(failures.get_by_role("rowheader", name="Invalid request")).to_be_visible()
    today = page.locator(".tile", has=page.get_by_text("Today", exact=True))
    expect(today).to_contain_text("2 completed, 1 failed")
    failure = failures.get_by_role("link", name="Invalid request: 1")
    expect(failure).to_have_attribute("href", "#/?status=failed&code=invalid_request")
    page.get_by_text("As a table").first.click()
    assert studio.accessibility_violations() == []

    page.get_by_role("button", name="Use the dark theme").click()
    page.set_viewport_size({"width": 360, "height": 740})
    expect(page.locator("figure canvas")).to_have_count(4)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert studio.accessibility_violations() == []
    shot(studio, "stats-phone")
    page.locator("#stats-days").select_option("7")
    expect(spent).to_contain_text("in 7 days")
    failure.click()
    expect(page.locator(".card")).to_have_count(1)
    expect(studio.card("Counted, rejected")).to_be_visible()
    page.get_by_role("button", name="Invalid request").click()
    expect(page).to_have_url(re.compile("status=failed$"))
    assert studio.errors == []


def test_stats_page_without_jobs_shows_an_empty_state(
    studio: Studio, deployment: Deployment
) -> None:
    studio.open(deployment.create_key("newcomer"))
    studio.page.get_by_role("link", name="Stats").click()

    expect(studio.page.locator(".tile", has_text="Budget")).to_contain_text("No limit")
    expect(studio.page.get_by_text("No data yet.").first).to_be_visible()
    studio.page.get_by_role("link", name="Images", exact=True).click()
    expect(studio.page.get_by_role("heading", name="Images")).to_be_visible()
    assert studio.errors == []
