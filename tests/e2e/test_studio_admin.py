"""What an admin does in the studio: presets and their inbox folders, API keys, pause and resume."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import FilePayload, expect

from darkroom.adapters.s3.presets import KEY as PRESETS_KEY
from darkroom.domain.callers import Role
from local.paths import ROOT
from local.waiting import until
from tests.e2e.api_client import SMALL, ApiClient
from tests.e2e.deployment import Deployment
from tests.e2e.studio import Studio, shot

PHOTOGRAPH = ROOT / "docs" / "images" / "photograph.jpg"


@pytest.fixture
def admin(studio: Studio, deployment: Deployment) -> Iterator[Studio]:
    """The studio with an admin key. At the end, the shipped presets are used and nothing waits."""
    key = deployment.create_key("settings-boss", Role.ADMIN)
    studio.open(key)
    expect(studio.page.get_by_role("link", name="Keys")).to_be_visible()
    yield studio
    deployment.s3.delete_object(Bucket=deployment.stack.assets_bucket, Key=PRESETS_KEY)
    with deployment.http_client(key) as client:
        assert client.put("/v1/submits", json={"paused": False}).status_code == 200


def check_layout(studio: Studio, name: str) -> None:
    """Check accessibility in both themes, and that a phone needs no horizontal scrolling."""
    page = studio.page
    assert studio.accessibility_violations() == []
    shot(studio, name)
    page.get_by_role("button", name="Use the dark theme").click()
    assert studio.accessibility_violations() == []
    page.set_viewport_size({"width": 360, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    shot(studio, f"{name}-phone")
    page.set_viewport_size({"width": 1440, "height": 900})
    page.get_by_role("button", name="Use the light theme").click()


def unexpected_errors(studio: Studio) -> list[str]:
    """Return the errors but missing thumbnails: an admin's gallery has jobs of all other tests."""
    return [error for error in studio.errors if "404" not in error]


def confirm(studio: Studio, action: str) -> None:
    studio.page.get_by_role("dialog").get_by_role("button", name=action, exact=True).click()


def test_preset_is_made_from_the_form_changed_and_restored(
    admin: Studio, deployment: Deployment
) -> None:
    page = admin.page
    admin.prompt.fill("Turn the sky violet")
    page.get_by_role("radio", name="Low").check(force=True)
    page.get_by_role("button", name="Save as preset").click()
    page.get_by_label("Name, which is also").fill("violet sky")
    page.get_by_role("button", name="Save preset").click()
    expect(page.get_by_role("alert").filter(has_text="Enter a name")).to_be_visible()
    page.get_by_label("Name, which is also").fill("violet-sky")
    page.get_by_role("button", name="Save preset").click()

    card = page.locator(".preset", has_text="violet-sky")
    expect(card).to_contain_text("Turn the sky violet")
    expect(card).to_contain_text(re.compile(r"\$0\.\d\d"))
    expect(card).to_contain_text("settings-boss")
    card.get_by_role("link").click()
    page.locator("#presets").get_by_label("Prompt", exact=True).fill("Turn the sky green")
    page.get_by_role("button", name="Save preset").click()
    expect(card).to_contain_text("Turn the sky green")

    versions = page.locator("section", has_text="Versions").locator("tbody tr")
    expect(versions.first).to_contain_text("in use")
    count = versions.count()  # other tests of the stack have stored versions as well
    versions.nth(1).get_by_role("button", name="Restore").click()
    confirm(admin, "Restore")
    expect(card).to_contain_text("Turn the sky violet")
    expect(versions).to_have_count(count + 1)
    check_layout(admin, "presets")

    page.get_by_role("link", name="Images", exact=True).click()
    expect(page.locator("#preset option", has_text="violet-sky")).to_have_count(1)
    assert unexpected_errors(admin) == []


