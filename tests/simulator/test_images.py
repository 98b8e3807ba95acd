import base64
import hashlib
import io
from contextlib import closing
from itertools import combinations
from typing import Any

import pytest
from PIL import ExifTags, Image, ImageChops, ImageStat

from simulator.art.images import ImageSpec, paint
from simulator.catalog import RATIOS
from simulator.options import Setup
from simulator.sizes import LEAST_PIXELS, LONGEST_EDGE, MOST_PIXELS, ratio_size
from simulator.testing import running
from tests.simulator.client import EDIT, REFERENCE, Api

VISIBLE = 5  # of 255: two images that differ by less look alike


@pytest.mark.parametrize("resolution", ["1k", "2k", "4k"])
@pytest.mark.parametrize("ratio", RATIOS)
def test_every_ratio_gives_a_legal_size(ratio: str, resolution: str) -> None:
    width, height = ratio_size(ratio, resolution)

    assert width % 16 == height % 16 == 0
    assert max(width, height) <= LONGEST_EDGE
    assert max(width, height) <= 3 * min(width, height)
    assert LEAST_PIXELS <= width * height <= MOST_PIXELS


@pytest.mark.parametrize(
    ("inputs", "size", "megabytes"),
    [
        ({}, (1024, 1024), (0.7, 3)),
        ({"resolution": "4k", "quality": "high", "output_format": "jpeg"}, (2880, 2880), (1, 10)),
        ({"aspect_ratio": "3:1", "output_format": "webp"}, (1776, 592), (0.02, 3)),
    ],
)
def test_outputs_have_the_requested_size_and_format(
    api: Api, inputs: dict[str, Any], size: tuple[int, int], megabytes: tuple[float, float]
) -> None:
    done = api.run("A lighthouse at dusk", **inputs)
    response = api.download(done)

    form = inputs.get("output_format", "png")
    with Image.open(io.BytesIO(response.content)) as image:
        image.load()
        assert (image.format, image.size) == (form.upper(), size)
        assert done["id"] in str(image.getexif().get(0x010E))
    assert response.headers["content-type"] == f"image/{form}"
    assert megabytes[0] < len(response.content) / 1e6 < megabytes[1]


def difference(one: Image.Image, other: Image.Image) -> float:
    """Return the mean absolute difference of two images, reduced to 64 by 64 pixels, 0 to 255."""
    small = [image.convert("RGB").resize((64, 64)) for image in (one, other)]
    return sum(ImageStat.Stat(ImageChops.difference(*small)).mean) / 3


def test_twenty_images_of_one_prompt_are_all_different() -> None:
    images = [paint(ImageSpec("Tokyo", (192, 192), number=number)) for number in range(20)]

    assert min(difference(*pair) for pair in combinations(images, 2)) > VISIBLE


def test_a_second_simulator_with_the_same_seed_paints_the_same_images() -> None:
    series = []
    for seed in (7, 7, 8):
        with running(Setup(seed=seed)) as provider, closing(Api(provider)) as api:
            series.append([api.image(api.run("a lake")).tobytes() for _ in range(2)])

    assert series[0] == series[1]
    assert series[0][0] != series[0][1]
    assert not set(series[0]) & set(series[2])


@pytest.mark.parametrize("prompt", ["日本の山🦊", "x" * 3000, "word " * 6000, "\x00\u200b"])
def test_every_prompt_can_be_typeset(prompt: str) -> None:
    assert paint(ImageSpec(prompt, (592, 1776))).size == (592, 1776)


def test_edit_depends_on_the_reference_and_the_prompt(api: Api) -> None:
    references = [api.run(prompt, aspect_ratio="3:2") for prompt in ("A lighthouse", "A city")]
    prompts = ["make it pink", "make it pink", "a forest"]
    [lighthouse], [city] = (reference["outputs"] for reference in references)
    pink, city_pink, green = (
        api.image(api.run(prompt, EDIT, images=[url]))
        for prompt, url in zip(prompts, (lighthouse, city, lighthouse), strict=True)
    )

    before = api.image(references[0])
    for first, second in ((before, pink), (pink, city_pink), (pink, green)):
        assert first.size == second.size
        assert ImageStat.Stat(ImageChops.difference(first, second)).mean[0] > 8
    downloads = [request["path"] for request in api.provider.requests(origin="cdn", method="GET")]
    # Two edits and one download of this test.
    assert downloads.count(lighthouse.removeprefix(api.provider.cdn_url)) == 3


def test_edit_of_a_turned_photograph_is_upright(api: Api) -> None:
    api.provider.options(strict=False)  # takes data URIs
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6  # the camera was held upright
    file = io.BytesIO()
    Image.new("RGB", (320, 200), "red").save(file, "JPEG", exif=exif)

    done = api.run(
        "x", EDIT, images=[f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode()}"]
    )

    width, height = api.image(done).size
    assert height / width == pytest.approx(320 / 200, rel=0.02)


@pytest.mark.parametrize(
    "url",
    [
        "https://photos.example/missing.png",
        "https://photos.example/page.html",
        "http://127.0.0.1:9/refused.png",
        "{cdn}/output/unknown.png",
        "{api}/api/v3/balance",
    ],
)
def test_unreadable_reference_fails_the_prediction_with_1402(api: Api, url: str) -> None:
    reference = url.format(cdn=api.provider.cdn_url, api=api.provider.provider_url)

    done = api.run("x", EDIT, images=[REFERENCE, reference])

    assert (done["status"], done["code"]) == ("failed", 1402)
    assert "image 2" in done["error"]
    assert done["outputs"] == []


@pytest.fixture
def done(api: Api) -> dict[str, Any]:
    return api.run(quality="low")


def test_served_reports_hash_and_length_of_downloads(api: Api, done: dict[str, Any]) -> None:
    content = api.download(done).content

    [served] = api.provider.served()[done["outputs"][0].removeprefix(api.provider.cdn_url)]

    assert served == {
        "sha256": hashlib.sha256(content).hexdigest(),
        "length": len(content),
        "status": 200,
        "is_complete": True,
        "fault": None,
    }


def test_slow_fault_delays_or_throttles_a_download(api: Api, done: dict[str, Any]) -> None:
    size = len(api.download(done).content)
    api.provider.fault("cdn.slow", seconds=0.2)
    api.provider.fault("cdn.slow", seconds=0, bytes_per_second=3 * size)

    late, trickling = api.download(done), api.download(done)

    assert late.elapsed.total_seconds() > 0.2
    assert trickling.elapsed.total_seconds() > 0.3
    assert len(trickling.content) == size
