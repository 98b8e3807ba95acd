import io
import time
from typing import Any

import pytest
from PIL import Image, ImageChops, ImageStat

from local.provider.art.pictures import Brief, paint, write
from local.provider.catalog import RATIOS
from local.provider.sizes import LEAST_PIXELS, LONGEST_EDGE, MOST_PIXELS, ratio_size, shape_size
from tests.simulator.client import EDIT, PICTURE, Api


@pytest.mark.parametrize("resolution", ["1k", "2k", "4k"])
@pytest.mark.parametrize("ratio", RATIOS)
def test_every_ratio_has_a_legal_size(ratio: str, resolution: str) -> None:
    width, height = ratio_size(ratio, resolution)

    assert width % 16 == height % 16 == 0
    assert max(width, height) <= LONGEST_EDGE
    assert max(width, height) <= 3 * min(width, height)
    assert LEAST_PIXELS <= width * height <= MOST_PIXELS


@pytest.mark.parametrize("resolution", ["1k", "2k", "4k"])
def test_any_reference_has_a_legal_size(resolution: str) -> None:
    for step in range(1, 1000):
        width, height = shape_size(0.005 * step, resolution)
        assert max(width, height) <= min(LONGEST_EDGE, 3 * min(width, height))
        assert LEAST_PIXELS <= width * height <= MOST_PIXELS


@pytest.mark.parametrize(
    ("inputs", "size", "megabytes"),
    [
        ({}, (1024, 1024), (0.7, 3)),
        ({"aspect_ratio": "4:3"}, (1536, 1024), (0.7, 4)),
        ({"resolution": "2k", "aspect_ratio": "4:5"}, (1824, 2288), (2, 8)),
        ({"resolution": "4k", "quality": "high"}, (2880, 2880), (4, 12)),
        ({"resolution": "4k", "quality": "high", "output_format": "jpeg"}, (2880, 2880), (1, 10)),
        ({"resolution": "4k", "quality": "high", "output_format": "webp"}, (2880, 2880), (1, 10)),
        ({"quality": "low", "aspect_ratio": "3:1"}, (1776, 592), (0.5, 3)),
    ],
)
def test_outputs_are_real_pictures_of_the_size_asked_for(
    api: Api, inputs: dict[str, Any], size: tuple[int, int], megabytes: tuple[float, float]
) -> None:
    done = api.run("A lighthouse at dusk", **inputs)
    reply = api.download(done)

    form = inputs.get("output_format", "png")
    with Image.open(io.BytesIO(reply.content)) as image:
        image.load()
        assert (image.format, image.size) == (form.upper(), size)
        assert done["id"] in str(image.getexif().get(0x010E))
    assert reply.headers["content-type"] == f"image/{form}"
    assert megabytes[0] < len(reply.content) / 1e6 < megabytes[1]


def test_the_same_prompt_and_seed_paint_the_same_pixels() -> None:
    one, same, other = (
        paint(Brief(prompt, (512, 512))) for prompt in ("A fox", "A fox", "A heron")
    )

    assert one.tobytes() == same.tobytes()
    assert one.tobytes() != other.tobytes()


def test_painting_is_fast() -> None:
    began = time.process_time()
    write(paint(Brief("A fox", (2880, 2880), quality="high")), io.BytesIO(), "png", "high", "x")

    assert time.process_time() - began < 2.5


@pytest.mark.parametrize(
    "prompt", ["日本の山", "🦊", "x" * 3000, "word " * 6000, "\x00\u200b", "a\nb"]
)
def test_any_prompt_can_be_typeset(prompt: str) -> None:
    assert paint(Brief(prompt, (592, 1776))).size == (592, 1776)


def test_an_edit_visibly_changes_the_reference_that_was_fetched(api: Api) -> None:
    references = [api.run(prompt, aspect_ratio="3:2") for prompt in ("A lighthouse", "A city")]
    wishes = ["make it pink", "make it pink", "a forest"]
    [lighthouse], [city] = (each["outputs"] for each in references)
    pink, city_pink, green = (
        api.picture(api.run(wish, EDIT, images=[url]))
        for wish, url in zip(wishes, (lighthouse, city, lighthouse), strict=True)
    )

    before = api.picture(references[0])
    for one, other in ((before, pink), (pink, city_pink), (pink, green)):
        assert one.size == other.size
        assert ImageStat.Stat(ImageChops.difference(one, other)).mean[0] > 8
    downloads = [each["path"] for each in api.provider.requests(origin="cdn", method="GET")]
    # Two edits and this test.
    assert downloads.count(lighthouse.removeprefix(api.provider.cdn_url)) == 3


def test_an_edit_takes_its_shape_from_the_reference_unless_told(api: Api) -> None:
    free = api.picture(api.run("x", EDIT, images=[PICTURE]))
    told = api.picture(api.run("x", EDIT, images=[PICTURE], aspect_ratio="9:16"))

    assert free.size == (1184, 880)
    assert told.size == (768, 1360)


def test_sixteen_references_are_all_seen(api: Api) -> None:
    urls = [f"https://photos.example/{n}.jpg" for n in range(16)]
    few = api.picture(api.run("x", EDIT, images=urls[:1]))
    many = api.picture(api.run("x", EDIT, images=urls))

    assert ImageChops.difference(few, many).getbbox() is not None


@pytest.mark.parametrize(
    "url",
    [
        "https://photos.example/missing.png",
        "https://photos.example/page.html",
        "http://127.0.0.1:9/refused.png",
        "{cdn}/output/never-made.png",
        "{api}/api/v3/balance",
    ],
)
def test_a_reference_that_cannot_be_read_fails_the_prediction_with_1402(api: Api, url: str) -> None:
    real = url.format(cdn=api.provider.cdn_url, api=api.provider.provider_url)

    done = api.run("x", EDIT, images=[PICTURE, real])

    assert (done["status"], done["code"]) == ("failed", 1402)
    assert "image 2" in done["error"]
    assert done["outputs"] == []
