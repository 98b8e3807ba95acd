"""Other models in the studio: find one, fill in its form, run it, and see the result."""

import re

from playwright.sync_api import expect

from darkroom.domain.callers import Role
from local.paths import ROOT
from tests.e2e.deployment import Deployment
from tests.e2e.studio import Studio, shot

PHOTOGRAPH = ROOT / "docs" / "images" / "photograph.jpg"


def open_model(studio: Studio, words: str, name: str) -> None:
    studio.page.get_by_role("link", name="Models", exact=True).click()
    studio.page.get_by_label("Words in the model's name").fill(words)
    studio.page.get_by_role("link", name=name).click()


def test_speech_is_found_run_and_played(studio: Studio, deployment: Deployment) -> None:
    page = studio.page
    studio.open(deployment.create_key("speaker", daily_budget_usd=1.0))
    page.get_by_role("link", name="Models", exact=True).click()
    expect(page.get_by_text(re.compile(r"^\d+ models$"))).to_be_visible()
    assert studio.accessibility_violations() == []
    shot(studio, "models")
    open_model(studio, "audio", "minimax/speech-02-turbo")

    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.get_by_text("Enter text.")).to_be_visible()
    page.get_by_label("text", exact=True).fill("Three spoken words")
    page.get_by_label("speed, slider").fill("1.5")
    expect(page.get_by_text("$0.03", exact=True)).to_be_visible()
    page.get_by_role("button", name="Run", exact=True).click()

    expect(page.locator(".run audio")).to_be_visible()
    expect(page.get_by_role("link", name="Download wav")).to_be_visible()
    studio.wait_until("document.querySelector('audio').duration > 0")
    assert studio.accessibility_violations() == []
    shot(studio, "model")
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.get_by_role("heading", name="Same again for $0.03?")).to_be_visible()
    page.get_by_role("button", name="Cancel", exact=True).click()
    page.get_by_role("link", name="Three spoken words").click()
    expect(page.locator(".stage audio")).to_be_visible()
    page.get_by_role("button", name="Run again").click()
    expect(page.get_by_label("text", exact=True)).to_have_value("Three spoken words")
    expect(page.get_by_label("speed", exact=False).first).to_have_value("1.5")
    submits = deployment.submits_with("Three spoken words")
    assert len(submits) == 1
    page.set_viewport_size({"width": 360, "height": 740})
    page.get_by_role("button", name="Use the dark theme").click()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert studio.accessibility_violations() == []
    shot(studio, "model-phone")
    assert studio.errors == []


def test_files_are_uploaded_and_the_json_of_the_form_can_be_edited(
    studio: Studio, deployment: Deployment
) -> None:
    page = studio.page
    studio.open(deployment.create_key("upscaler"))
    open_model(studio, "upscaler", "image-upscaler")
    page.locator(".model-form input[type=file]").set_input_files(PHOTOGRAPH)
    expect(page.locator(".model-form .thumbs li:not(.busy)")).to_have_count(1)
    page.get_by_label("target resolution").select_option(label="2k")

    page.get_by_role("button", name="Edit as JSON").click()
    source = page.get_by_label("Input as JSON")
    expect(source).to_have_value(re.compile(r'"target_resolution": "2k"'))
    page.get_by_role("button", name="Edit as form").click()
    expect(page.get_by_label("target resolution")).to_have_value("0")
    page.get_by_role("button", name="Run", exact=True).click()

    image = page.locator(".run .output img")
    expect(image).to_be_visible()
    expect(image).to_have_js_property("naturalWidth", 2512)
    page.reload()
    expect(page.locator(".run .output img")).to_be_visible()
    expect(page.get_by_label("target resolution")).to_have_value("0")
    assert studio.errors == []


def test_text_and_svg_outputs_are_shown_without_running_them(
    studio: Studio, deployment: Deployment
) -> None:
    page = studio.page
    studio.open(deployment.create_key("speaker"))
    open_model(studio, "z-image", "z-image/turbo")
    for form in ("json", "svg"):
        prompt = f"Words <b>bold</b> [[fault run.output_file form={form}]]"
        page.get_by_label("prompt", exact=True).fill(prompt)
        page.get_by_role("button", name="Run", exact=True).click()

        newest = page.locator(".run").first
        expect(newest.locator(".status")).to_have_text("Completed")
        if form == "json":
            expect(newest.locator("pre")).to_contain_text("Words")
        else:
            expect(newest.get_by_role("img")).to_be_visible()
    assert studio.errors == []


def test_key_sees_only_its_models_and_a_reader_no_form(
    studio: Studio, deployment: Deployment
) -> None:
    studio.open(deployment.create_key("watcher", Role.READ, models=["minimax/*"]))
    studio.page.get_by_role("link", name="Models", exact=True).click()
    expect(studio.page.get_by_text("1 model", exact=True)).to_be_visible()
    studio.page.get_by_role("link", name="minimax/speech-02-turbo").click()

    expect(studio.page.locator("#models").get_by_text("has the role read")).to_be_visible()
    expect(studio.page.get_by_role("button", name="Run")).to_have_count(0)
    studio.page.goto(f"{studio.url}#/models/maker/none")
    expect(studio.page.get_by_role("alert")).to_contain_text("cannot use the model maker/none")
