"""Reference images dropped and pasted into the studio, and slow responses."""

import base64
import io

from PIL import ExifTags, Image
from playwright.sync_api import Route, expect

from tests.e2e.deployment import Deployment, png_image
from tests.e2e.studio import SECONDS, Studio

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
    expect(page.locator("#form-error")).to_contain_text(
        "notes.txt is not an image. Use PNG, JPEG or WebP."
    )
    transfer(studio, _DROP, b"", "photo.heic", "")
    expect(page.locator("#form-error")).to_have_text(
        "HEIC is not supported. Export photo.heic as JPEG."
    )
    transfer(studio, _DROP, 20_000_001, "big.png", "image/jpg")
    expect(page.locator("#form-error")).to_have_text("big.png is 20.1 MB; the limit is 20 MB.")
    expect(page.locator("#thumbs li")).to_have_count(2)

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


def test_form_stays_usable_while_an_image_loads(studio: Studio, deployment: Deployment) -> None:
    page = studio.page
    studio.open(deployment.create_key("patient"))
    routes: list[Route] = []
    page.route("**/0.png*", lambda route: routes.append(route))
    studio.submit("A slow boat")

    frame = studio.card("A slow boat").locator(".frame")
    expect(frame).to_have_class("frame completed", timeout=SECONDS)  # not loaded yet
    assert frame.bounding_box()["height"] > 100  # the layout keeps its space
    page.get_by_label("Prompt", exact=True).fill("Meanwhile something else")
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

    expect(page.locator("#connection")).to_contain_text("slow to answer", timeout=15_000)
    routes[0].continue_()
    studio.wait_for_image("Submitted slowly")
    expect(page.locator("#connection")).to_be_hidden()
    assert studio.errors == []
