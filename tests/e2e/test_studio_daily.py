"""What a person does every day in the studio: many images, drafts, the way back, comparisons."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from playwright.sync_api import Route, expect

from darkroom.domain.callers import Role
from tests.e2e.api_client import SMALL, ApiClient
from tests.e2e.deployment import Deployment, png_image
from tests.e2e.studio import Studio, shot


def test_second_tap_on_a_phone_asks_before_it_pays_again(
    studio: Studio, deployment: Deployment
) -> None:
    page = studio.page
    page.set_viewport_size({"width": 390, "height": 780})
    studio.open(deployment.create_key("tapper"))
    studio.prompt.fill("A kite over the beach")
    page.get_by_role("radio", name="Low").check(force=True)
    expect(page.locator("#price")).to_have_text("$0.01")

    studio.prompt.press("Control+Enter")

    expect(page.locator("#latest")).to_be_in_viewport()
    expect(page.locator("#latest")).to_contain_text("A kite over the beach")
    generate = page.get_by_role("button", name="Generate", exact=True)
    expect(generate).to_be_visible()
    generate.click()
    expect(page.get_by_role("heading", name="Same again for $0.01?")).to_be_visible()
    shot(studio, "again-phone")
    page.keyboard.press("Enter")  # the focus is on Cancel
    expect(page.locator("dialog[open]")).to_have_count(0)
    expect(page.locator("#latest")).to_contain_text("Completed")
    assert len(deployment.submits_with("A kite over the beach")) == 1
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    assert studio.errors == []


def test_variants_are_one_entry_and_a_draft_is_finished_at_high(
    studio: Studio, deployment: Deployment
) -> None:
    page = studio.page
    studio.open(deployment.create_key("chooser"))
    page.get_by_label("Number of images").select_option("4")
    studio.submit("A teapot with legs")

    card = studio.card("4 variants: A teapot with legs")
    expect(card.locator(".frame.completed.loaded")).to_have_count(4)
    expect(page.locator(".card")).to_have_count(1)
    expect(card.locator(".glance")).to_have_text("$0.04 · Low")
    shot(studio, "variants")
    studio.open_job("A teapot with legs")
    page.get_by_role("button", name="Finish at high").click()
    dialog = page.locator("dialog[open]")
    expect(dialog.get_by_role("heading")).to_have_text(
        re.compile(r"Finish at high for \$0\.2\d*\?")
    )
    dialog.get_by_role("button", name="Finish at high").click()
    facts = page.locator("#job .facts").first
    expect(facts).to_contain_text("high")
    expect(page.locator("#job .stage img")).to_be_visible()

    sources = set()
    for _ in range(4):  # the neighbours are other images
        before = page.url
        page.keyboard.press("ArrowRight")
        expect(page).not_to_have_url(before)
        shown = page.locator("#job:not([aria-busy])")
        expect(shown.locator(".technical")).to_contain_text(page.url.rpartition("/")[2])
        expect(shown.locator(".stage img")).to_be_visible()
        expect(facts).to_contain_text("low")
        sources.add(page.url)
        expect(page.locator("#job .turn a").first).to_be_visible()
    assert len(sources) == 4
    page.get_by_role("button", name="Compare…").click()
    page.locator(".choices button").first.click()
    expect(page.locator("#job .compare")).to_contain_text("Other")
    assert studio.accessibility_violations() == []
    page.get_by_role("button", name="Zoom").click()
    expect(page.locator(".stage.zoomed")).to_be_visible()
    assert len(deployment.submits_with("A teapot with legs")) == 5
    assert studio.errors == []


def test_chain_is_built_shown_and_resumed(studio: Studio, deployment: Deployment) -> None:
    page = studio.page
    studio.open(deployment.create_key("chainer"))
    page.get_by_role("radio", name="Low").check(force=True)
    page.get_by_role("button", name="Add a step").click()
    page.get_by_label("Then, step 2").fill("Make it winter [[fault run.hiccup times=1]]")
    expect(page.locator("#price")).to_have_text("$0.04")
    studio.submit("A boot on a rock")

    card = studio.card("Chain, 2 steps: A boot on a rock")
    expect(card.locator(".frame.failed")).to_be_visible()
    studio.open_job("A boot on a rock")
    chain = page.locator("#job .chain")
    expect(chain).to_contain_text("Failed $0.01 spent, of $0.04")
    expect(chain).to_contain_text("Step 2: WaveSpeed failed")
    expect(chain.locator("li", has_text="2. Make it winter")).to_contain_text("Failed")
    page.get_by_role("button", name="Resume the chain").click()
    expect(chain.locator(".chain-status")).to_contain_text("Completed")
    expect(chain.locator(".chain-steps img")).to_have_count(2)
    shot(studio, "chain")
    page.get_by_role("link", name="← All images").click()
    expect(card.locator(".frame.completed")).to_have_count(2)
    studio.prompt.fill("Something else")
    studio.open_job("A boot on a rock")
    page.locator("#job").get_by_role("button", name="Generate again").click()
    expect(studio.prompt).to_have_value("A boot on a rock")
    expect(page.get_by_label("Then, step 2")).to_have_value(re.compile("Make it winter"))
    assert studio.accessibility_violations() == []
    assert studio.errors == []


def test_filter_that_hides_a_step_does_not_change_the_length_of_the_chain(
    studio: Studio, deployment: Deployment
) -> None:
    key = deployment.create_key("step-counter")
    then = [{"prompt": "Make it winter"}, {"prompt": "Make it night"}]
    with deployment.http_client(key) as client:
        ApiClient(client).run_job(prompt="A boot", then=then)
    studio.open(key)
    expect(studio.card("Chain, 3 steps: A boot")).to_be_visible()

    studio.page.get_by_label("Operation", exact=True).select_option("edit")

    expect(studio.card("From a chain: Make it winter")).to_be_visible()
    expect(studio.card("steps:")).to_have_count(0)


def test_request_survives_a_reload_and_a_preset(
    studio: Studio, deployment: Deployment, tmp_path: Path
) -> None:
    page = studio.page
    studio.open(deployment.create_key("writer"))
    reference = tmp_path / "reference.png"
    reference.write_bytes(png_image())
    studio.prompt.fill("Words that took an hour")
    page.locator("#files").set_input_files(reference)
    expect(page.locator("#thumbs li:not(.busy)")).to_have_count(1)
    page.get_by_role("radio", name="High").check(force=True)

    page.reload()

    expect(studio.prompt).to_have_value("Words that took an hour")
    expect(page.get_by_role("radio", name="Edit")).to_be_checked()
    expect(page.get_by_role("radio", name="High")).to_be_checked()
    expect(page.locator("#thumbs li img:not(.broken)")).to_have_count(1)
    page.locator("#preset").select_option("warmer-light")
    expect(studio.prompt).not_to_have_value("Words that took an hour")
    page.get_by_role("button", name="Undo").click()
    expect(studio.prompt).to_have_value("Words that took an hour")
    expect(page.locator("#preset")).to_have_value("")
    expect(page.locator("#thumbs li")).to_have_count(1)
    page.get_by_role("link", name="Presets").click()
    page.locator("#presets").get_by_role("link", name="warmer-light").click()
    page.locator("#presets").get_by_role("button", name="Use in the form").click()
    expect(page.locator("#undo-text")).to_have_text("The form has the preset warmer-light.")
    expect(page.locator("#preset")).to_have_value("warmer-light")
    expect(page.locator("#thumbs li")).to_have_count(1)
    page.reload()
    expect(page.locator("#preset")).to_have_value("warmer-light")
    page.get_by_role("button", name="Sign out").click()
    studio.open(deployment.create_key("writer"))
    expect(studio.prompt).to_have_value("")
    assert studio.errors == []


def test_back_returns_to_the_filters_and_the_place_in_the_gallery(
    studio: Studio, deployment: Deployment
) -> None:
    page = studio.page
    key = deployment.create_key("scroller")
    with deployment.http_client(key) as client:
        api_client = ApiClient(client)
        jobs = [api_client.create_job(**(SMALL | {"prompt": f"Hill {n}"})) for n in range(14)]
        for job in jobs:
            api_client.wait_for_status(job["job_id"])
    page.set_viewport_size({"width": 900, "height": 500})
    studio.open(key)
    page.get_by_label("Text in the prompt").fill("hill")
    expect(page).to_have_url(re.compile(r"#/\?text=hill$"))
    expect(page.locator(".card")).to_have_count(14)
    page.locator("[data-job]").last.scroll_into_view_if_needed()
    studio.wait_until("history.state?.y === scrollY && scrollY > 300")
    place = page.evaluate("scrollY")
    studio.open_job("Hill 0")
    expect(page.locator("#job .job")).to_be_visible()
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#job .job-prompt")).to_have_text("Hill 1")

    page.go_back()

    expect(page.get_by_label("Text in the prompt")).to_have_value("hill")
    studio.wait_until(f"Math.abs(scrollY - {place}) < 3")
    page.reload()
    expect(page.locator(".card")).to_have_count(14)
    studio.wait_until(f"Math.abs(scrollY - {place}) < 3")
    assert studio.errors == []


def test_file_is_saved_under_its_name_and_opened_in_a_tab(
    studio: Studio, deployment: Deployment
) -> None:
    page = studio.page
    studio.open(deployment.create_key("file-keeper"))
    studio.submit("A clock without hands")
    studio.wait_for_image("A clock without hands")
    studio.open_job("A clock without hands")
    download = page.locator("#job").get_by_role("link", name="Download")
    # A browser ignores the attribute for another origin, such as S3: the response names the file.
    download.evaluate("link => link.removeAttribute('download')")

    with page.expect_download() as saved:
        download.click()

    assert re.fullmatch(r"a-clock-without-hands-\w{8}\.png", saved.value.suggested_filename)
    with page.expect_popup() as opened:
        page.locator("#job").get_by_role("link", name="Open").click()
    expect(opened.value.locator("img")).to_be_visible()


def test_link_signs_in_and_a_view_only_key_sees_no_form(
    studio: Studio, deployment: Deployment
) -> None:
    page = studio.page
    studio.open(deployment.create_key("visitor", Role.READ))
    expect(page.get_by_role("heading", name="Images")).to_be_visible()
    expect(page.locator("#form")).to_be_hidden()
    page.get_by_role("button", name="Sign out").click()
    page.goto("about:blank")

    key = deployment.create_key("link-guest")
    page.goto(f"{studio.url}#key={key}")
    expect(page.locator("#form")).to_be_visible()
    assert key not in page.evaluate("location.href + JSON.stringify(history.state)")
    page.go_back()
    page.go_forward()
    assert key not in page.url

    page.get_by_role("button", name="Sign out").click()
    page.get_by_label("API key", exact=True).fill(key)
    page.get_by_label("Stay signed in on this device").check()
    page.get_by_role("button", name="Open", exact=True).click()
    expect(page.locator("#form")).to_be_visible()
    other = page.context.new_page()
    other.goto(studio.url)
    expect(other.locator("#form")).to_be_visible()
    assert studio.errors == []


def test_waiting_and_generating_are_two_things(studio: Studio, deployment: Deployment) -> None:
    page = studio.page
    studio.open(deployment.create_key("queuer"))
    studio.submit("A patient heron [[fault submit.http status=429 retry_after=8 times=1]]")
    card = studio.card("A patient heron")
    expect(card).to_contain_text("WaveSpeed's rate limit is reached.")
    studio.open_job("A patient heron")
    expect(page.locator(".job-status")).to_contain_text("rate limit is reached")
    expect(page.locator(".job-status .status")).to_have_text("Completed")

    def queue(place: dict[str, Any], **changes: Any) -> None:
        def answer(route: Route) -> None:
            body = route.fetch().json()
            body["jobs"][0] |= {"status": "queued", "assets": [], "queue": place} | changes
            route.fulfill(json=body)

        page.unroute_all()
        page.route(re.compile(r"/v1/jobs\?"), answer)
        page.reload()

    page.get_by_role("link", name="← All images").click()
    queue({"position": 3, "wait_seconds": 19.2, "reason": None, "message": None})
    expect(card).to_contain_text("3rd in the queue, about 20 s")
    began = datetime.now(UTC) - timedelta(seconds=60)
    times = {"accepted_at": began.isoformat(), "submitted_at": began.isoformat()}
    queue({}, status="submitted", queue=None, expected_seconds=20.0, timings=times)
    expect(card).to_contain_text(re.compile(r"Generating, 6\d s: longer than usual"))

    def generating(route: Route) -> None:
        changes = {"status": "submitted", "assets": [], "expected_seconds": 20.0, "timings": times}
        route.fulfill(json=route.fetch().json() | changes)

    page.route(re.compile(r"/v1/jobs/\w+"), generating)
    studio.open_job("A patient heron")
    expect(page.locator(".job-status")).to_have_text(
        re.compile(r"^Generating 6\d s: longer than usual$")
    )
    assert studio.errors == []


def test_banner_says_on_every_page_why_jobs_wait(studio: Studio, deployment: Deployment) -> None:
    page = studio.page

    def answer(route: Route) -> None:
        body = route.fetch().json()
        body["queue"] |= {"reason": "insufficient_credits", "message": "WaveSpeed: out of credit."}
        route.fulfill(json=body)

    page.route(re.compile(r"/v1/stats"), answer)
    studio.open(deployment.create_key("reader"))
    for name in ("Images", "Stats", "Batches"):
        page.get_by_role("link", name=name, exact=True).click()
        expect(page.locator("#queue-banner")).to_have_text("WaveSpeed: out of credit.")
    assert studio.errors == []
