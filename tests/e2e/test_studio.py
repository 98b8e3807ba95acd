"""The studio in a browser, on the deployed stack, as a person uses it."""

import re

import pytest
from playwright.sync_api import Route, expect

from local.paths import ROOT
from tests.e2e.desk import Desk
from tests.e2e.studio import SECONDS, Studio, shot

PICTURE = ROOT / "docs" / "images" / "photograph.jpg"


def test_a_picture_and_its_edit_are_made_seen_and_made_again(studio: Studio, desk: Desk) -> None:
    page = studio.page
    studio.open(desk.key("painter", budget=1.0))
    expect(page.locator("#left")).to_have_text("$1.00 left today")
    studio.ask("A lighthouse in fog, at dawn")
    studio.made("A lighthouse in fog")

    page.locator("#files").set_input_files(PICTURE)
    expect(page.locator("#thumbs li:not(.busy)")).to_have_count(1)
    expect(page.locator("#price")).to_have_text("$0.03")
    studio.ask("Make the light warmer")
    studio.made("Make the light warmer")
    expect(page.locator("#left")).to_have_text("$0.96 left today")
    shot(studio, "gallery")

    studio.card("Make the light warmer").get_by_role("link").click()
    expect(page.get_by_role("img", name="Before")).to_be_visible()
    expect(page.locator(".timing-bar")).to_have_attribute("aria-label", re.compile("Provider"))
    shot(studio, "job")
    page.get_by_role("button", name="Edit again").click()
    expect(page.locator("#prompt")).to_have_value("Make the light warmer")
    expect(page.locator("#thumbs li")).to_have_count(1)
    studio.ask("Make the light warmer, once more")
    studio.made("once more")

    studio.card("A lighthouse in fog").get_by_role("link").click()
    page.get_by_role("button", name="Use as reference").click()
    studio.ask("The same tower by night")
    studio.made("The same tower by night")

    assert len(desk.posts("The same tower by night")) == 1
    assert studio.errors == []
    origin = studio.url.partition("/_aws")[0]
    assert {url for url in studio.hosts if not url.startswith((origin, "blob:"))} == set()


def test_what_is_not_looked_for_is_left_out(studio: Studio, desk: Desk) -> None:
    key = desk.key("seeker")
    with desk.http(key) as client:
        for prompt in ("A green door", "A red gate"):
            asked = {"operation": "text-to-image", "quality": "low", "prompt": prompt}
            assert client.post("/v1/jobs", json=asked).status_code == 202
    studio.open(key)
    expect(studio.page.locator(".card")).to_have_count(2)

    studio.page.get_by_label("Text in the prompt").fill("GREEN")

    expect(studio.page.locator(".card")).to_have_count(1)
    expect(studio.card("A green door")).to_be_visible()
    studio.page.get_by_label("Operation", exact=True).last.select_option("edit")
    expect(studio.page.get_by_text("No picture matches.")).to_be_visible()


def test_a_job_is_canceled_on_its_page(studio: Studio, desk: Desk) -> None:
    studio.open(desk.key("fickle"))
    studio.ask("Not wanted [[fault run.duration seconds=6]]")
    studio.card("Not wanted").get_by_role("link").click()

    studio.page.get_by_role("button", name="Cancel").click()

    told = studio.page.locator(".job-status .status")
    expect(told).to_have_text(re.compile("Cancel"))
    expect(told).to_have_text("Canceled", timeout=SECONDS)


def test_a_budget_that_is_spent_is_said_with_what_is_left(studio: Studio, desk: Desk) -> None:
    studio.open(desk.key("thin", budget=0.005))

    studio.ask("Too dear")

    expect(studio.page.locator("#form-error")).to_contain_text("$0.005 of $0.005 is left")
    expect(studio.page.locator("#price-note")).to_contain_text("more than")
    assert desk.posts("Too dear") == []


def test_a_key_that_is_not_known_is_said_and_opens_nothing(studio: Studio) -> None:
    studio.open("dk_nobody")

    expect(studio.page.locator("#key-error")).to_contain_text("not known here")
    expect(studio.page.locator("#make")).to_be_hidden()


def test_without_a_connection_the_page_says_so_and_goes_on_with_it(
    studio: Studio, desk: Desk
) -> None:
    studio.open(desk.key("traveller"))
    expect(studio.page.locator("#form")).to_be_visible()
    studio.page.context.set_offline(True)

    studio.ask("Sent from the train")

    expect(studio.page.locator("#connection")).to_contain_text("offline")
    expect(studio.page.locator("#form-error")).to_contain_text("cannot be reached")
    studio.page.context.set_offline(False)
    studio.page.get_by_role("button", name="Make the picture").click()
    studio.made("Sent from the train")
    assert len(desk.posts("Sent from the train")) == 1


def test_a_picture_that_does_not_come_is_said_in_words(studio: Studio, desk: Desk) -> None:
    studio.open(desk.key("patient"))

    def refuse(route: Route) -> None:
        route.abort()

    studio.page.route("**/0.png*", refuse)
    studio.ask("Lost on its way")

    expect(studio.card("Lost on its way")).to_contain_text("could not be loaded", timeout=SECONDS)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_nothing_keeps_anybody_out(studio: Studio, desk: Desk, theme: str) -> None:
    page = studio.page
    page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
    page.goto(studio.url)
    found = studio.serious()
    studio.open(desk.key(f"anybody-{theme}"))
    studio.ask("A bridge")
    studio.made("A bridge")
    found += studio.serious()
    page.set_viewport_size({"width": 360, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    shot(studio, f"phone-{theme}")
    studio.card("A bridge").get_by_role("link").click()
    expect(page.locator(".job")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    found += studio.serious()

    assert found == []
    assert studio.errors == []
