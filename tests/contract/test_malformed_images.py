"""Broken, lying and two-faced pictures: each has an outcome, none costs much.

Nothing here decodes a picture. So what has a format's beginning, end and dimensions is stored as
that format, with its content type, whatever its name says and whatever else it carries; a damage
that only decoding would find is the viewer's to find. As a reference the same bytes go to the
provider, who decodes them, if they begin like a PNG, JPEG or WebP.
"""

import base64
import contextlib
import io
import time
import tracemalloc
from collections.abc import Iterator

import httpx
import pytest
from PIL import Image

from darkroom.adapters.cdn import Cdn
from darkroom.domain import media
from darkroom.domain.errors import Code, InvalidRequestError
from darkroom.ports import Download, NotDownloaded
from tests.contract.scripted_http import ScriptedHttp
from tests.fakes import malformed
from tests.fakes.world import World

FILES = malformed.read()
STORED: dict[str, tuple[str, tuple[int, int] | None]] = {
    "wrong-header-crc.png": ("png", (4, 3)),  # checksums are for decoders
    "wrong-data-crc.png": ("png", (1, 1)),
    "chunk-of-4-gb.png": ("png", (1, 1)),
    "ninety-thousand-chunks.png": ("png", (4, 3)),
    "animated.png": ("png", (4, 3)),
    "animated.webp": ("webp", (4, 3)),
    "lossless.webp": ("webp", (5, 3)),
    # Large on little space: stored, and the event tells how large, so that a viewer can choose.
    "huge.png": ("png", (50_000, 50_000)),
    "huge.jpg": ("jpg", (65_535, 65_535)),
    "huge.webp": ("webp", (65_536, 65_535)),
    "bomb-in-its-data.png": ("png", (4, 3)),
    "bomb-in-its-text.png": ("png", (4, 3)),
    "bomb-in-its-profile.png": ("png", (4, 3)),
    "exif-bomb.jpg": ("jpg", (4, 3)),
    "exif-bomb.webp": ("webp", (4, 3)),
    "ff-before-the-frame.jpg": ("jpg", (4, 3)),
    "segment-of-length-0.jpg": ("jpg", (4, 3)),
    # Two things at once: served as the picture they are, and so never run as a page.
    "with-a-page-behind.png": ("png", (1, 1)),
    "with-a-page-behind.jpg": ("jpg", (3, 2)),
    "with-a-page-inside.jpg": ("jpg", (4, 3)),
    "with-a-zip-behind.png": ("png", (1, 1)),
    "with-a-zip-behind.webp": ("webp", (1, 1)),
    # Known formats of other models' outputs; their dimensions are not read.
    "with-a-page-behind.gif": ("gif", None),
    "gif-that-is-a-script.gif": ("gif", None),
    "zip-called.png": ("zip", None),
    # The bytes say what a file is.
    "png-called.jpg": ("png", (1, 1)),
    "jpeg-called.png": ("jpg", (3, 2)),
    "webp-called.gif": ("webp", (1, 1)),
}
# The CDN may have the rest a little later: tried again.
CUT_OFF = {
    "one-byte.png", "magic-only.png", "magic-only.jpg", "magic-only.webp", "cut-in-its-header.png",
    "cut-in-its-data.png", "cut-in-its-data.jpg", "cut-in-its-data.webp", "cut-in-its-header.webp",
    "wrong-end-crc.png", "with-a-long-zip-behind.png", "ff-flood.webp", "first-chunk-too-long.webp",
    "size-of-0.webp", "size-of-4-gb.webp",
}  # fmt: skip
NO_DIMENSIONS = {
    "no-header-chunk.png", "header-of-another-length.png", "zero-width.png", "zero-height.png",
    "zero-size.jpg", "height-comes-later.jpg", "zero-size.webp", "beyond-all-limits.png",
    "beyond-all-limits.webp", "negative.png", "metadata-flood.jpg", "empty-segments.jpg",
    "ff-flood.jpg", "ff-flood.png", "no-frame.jpg",
    "frame-after-the-data.jpg", "odd-first-chunk.webp", "no-start-code.webp",
}  # fmt: skip
NO_MEDIA = {
    "ff-flood.bin", "zero-flood.bin", "page-that-says-webp.webp", "page-that-says-ftyp.mp4",
    "script.svg", "script-with-prolog.svg", "svg-called.png", "page.html", "page-called.jpg",
    "error-called.png", "program-called.png", "postscript-called.jpg", "bitmap-called.png",
    "tiff-called.png", "icon-called.png",
}  # fmt: skip
REFUSED = {
    "empty.png": (Code.ASSET_UNAVAILABLE, "the output is empty"),
    **dict.fromkeys(CUT_OFF, (Code.ASSET_UNAVAILABLE, "the output is cut off")),
    **dict.fromkeys(NO_DIMENSIONS, (Code.ASSET_INVALID, "the output has no dimensions")),
    **dict.fromkeys(NO_MEDIA, (Code.ASSET_INVALID, "the output is no known media file")),
}
NO_REFERENCE = {
    "empty.png": "is empty",
    **dict.fromkeys(
        [*NO_MEDIA, "one-byte.png", "with-a-page-behind.gif", "gif-that-is-a-script.gif",
         "zip-called.png"],
        "is not a PNG, JPEG or WebP image",
    ),
}  # fmt: skip
every_file = pytest.mark.parametrize("name", FILES)


