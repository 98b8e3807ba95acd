"""The library of the studio: labels, filters, many images at once, and links for others."""

import re

from playwright.sync_api import APIResponse, Browser, Route, expect

from darkroom.domain.callers import Role
from tests.e2e.api_client import SMALL, ApiClient
from tests.e2e.deployment import Deployment
from tests.e2e.studio import Studio, shot


def create_images(deployment: Deployment, key: str, *prompts: str) -> list[str]:
    """Create images through the API; return the ids of their jobs."""
    with deployment.http_client(key) as client:
        api_client = ApiClient(client)
        created = [api_client.create_job(**SMALL | {"prompt": prompt}) for prompt in prompts]
        return [api_client.wait_for_status(job["job_id"])["job_id"] for job in created]


def test_selected_images_are_tagged_and_found_again(studio: Studio, deployment: Deployment) -> None:
    page = studio.page
    key = deployment.create_key("librarian")
    create_images(deployment, key, "A blue kite", "A red kite", "A green lamp", "A yellow lamp")
    studio.open(key)
    expect(page.locator(".card .frame.completed.loaded")).to_have_count(4)

    # Select a range, and tag it.
    page.get_by_label("Select: A yellow lamp").check()
    page.get_by_label("Select: A red kite").click(modifiers=["Shift"])
    bar = page.get_by_role("region", name="Selected images")
    expect(bar).to_contain_text("3 images selected")
    page.get_by_label("Select: A red kite").uncheck()
    shot(studio, "library-selection")
    assert studio.accessibility_violations() == []
    bar.get_by_role("button", name="Tags…").click()
    dialog = page.locator("dialog[open]")
    dialog.get_by_label("Add tags").fill("Lamps, web  shop")
    dialog.get_by_role("button", name="Save").click()
    expect(bar).to_contain_text("Tagged: 2 of 2.")
    expect(studio.card("A green lamp")).to_contain_text("#lamps #web shop")

    # The keyboard: x selects, Escape clears.
    page.keyboard.press("Escape")
    expect(bar).to_be_hidden()
    studio.card("A blue kite").locator(".shot > a").focus()
    page.keyboard.press("x")
    expect(bar).to_contain_text("1 image selected")
    bar.get_by_role("button", name="Favorite").click()
    expect(studio.card("A blue kite")).to_contain_text("★")
    bar.get_by_role("button", name="Clear").click()

    # Filters are in the address.
    page.get_by_text("More filters").click()
    page.get_by_label("Tag", exact=True).fill("lamps")
    expect(page.locator(".card")).to_have_count(2)
    expect(page).to_have_url(re.compile(r"#/\?tag=lamps$"))
    page.reload()
    expect(page.locator(".card")).to_have_count(2)
    page.get_by_label("From day").fill("2020-01-01")
    expect(page.locator(".card")).to_have_count(2)
    page.get_by_label("To day").fill("2020-01-02")
    expect(page.locator(".card")).to_have_count(0)
    page.get_by_role("button", name="Clear these filters").click()
    expect(page.locator(".card")).to_have_count(4)
    page.get_by_label("Favorites", exact=True).select_option("true")
    expect(page.locator(".card")).to_have_count(1)
    page.get_by_label("Favorites", exact=True).select_option("")
    expect(page.locator(".card")).to_have_count(4)

    assert studio.errors == []


def test_selected_images_are_downloaded_and_erased(studio: Studio, deployment: Deployment) -> None:
    page = studio.page
    key = deployment.create_key("cleaner")
    create_images(deployment, key, "A blue kite", "A green lamp", "A yellow lamp")
    studio.open(key)

    # The check box of a narrow image is not below its actions.
    shot_box = page.locator(".shot").first
    shot_box.evaluate("shot => { shot.style.width = '120px'; }")
    shot_box.hover()
    box = shot_box.locator(".select-box").bounding_box()
    actions = shot_box.locator(".hover-actions > *").first.bounding_box()
    assert box
    assert actions
    assert actions["y"] > box["y"] + box["height"]

    page.get_by_label("Select: A green lamp").check()
    page.get_by_label("Select: A yellow lamp").check()
    bar = page.get_by_role("region", name="Selected images")
    names: list[str] = []
    page.on("download", lambda download: names.append(download.suggested_filename))
    with page.expect_download(lambda _: len(names) == 2):
        bar.get_by_role("button", name="Download").click()
    expect(bar).to_contain_text("Downloaded: 2 of 2.")
    assert sorted(name.rpartition("-")[0] for name in names) == ["a-green-lamp", "a-yellow-lamp"]
    bar.get_by_role("button", name="Erase…").click()
    dialog = page.locator("dialog[open]")
    confirm = dialog.get_by_role("button", name="Erase")
    expect(confirm).to_be_disabled()
    dialog.get_by_label("Type erase").fill("erase")
    shot(studio, "library-erase")
    confirm.click()
    expect(page.locator("#selection-status")).to_have_text("Erased: 2 of 2.")
    expect(page.locator(".card", has_text="A green lamp")).to_have_count(0)
    expect(page.locator(".frame .no-image", has_text="Erased")).to_have_count(2)

    page.set_viewport_size({"width": 360, "height": 740})
    page.get_by_role("button", name="Use the dark theme").click()
    page.get_by_label("Select: A blue kite").check()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert studio.accessibility_violations() == []
    shot(studio, "library-phone")
    assert studio.errors == []


