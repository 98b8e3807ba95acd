"""Reference images dropped and pasted into the studio, slow responses, and jobs of any input."""

import base64
import io
import re
from typing import Any

from PIL import ExifTags, Image
from playwright.sync_api import Route, expect

from tests.e2e.deployment import Deployment, png_image
from tests.e2e.studio import Studio

# The transfer that a browser creates for a drag or a paste from another program.
_TRANSFER = """
  const bytes = typeof data === "number"
    ? new Uint8Array(data)
    : Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
  if (typeof data === "number") bytes.set([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  const transfer = new DataTransfer();
  transfer.items.add(new File([bytes], name, { type }));
"""
_DROP = f"""([data, name, type]) => {{{_TRANSFER}
  const target = document.getElementById("drop");
  for (const kind of ["dragover", "drop"]) {{
    const options = {{ dataTransfer: transfer, bubbles: true, cancelable: true }};
    target.dispatchEvent(new DragEvent(kind, options));
  }}
}}"""
_PASTE = f"""([data, name, type]) => {{{_TRANSFER}
  document.getElementById("prompt").dispatchEvent(
    new ClipboardEvent("paste", {{ clipboardData: transfer, bubbles: true, cancelable: true }}));
}}"""


def transfer(studio: Studio, script: str, data: bytes | int, name: str, kind: str) -> None:
    """Run the script with a file of these bytes, or a PNG of this number of bytes."""
    content = data if isinstance(data, int) else base64.b64encode(data).decode()
    studio.page.evaluate(script, [content, name, kind])


def turned_photograph() -> bytes:
    """Return a photograph of a camera that was held upright: 200 by 100 pixels, to be turned."""
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    file = io.BytesIO()
    Image.new("RGB", (200, 100), "teal").save(file, "JPEG", exif=exif)
    return file.getvalue()


def test_images_are_dropped_and_pasted_and_other_files_are_rejected(
    studio: Studio, deployment: Deployment
) -> None:
    page = studio.page
    studio.open(deployment.create_key("dropper"))
    expect(page.get_by_role("button", name="Generate", exact=True)).to_be_visible()

    transfer(studio, _DROP, png_image(), "dropped.png", "image/png")
    expect(page.get_by_role("radio", name="Edit")).to_be_checked()
    transfer(studio, _PASTE, turned_photograph(), "pasted", "")
    expect(page.locator("#thumbs li:not(.busy)")).to_have_count(2)
    transfer(studio, _DROP, b"text", "notes.txt", "text/plain")
    transfer(studio, _DROP, b"\0\0\0\x18ftypheic", "photo.heic", "")
    transfer(studio, _DROP, b"text", "text.png", "image/png")
    transfer(studio, _DROP, png_image()[:60], "half.png", "image/png")
    transfer(studio, _DROP, b"", "empty.png", "image/png")
    transfer(studio, _DROP, 20_000_001, "big.png", "image/jpg")
    expect(page.locator("#thumbs li.failed")).to_have_text(
        [
            re.compile("notes.txt is not an image. Use PNG, JPEG or WebP."),
            re.compile("This browser cannot read HEIC. Export photo.heic as JPEG, or use Safari."),
            re.compile("text.png is damaged, or not an image. Export it again."),
            re.compile("half.png is damaged, or not an image. Export it again."),
            re.compile("empty.png is empty."),
            re.compile("big.png is 20.1 MB; the limit is 20 MB."),
        ]
    )
    expect(page.locator("#thumbs li:not(.failed)")).to_have_count(2)

    studio.submit("Put both together")
    studio.wait_for_image("Put both together")
    with deployment.http_client(deployment.create_key("dropper")) as client:
        (job,) = client.get("/v1/jobs").json()["jobs"]
    sizes = []
    for reference in job["references"]:
        bucket, _, key = reference.removeprefix("s3://").partition("/")
        data = deployment.asset_bytes({"bucket": bucket, "key": key})
        with Image.open(io.BytesIO(data)) as image:
            sizes.append(image.size)
    assert sizes[1] == (100, 200)  # upright, as the browser shows it
    assert studio.errors == []


def test_prompt_is_shown_in_the_direction_of_its_script(
    studio: Studio, deployment: Deployment
) -> None:
    studio.open(deployment.create_key("calligrapher"))
    studio.submit("مدينة قديمة")

    expect(studio.prompt).to_have_css("direction", "rtl")
    caption = studio.card("مدينة قديمة").locator(".caption .prompt")
    expect(caption).to_have_css("direction", "rtl")
    studio.wait_for_image("مدينة قديمة")
    studio.open_job("مدينة قديمة")
    expect(studio.page.locator("#job .job-prompt")).to_have_css("direction", "rtl")