class Nowhere(io.BytesIO):
    """A file that keeps nothing: what is in memory is the adapter's."""

    def write(self, data: object) -> int:
        return len(memoryview(data))  # type: ignore[arg-type]


def pieces(data: bytes, size: int) -> Iterator[bytes]:
    return (data[at : at + size] for at in range(0, len(data), size))


def download(name: str, size: int = 65_536) -> Download | NotDownloaded:
    """Fetch a file under its own name and a content type that is a lie."""
    body = httpx.Response(
        200, headers={"Content-Type": "text/html"}, content=pieces(FILES[name], size)
    )
    return Cdn(["cdn.test"], ScriptedHttp(body).transport).fetch(
        f"https://cdn.test/{name}", Nowhere()
    )


def test_each_file_of_the_archive_has_one_outcome_and_each_outcome_a_file() -> None:
    assert FILES.keys() == malformed.files().keys()
    assert STORED.keys() | REFUSED.keys() == FILES.keys()
    assert not STORED.keys() & REFUSED.keys()
    assert len(REFUSED) == 1 + len(CUT_OFF) + len(NO_DIMENSIONS) + len(NO_MEDIA)
    assert malformed.ZIP.stat().st_size < 200_000


@every_file
def test_a_file_is_stored_as_what_it_is_or_refused_with_the_reason(name: str) -> None:
    found = download(name)

    if isinstance(found, NotDownloaded):
        assert (found.code, found.reason) == REFUSED[name]
        assert not found.final  # the next look may bring another file
    else:
        assert (found.format.extension, found.dimensions) == STORED[name]
        assert found.size == len(FILES[name])


@every_file
def test_looking_at_a_file_takes_little_time(name: str) -> None:
    started = time.process_time()

    download(name)

    assert time.process_time() - started < 5


def test_looking_at_a_file_takes_as_much_memory_as_its_header_a_few_times() -> None:
    traced = FILES.keys() - {"ff-flood.jpg", "empty-segments.jpg"}  # takes seconds when traced
    tracemalloc.start()
    try:
        for name in traced:
            tracemalloc.reset_peak()
            download(name)
            assert tracemalloc.get_traced_memory()[1] < 6 * media.HEADER_BYTES, name
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("size", [1, 5, 33])
def test_the_outcome_does_not_depend_on_how_the_bytes_arrive(size: int) -> None:
    small = [name for name, data in FILES.items() if len(data) < 10_000]

    assert len(small) > 60
    assert [download(name, size) for name in small] == [download(name) for name in small]


@every_file
def test_the_dimensions_are_those_that_a_decoder_sees_if_it_sees_any(name: str) -> None:
    data, seen = FILES[name], None
    known = media.sniff(data[: media.MAGIC_BYTES])
    # Pillow refuses many of them, the bombs too; by which exception is no matter.
    with contextlib.suppress(Exception), Image.open(io.BytesIO(data)) as picture:
        seen = picture.size

    told = media.dimensions(known, data[: media.HEADER_BYTES]) if known else None

    assert told is None or seen is None or told == seen


@every_file
def test_a_file_is_a_reference_if_it_begins_like_a_picture(name: str) -> None:
    world, image = World(), base64.b64encode(FILES[name]).decode()
    body = {"operation": "edit", "prompt": "x", "images": [f"data:image/png;base64,{image}"]}

    if name not in NO_REFERENCE:
        [kept] = world.accepted(body).references
        assert str(kept).endswith((".png", ".jpg", ".webp"))
        return
    with pytest.raises(InvalidRequestError) as caught:
        world.accepted(body)
    [problem] = caught.value.problems
    assert (problem.field, problem.message) == ("images.0", NO_REFERENCE[name])
