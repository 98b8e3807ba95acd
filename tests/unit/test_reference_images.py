"""CreateJob: a reference image is judged by its header, its end and its pixels."""

import base64
import io
import struct
import zlib
from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image

from darkroom.domain.errors import InvalidRequestError
from darkroom.domain.job import Job
from darkroom.domain.references import MAX_REFERENCE_PIXELS
from tests.fakes.world import World

# Random pixels do not compress: the files are larger than the part that is read first.
NOISE = Image.effect_noise((400, 300), 90).convert("RGB")
INCOMPLETE = "is incomplete: the end of the file is missing. Upload it again."
DAMAGED = "is damaged: its header has no dimensions. Export it again."


def encode(kind: str, mode: str = "RGB", **options: Any) -> bytes:
    file = io.BytesIO()
    NOISE.convert(mode).save(file, kind, **options)
    return file.getvalue()


def jpeg_with_thumbnail() -> bytes:
    """Return a JPEG whose metadata contains a complete JPEG, as cameras write it."""
    thumbnail = io.BytesIO()
    NOISE.resize((40, 30)).save(thumbnail, "JPEG")
    exif = b"Exif\x00\x00" + thumbnail.getvalue()
    return encode("JPEG", quality=95, exif=exif)


def png(width: int, height: int) -> bytes:
    """Return a PNG of one colour with one bit a pixel: few bytes, many pixels."""
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    rows = zlib.compress(bytes((width // 8 + 2) * height))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in ((b"IHDR", header), (b"IDAT", rows), (b"IEND", b""))
    )


PNG, JPEG, WEBP = encode("PNG"), encode("JPEG", quality=95), encode("WEBP", quality=95)
LARGE_METADATA = encode("JPEG", icc_profile=bytes(300_000))
COMPLETE = {
    "png": PNG,
    "jpeg": JPEG,
    "webp": WEBP,
    "progressive jpeg": encode("JPEG", progressive=True, quality=95),
    "jpeg of a camera": jpeg_with_thumbnail(),
    "jpeg with a profile of 300 KB": LARGE_METADATA,
    "motion photo": JPEG + b"\x00\x00\x00\x18ftypmp42" + bytes(90_000),
    "two images": JPEG + JPEG[:30_000],
    "png with a trailer": PNG + b"\x00" * 90_000,
    "cmyk": encode("JPEG", mode="CMYK"),
    "60 megapixels": png(7_500, 8_000),
}
BROKEN = {
    "truncated png": (PNG[:-9], INCOMPLETE),
    "half a png": (PNG[: len(PNG) // 2], INCOMPLETE),
    "truncated jpeg": (JPEG[: len(JPEG) // 2], INCOMPLETE),
    "small truncated jpeg": (JPEG[:9_000], INCOMPLETE),
    "truncated jpeg of a camera": (jpeg_with_thumbnail()[:40_000], INCOMPLETE),
    "truncated webp": (WEBP[:-99], INCOMPLETE),
    "truncated profile": (LARGE_METADATA[:200_000], DAMAGED),
    "png signature only": (PNG[:8], DAMAGED),
    "jpeg signature only": (JPEG[:3], DAMAGED),
    "no pixels": (png(0, 9), DAMAGED),
    "81 megapixels": (png(9_000, 9_000), "has 81 megapixels; the limit is 60. Reduce its size."),
    "a billion pixels": (png(65_500, 65_500)[:90], "has 4290.3 megapixels; the limit is 60."),
}


def create_inline(world: World, data: bytes) -> Job:
    images = [f"data:image/png;base64,{base64.b64encode(data).decode()}"]
    return world.accept_job({"operation": "edit", "prompt": "x", "images": images})


def create_stored(world: World, data: bytes) -> Job:
    world.references.objects["photos", "a"] = [data]
    return world.accept_job({"operation": "edit", "prompt": "x", "images": ["s3://photos/a"]})


every_source = pytest.mark.parametrize("create", [create_inline, create_stored])


@every_source
@pytest.mark.parametrize("name", COMPLETE)
def test_complete_image_is_taken(name: str, create: Callable[[World, bytes], Job]) -> None:
    assert len(create(World(), COMPLETE[name]).references) == 1


@every_source
@pytest.mark.parametrize("name", BROKEN)
def test_broken_image_is_refused_before_it_costs_anything(
    name: str, create: Callable[[World, bytes], Job]
) -> None:
    world = World()
    data, problem = BROKEN[name]

    with pytest.raises(InvalidRequestError) as error:
        create(world, data)

    assert str(error.value).startswith(f"Reference image 1 {problem}")
    assert (world.jobs.records, world.workflow.started) == ({}, [])


def test_limit_is_above_the_largest_photograph_of_a_telephone() -> None:
    assert MAX_REFERENCE_PIXELS > 8192 * 6144
