"""The studio in a browser, on the deployed stack."""

import re

import pytest
from playwright.sync_api import Route, expect

from local.paths import ROOT
from tests.e2e.deployment import Deployment
from tests.e2e.studio import Studio, shot

PHOTOGRAPH = ROOT / "docs" / "images" / "photograph.jpg"


def test_image_is_generated_edited_and_used_as_reference(
    studio: Studio, deployment: Deployment
) -> None:
    page = studio.page
    studio.open(deployment.create_key("painter", daily_budget_usd=1.0))
    expect(page.locator("#left")).to_have_text("$1.00 left today")
    studio.submit("A lighthouse in fog, at dawn")
    studio.wait_for_image("A lighthouse in fog")

    page.locator("#files").set_input_files(PHOTOGRAPH)
    expect(page.locator("#thumbs li:not(.busy)")).to_have_count(1)
    expect(page.locator("#price")).to_have_text("$0.03")
    studio.submit("Make the light warmer")
    studio.wait_for_image("Make the light warmer")
    expect(page.locator("#left")).to_have_text("$0.96 left today")

    studio.open_job("Make the light warmer")
    before = page.get_by_role("img", name="Before")
    expect(before).to_be_visible()
    page.locator("#zoom").click()
    expect(before).to_have_count(0)
    page.locator("#zoom").click()
    expect(before).to_be_visible()
    expect(page.locator(".timing-bar")).to_have_attribute("aria-label", re.compile("Generating"))
    page.get_by_role("button", name="Edit again").click()
    expect(studio.prompt).to_have_value("Make the light warmer")
    expect(page.locator("#thumbs li")).to_have_count(1)
    studio.submit("Make the light warmer, once more")
    studio.wait_for_image("once more")

    studio.open_job("A lighthouse in fog")
    page.locator("#job").get_by_role("button", name="Use as reference").click()
    expect(studio.prompt).to_have_value("Make the light warmer, once more")
    expect(page.locator("#thumbs li")).to_have_count(2)
    studio.submit("The same tower by night")
    studio.wait_for_image("The same tower by night")

    assert len(deployment.submits_with("The same tower by night")) == 1
    assert studio.errors == []
    origin = studio.url.partition("/_aws")[0]
    assert {url for url in studio.hosts if not url.startswith((origin, "blob:"))} == set()


def test_filters_hide_other_jobs(studio: Studio, deployment: Deployment) -> None:
    key = deployment.create_key("seeker")
    with deployment.http_client(key) as client:
        for prompt in ("A green door", "A red gate"):
            request = {"operation": "text-to-image", "quality": "low", "prompt": prompt}
            assert client.post("/v1/jobs", json=request).status_code == 202
    studio.open(key)
    expect(studio.page.locator(".card")).to_have_count(2)

    studio.page.get_by_label("Text in the prompt").fill("GREEN")

    expect(studio.page.locator(".card")).to_have_count(1)
    expect(studio.card("A green door")).to_be_visible()
    studio.page.get_by_label("Operation", exact=True).last.select_option("edit")
    expect(studio.page.get_by_text("No images match the filters.")).to_be_visible()


def test_job_is_canceled_on_its_page(studio: Studio, deployment: Deployment) -> None:
    studio.open(deployment.create_key("fickle"))
    studio.submit("Not wanted [[fault run.duration seconds=15]]")
    studio.open_job("Not wanted")

    studio.page.locator("#job").get_by_role("button", name="Cancel").click()

    status = studio.page.locator(".job-status .status")
    expect(status).to_have_text(re.compile("Cancel"))
    expect(status).to_have_text("Canceled")


def test_exceeded_budget_is_shown_with_the_remaining_amount(
    studio: Studio, deployment: Deployment
) -> None:
    studio.open(deployment.create_key("thin", daily_budget_usd=0.005))

    studio.submit("Too dear")

    expect(studio.page.locator("#form-error")).to_contain_text("$0.005 is left today")
    expect(studio.page.locator("#price-note")).to_contain_text("More than")
    assert deployment.submits_with("Too dear") == []


def test_unknown_key_is_rejected(studio: Studio) -> None:
    studio.open("dk_unknown")

    expect(studio.page.locator("#key-error")).to_contain_text("unknown, expired or revoked")
    expect(studio.page.locator("#make")).to_be_hidden()


def test_offline_submission_succeeds_once_after_reconnecting(
    studio: Studio, deployment: Deployment
) -> None:
    studio.open(deployment.create_key("traveller"))
    expect(studio.page.locator("#form")).to_be_visible()
    studio.page.context.set_offline(True)

    studio.submit("Sent from the train")

    expect(studio.page.locator("#connection")).to_contain_text("offline")
    expect(studio.page.locator("#form-error")).to_contain_text("cannot be reached")
    studio.page.context.set_offline(False)
    studio.page.get_by_role("button", name="Generate", exact=True).click()
    studio.wait_for_image("Sent from the train")
    assert len(deployment.submits_with("Sent from the train")) == 1


def test_page_that_was_opened_offline_loads_after_reconnecting(
    studio: Studio, deployment: Deployment
) -> None:
    page = studio.page
    studio.open(deployment.create_key("tunnel"))
    expect(page.locator("#form")).to_be_visible()
    for name in ("Batches", "Models", "Presets", "Stats"):
        page.context.set_offline(True)
        page.get_by_role("link", name=name, exact=True).click()
        expect(page.locator(".load-error")).to_contain_text("cannot be reached")
        expect(page.get_by_role("button", name="Try again")).to_be_visible()
        page.context.set_offline(False)
        expect(page.get_by_role("heading", name=name, exact=True)).to_be_visible()
        expect(page.locator(".load-error")).to_have_count(0)


def test_image_that_fails_to_load_is_replaced_by_a_text(
    studio: Studio, deployment: Deployment
) -> None:
    studio.open(deployment.create_key("patient"))

    def refuse(route: Route) -> None:
        route.abort()

    studio.page.route("**/0.png*", refuse)
    studio.submit("Lost on its way")

    expect(studio.card("Lost on its way")).to_contain_text("could not be loaded")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_pages_are_accessible_and_fit_a_phone(
    studio: Studio, deployment: Deployment, theme: str
) -> None:
    page = studio.page
    page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
    page.goto(studio.url)
    violations = studio.accessibility_violations()
    studio.open(deployment.create_key(f"accessibility-{theme}"))
    studio.submit("A bridge")
    studio.wait_for_image("A bridge")
    violations += studio.accessibility_violations()
    page.set_viewport_size({"width": 390, "height": 780})
    assert page.locator("#views").evaluate("views => views.offsetHeight") < 50  # one row
    page.set_viewport_size({"width": 360, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    shot(studio, f"phone-{theme}")
    studio.open_job("A bridge")
    expect(page.locator(".job")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    violations += studio.accessibility_violations()

    assert violations == []
    assert studio.errors == []