def test_changes_of_two_admins_are_not_overwritten(admin: Studio, deployment: Deployment) -> None:
    page = admin.page
    page.get_by_role("link", name="Presets").click()
    page.locator(".preset", has_text="clean-scan").get_by_role("link").click()
    description = page.locator("#presets").get_by_label("Description")
    description.fill("Mine")
    with deployment.http_client(deployment.create_key("other", Role.ADMIN)) as client:
        document = client.get("/v1/presets").json()
        presets = document["presets"]
        presets["clean-scan"]["description"] = "Theirs"
        body = {"version": document["version"], "presets": presets}
        assert client.put("/v1/presets", json=body).status_code == 200

    page.get_by_role("button", name="Save preset").click()

    expect(page.get_by_role("alert").filter(has_text="Someone else has changed")).to_be_visible()
    expect(description).to_have_value("Mine")
    page.get_by_role("button", name="Save preset").click()
    expect(page.locator(".preset", has_text="clean-scan")).to_contain_text("Mine")
    page.locator(".preset", has_text="clean-scan").get_by_role("link").click()
    page.get_by_text("Inbox and further steps").click()
    page.get_by_label("Daily budget of the folder").fill("-1")
    page.get_by_role("button", name="Save preset").click()
    expect(page.get_by_role("alert").filter(has_text="daily_budget_usd")).to_be_visible()
    page.get_by_role("button", name="Delete").click()
    confirm(admin, "Delete")
    expect(page.get_by_role("heading", name="Presets")).to_be_visible()
    expect(page.get_by_role("link", name="clean-scan")).to_have_count(0)

    # The presets that ship with Darkroom are the first version.
    first = page.locator("#presets tr", has_text="ships with Darkroom")
    first.get_by_role("button", name="Restore").click()
    confirm(admin, "Restore")
    expect(page.get_by_role("link", name="clean-scan")).to_have_count(1)
    expect(first.get_by_role("button", name="Restore")).to_be_focused()


def test_preset_is_tried_on_an_image_and_its_folder_shows_uploads(
    admin: Studio, deployment: Deployment
) -> None:
    page = admin.page
    version = deployment.put_to_inbox("warmer-light/beach.jpg", PHOTOGRAPH.read_bytes())
    deployment.wait_for_upload("warmer-light/beach.jpg", version)
    for key in ("warmer-light/notes.txt", "nowhere/beach.jpg"):
        deployment.wait_for_upload(key, deployment.put_to_inbox(key, b"text"))
    page.get_by_role("link", name="Presets").click()
    refused = page.locator(".upload", has_text="nowhere/beach.jpg")
    expect(refused).to_contain_text('The folder "nowhere" is not a preset.')

    page.get_by_role("link", name="warmer-light").click()
    folder = page.locator("section", has_text="Inbox folder warmer-light/")
    expect(folder.locator(".folder")).to_contain_text("warmer-light/beach.jpg")
    expect(folder.locator(".upload", has_text="warmer-light/notes.txt")).to_be_visible()
    trial = page.get_by_label("Image", exact=True)
    trial.set_input_files(FilePayload(name="moving.gif", mimeType="image/gif", buffer=b"GIF89a"))
    page.get_by_role("button", name=re.compile("Try for")).click()
    expect(page.get_by_text("GIF is not supported. Export moving.gif as JPEG.")).to_be_visible()
    trial.set_input_files(PHOTOGRAPH)
    page.get_by_role("button", name=re.compile(r"Try for \$0\.\d\d")).click()
    result = page.get_by_role("img", name="Result of the trial")
    expect(result).to_be_visible()
    admin.wait_until("[...document.images].every((image) => image.complete)")
    check_layout(admin, "preset")
    assert unexpected_errors(admin) == []