def test_long_prompt_scrolls_by_keyboard_on_the_page_of_its_job(
    studio: Studio, deployment: Deployment
) -> None:
    studio.open(deployment.create_key("novelist"))
    studio.submit("A long story. " * 200)
    studio.wait_for_image("A long story.")
    studio.open_job("A long story.")

    prompt = studio.page.locator("#job .job-prompt")
    expect(prompt).to_have_attribute("tabindex", "0")
    assert studio.accessibility_violations() == []


def test_form_stays_usable_while_an_image_loads(studio: Studio, deployment: Deployment) -> None:
    page = studio.page
    studio.open(deployment.create_key("patient-inputs"))
    routes: list[Route] = []
    page.route("**/0.png*", lambda route: routes.append(route))
    studio.submit("A slow boat")

    frame = studio.card("A slow boat").locator(".frame")
    expect(frame).to_have_class("frame completed")  # not loaded yet
    assert frame.evaluate("node => node.offsetHeight") > 100  # the layout keeps its space
    studio.prompt.fill("Meanwhile something else")
    expect(page.locator("#price")).to_contain_text("$")
    for route in routes:
        route.continue_()
    studio.wait_for_image("A slow boat")
    assert studio.errors == []


def test_slow_response_shows_a_banner_until_it_arrives(
    studio: Studio, deployment: Deployment
) -> None:
    page = studio.page
    studio.open(deployment.create_key("waiter"))
    expect(page.get_by_role("button", name="Generate", exact=True)).to_be_visible()
    routes: list[Route] = []
    page.route(
        "**/v1/jobs", lambda route: routes.append(route) if not routes else route.continue_()
    )
    studio.submit("Submitted slowly")

    expect(page.locator("#connection")).to_contain_text("slow to answer")
    routes[0].continue_()
    studio.wait_for_image("Submitted slowly")
    expect(page.locator("#connection")).to_be_hidden()
    assert studio.errors == []


# Values that a caller can give any field of another model's input.
HOSTILE: list[Any] = [
    1.5, 0, -1, True, None, "", "1:0", "0:0", "1:99", "x" * 5_000, [], [1.5, None], {},
    {"toString": 1}, {"length": 9}, "<img src=x onerror=alert(1)>", "javascript:alert(1)",
    "constructor", "__proto__",
]  # fmt: skip
FIELDS = ("prompt", "quality", "resolution", "aspect_ratio", "output_format", "images", "toString")


def test_jobs_of_any_input_are_shown_with_all_others(
    studio: Studio, deployment: Deployment
) -> None:
    """The jobs have real records, with the inputs replaced: foreign and full of odd values."""
    page = studio.page
    key = deployment.create_key("curious")
    with deployment.http_client(key) as client:
        for prompt in ("The first plain job", "The second plain job"):
            request = {"operation": "text-to-image", "quality": "low", "prompt": prompt}
            plain = client.post("/v1/jobs", json=request).json()
            deployment.wait_for_job(plain["job_id"])
            deployment.wait_for_thumbnail(plain["job_id"])
        plain = client.get(f"/v1/jobs/{plain['job_id']}").json()
    inputs = [dict.fromkeys(FIELDS, value) for value in HOSTILE] + [{"aspect_ratio": 1.5}]
    odd = {"operation": "model", "model": "acme/odd-1"}
    ended: dict[str, Any] = odd | {"status": "failed", "failure": {}, "assets": []}
    jobs = [plain | odd | {"input": values} for values in inputs]
    jobs += [plain | ended | {"input": values} for values in inputs]
    # Not even a defect of the API in one job affects the others.
    jobs += [plain | dict.fromkeys(plain, value) | {"status": "failed"} for value in HOSTILE]
    hostile = {f"odd{index}": job | {"job_id": f"odd{index}"} for index, job in enumerate(jobs)}

    def first_page(route: Route) -> None:
        url = route.request.url
        if "cursor=next" in url:
            return route.continue_(url=url.replace("&cursor=next", ""))
        return route.fulfill(json={"jobs": list(hostile.values()), "cursor": "next"})

    page.route(re.compile(r"/v1/jobs\?"), first_page)
    page.route(
        re.compile(r"/v1/jobs/odd\d+"),
        lambda route: route.fulfill(json=hostile[route.request.url.rpartition("/")[2]]),
    )
    page.on("dialog", lambda dialog: studio.errors.append(dialog.message))
    studio.open(key)

    expect(page.locator("[data-job^=odd]")).to_have_count(len(hostile))
    page.locator("#more").scroll_into_view_if_needed()
    expect(studio.card("The first plain job")).to_be_visible()
    expect(studio.card("The second plain job")).to_be_visible()
    for job_id in hostile:
        page.evaluate("id => { location.hash = `#/jobs/${id}`; }", job_id)
        expect(page.locator("#job .technical")).to_contain_text(job_id)
        again = page.locator("#job").get_by_role("button", name="Generate again")
        if again.count():
            again.click()
            expect(page.locator("#make")).to_be_visible()
    assert studio.errors == []