def test_list_that_was_read_before_a_change_does_not_undo_it(
    studio: Studio, deployment: Deployment
) -> None:
    page = studio.page
    key = deployment.create_key("marker")
    create_images(deployment, key, "A striped kite")
    studio.open(key)
    studio.wait_for_image("A striped kite")
    studio.open_job("A striped kite")
    held: list[tuple[Route, APIResponse]] = []
    lists = re.compile(r"/v1/jobs\?")
    page.route(lists, lambda route: held.append((route, route.fetch())), times=1)

    with page.expect_request(lists):
        page.get_by_role("link", name="← All images").click()  # reads the list
    card = studio.card("A striped kite")
    card.hover()
    card.get_by_role("button", name="Favorite").click()
    expect(card.get_by_role("button", name="Remove from favorites")).to_have_count(1)
    with page.expect_response(lists):  # the list is read again
        route, response = held[0]
        route.fulfill(response=response)

    expect(card.get_by_role("button", name="Remove from favorites")).to_have_count(1)
    assert studio.errors == []


def test_focus_stays_on_the_control_that_was_used(studio: Studio, deployment: Deployment) -> None:
    page = studio.page
    key = deployment.create_key("keyboarder")
    create_images(deployment, key, "A blue kite", "A red kite", "A green lamp")
    studio.open(key)
    studio.card("A green lamp").locator(".shot > a").press("Enter")
    job = page.locator("#job")
    next_image = job.get_by_role("link", name="Next image")
    next_image.press("Enter")
    expect(job.locator(".job-prompt")).to_have_text("A red kite")
    expect(next_image).to_be_focused()
    favorite = job.get_by_role("button", name="Favorite")
    favorite.press("Enter")
    expect(job.get_by_role("button", name="★ Favorite")).to_be_focused()
    job.get_by_role("button", name="Tags…").press("Enter")
    expect(page.locator("dialog[open]")).to_be_visible()
    page.keyboard.type("kites")
    page.keyboard.press("Enter")
    expect(job.get_by_role("link", name="#kites")).to_be_visible()
    expect(job.get_by_role("button", name="Tags…")).to_be_focused()
    job.get_by_role("button", name="Erase…").press("Enter")
    expect(page.locator("dialog[open]")).to_be_visible()
    page.keyboard.press("Escape")
    expect(job.get_by_role("button", name="Erase…")).to_be_focused()

    page.get_by_role("link", name="← All images").click()
    studio.card("A blue kite").locator(".shot > a").press("x")
    bar = page.get_by_role("region", name="Selected images")
    bar.get_by_role("button", name="Favorite").press("Enter")
    expect(bar).to_contain_text("Favorites: 1 of 1.")
    expect(bar.get_by_role("button", name="Favorite")).to_be_focused()
    page.get_by_role("link", name="Presets").press("Enter")
    page.locator("#presets").get_by_role("link", name="warmer-light").press("Enter")
    expect(page.locator("#presets").get_by_role("heading", name="warmer-light")).to_be_visible()
    expect(page.locator("#main")).to_be_focused()
    assert studio.errors == []


def test_image_is_shared_with_somebody_without_a_key_until_the_link_is_closed(
    studio: Studio, deployment: Deployment, browser: Browser
) -> None:
    page = studio.page
    key = deployment.create_key("sharer")
    create_images(deployment, key, "A secret kite")
    studio.open(key)
    studio.open_job("A secret kite")
    job = page.locator("#job")
    job.get_by_role("button", name="Favorite").click()
    expect(job.get_by_role("button", name="★ Favorite")).to_have_attribute("aria-pressed", "true")
    job.get_by_role("button", name="Share…").click()
    dialog = page.locator("dialog[open]")
    dialog.get_by_role("button", name="Create link").click()
    url = dialog.get_by_label("Link").input_value()
    shot(studio, "library-share")
    assert studio.accessibility_violations() == []
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    dialog.get_by_role("button", name="Copy link").click()
    expect(dialog.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == url
    dialog.get_by_role("button", name="Close").click()
    expect(job).to_contain_text("Shared by link until")

    context = browser.new_context()
    visitor = Studio(context.new_page(), deployment)
    visitor.page.goto(url)
    image = visitor.page.get_by_role("img", name="The shared image")
    assert image.evaluate("async (image) => { await image.decode(); return image.naturalWidth; }")
    assert "secret" not in visitor.page.locator("main").inner_text()
    assert visitor.accessibility_violations() == []
    shot(visitor, "library-shared")
    assert visitor.errors == []

    job.get_by_role("button", name="Close link").click()
    expect(job.get_by_role("button", name="Close link")).to_have_count(0)
    visitor.page.reload()
    expect(visitor.page.get_by_role("heading", name="This link is closed")).to_be_visible()
    shot(visitor, "library-closed")
    context.close()
    assert studio.errors == []


def test_admin_filters_by_caller_and_a_view_only_key_only_downloads(
    studio: Studio, deployment: Deployment
) -> None:
    page = studio.page
    create_images(deployment, deployment.create_key("library-painter"), "A painted chair")
    studio.open(deployment.create_key("curator", Role.ADMIN))
    page.get_by_text("More filters").click()
    page.get_by_label("Caller").fill("key:library-painter")
    expect(page.locator(".card")).to_have_count(1)
    expect(studio.card("A painted chair")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()

    studio.open(deployment.create_key("library-painter", Role.READ))
    page.get_by_label("Select: A painted chair").check()
    bar = page.get_by_role("region", name="Selected images")
    expect(bar.get_by_role("button")).to_have_text(["Select all shown", "Download", "Clear"])
    page.get_by_text("More filters").click()
    expect(page.get_by_label("Caller")).to_be_hidden()
    studio.open_job("A painted chair")
    expect(page.get_by_role("button", name="Share…")).to_have_count(0)