def test_key_is_created_copied_once_changed_and_revoked(
    admin: Studio, deployment: Deployment
) -> None:
    page = admin.page
    page.get_by_role("link", name="Keys").click()
    page.get_by_role("button", name="New key").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name", exact=True).fill("not a name")
    dialog.get_by_label("Expires after days").fill("7")
    dialog.get_by_role("button", name="Create key").click()
    expect(dialog.get_by_role("alert")).to_contain_text("name")
    dialog.get_by_label("Name", exact=True).fill("newsletter")
    dialog.get_by_label("Daily budget in USD").fill("2.5")
    assert admin.accessibility_violations() == []
    dialog.get_by_role("button", name="Create key").click()

    new_key = page.locator("#new-key")
    key = new_key.input_value()
    assert key.startswith("dk_")
    expect(page.get_by_role("dialog")).to_contain_text("shown only once")
    page.get_by_role("button", name="Done").click()
    row = page.locator("tr", has_text="newsletter")
    expect(row).to_contain_text("$0.00 of $2.50")
    expect(row.locator(".soon")).to_contain_text("in 6 days")
    expect(page.locator("tr", has_text="this key")).to_contain_text("settings-boss")
    with deployment.http_client(key) as client:
        assert client.get("/v1/me").json()["daily_budget_micro_usd"] == 2_500_000

    row.get_by_role("button", name="Change the budget of newsletter").click()
    page.get_by_role("dialog").get_by_label("USD per day").fill("4")
    page.get_by_role("button", name="Save budget").click()
    expect(row).to_contain_text("of $4.00")
    check_layout(admin, "keys")

    row.get_by_role("button", name=re.compile("Revoke the key")).click()
    expect(page.get_by_role("dialog")).to_contain_text("within 30 seconds")
    confirm(admin, "Revoke")
    expect(row).to_have_count(0)
    assert key not in page.content()
    assert all("400" in error for error in unexpected_errors(admin))  # the refused name


def test_submission_is_paused_and_resumed_for_all(admin: Studio, deployment: Deployment) -> None:
    page = admin.page
    page.get_by_role("link", name="Stats").click()
    page.get_by_role("button", name="Pause submission").click()
    confirm(admin, "Pause")
    banner = page.locator("#paused")
    expect(banner).to_contain_text("Submission is paused by settings-boss")
    expect(page.get_by_role("button", name="Pause submission")).to_be_hidden()
    assert admin.accessibility_violations() == []
    shot(admin, "paused")
    with deployment.http_client(deployment.create_key("waiting")) as client:

        def shown() -> bool | None:
            return client.get("/v1/stats").json()["queue"]["paused"] or None

        until(shown, seconds=30, what="the pause in the queue")
        assert client.put("/v1/submits", json={"paused": False}).status_code == 403
        api_client = ApiClient(client)
        job = api_client.create_job(**(SMALL | {"prompt": "After the pause"}))
        page.get_by_role("link", name="Images", exact=True).click()
        expect(banner).to_be_visible()
        banner.get_by_role("button", name="Resume").click()
        expect(banner).to_be_hidden()
        ended = api_client.wait_for_status(job["job_id"])
    assert ended["status"] == "completed"
    assert ended["timings"]["submitted_at"] is not None
    assert unexpected_errors(admin) == []


def test_other_keys_see_presets_and_no_settings(studio: Studio, deployment: Deployment) -> None:
    page = studio.page
    studio.open(deployment.create_key("guest"))

    page.get_by_role("link", name="Presets").click()

    expect(page.get_by_role("link", name="warmer-light")).to_be_visible()
    expect(page.get_by_role("link", name="Keys")).to_be_hidden()
    expect(page.get_by_role("link", name="New preset")).to_have_count(0)
    page.get_by_role("link", name="warmer-light").click()
    expect(page.get_by_label("Description")).to_be_disabled()
    expect(page.get_by_role("button", name="Save preset")).to_have_count(0)
    page.get_by_role("button", name="Use in the form").click()
    expect(studio.prompt).to_have_value(re.compile("Relight"))
    expect(page.get_by_role("button", name="Save as preset")).to_be_hidden()
    assert studio.errors == []
