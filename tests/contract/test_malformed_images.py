"""Malformed, mislabeled and polyglot images: each has a fixed outcome and a bounded cost.

Darkroom does not decode images. A file with the magic bytes, end and dimensions of a format is
stored with the content type of the format, whatever its name or other content. Damage that only a
decoder detects is not detected. A file that begins like a PNG, JPEG or WebP image is accepted as a
reference; the provider decodes it.
"""

import base64
import contextlib
import io
import re
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
    "wrong-header-crc.png": ("png", (4, 3)),  # only decoders verify checksums
    "wrong-data-crc.png": ("png", (1, 1)),
    "chunk-of-4-gb.png": ("png", (1, 1)),
    "ninety-thousand-chunks.png": ("png", (4, 3)),
    "animated.png": ("png", (4, 3)),
    "animated.webp": ("webp", (4, 3)),
    "lossless.webp": ("webp", (5, 3)),
    # Decompression bombs are stored; the event has their dimensions, so that a viewer can decide.
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
    # Polyglots are served with an image content type, so that a browser never runs them as a page.
    "with-a-page-behind.png": ("png", (1, 1)),
    "with-a-page-behind.jpg": ("jpg", (3, 2)),
    "with-a-page-inside.jpg": ("jpg", (4, 3)),
    "with-a-zip-behind.png": ("png", (1, 1)),
    "with-a-zip-behind.webp": ("webp", (1, 1)),
    # Output formats of other models; their dimensions are not read.
    "with-a-page-behind.gif": ("gif", None),
    "gif-that-is-a-script.gif": ("gif", None),
    # The bytes determine the format, not the name.
    "png-called.jpg": ("png", (1, 1)),
    "jpeg-called.png": ("jpg", (3, 2)),
    "webp-called.gif": ("webp", (1, 1)),
}
# The CDN may serve the complete file later, so the download is retried.
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
    "tiff-called.png", "icon-called.png", "zip-called.png",
}  # fmt: skip
REFUSED = {
    "empty.png": (Code.ASSET_UNAVAILABLE, "the output is empty"),
    **dict.fromkeys(CUT_OFF, (Code.ASSET_UNAVAILABLE, "the output is cut off")),
    **dict.fromkeys(NO_DIMENSIONS, (Code.ASSET_INVALID, "the output has no dimensions")),
    **dict.fromkeys(NO_MEDIA, (Code.ASSET_INVALID, "the output is no known image file")),
}
NO_REFERENCE = {
    "empty.png": "is empty",
    **dict.fromkeys([*NO_MEDIA, "one-byte.png"], "has an unsupported format. Use PNG"),
    **dict.fromkeys(["with-a-page-behind.gif", "gif-that-is-a-script.gif"], "is a GIF. Use PNG"),
    "script.svg": "is an SVG. Use PNG",
    "bitmap-called.png": "is a BMP. Use PNG",
    "tiff-called.png": "is a TIFF. Use PNG",
    "zip-called.png": "is a ZIP file. Use PNG",
}
# A reference is read to its end, so long metadata and bytes after the end are no obstacles.
REFERENCES = {
    *(n for n, (known, _) in STORED.items() if known != "gif" and not n.startswith("huge")),
    "metadata-flood.jpg", "empty-segments.jpg", "with-a-long-zip-behind.png",
}  # fmt: skip
every_file = pytest.mark.parametrize("name", FILES)


class DiscardingFile(io.BytesIO):
    """A file that discards its data, so that only the memory of the adapter is measured."""

    def write(self, data: object) -> int:
        return len(memoryview(data))  # type: ignore[arg-type]


def chunks(data: bytes, size: int) -> Iterator[bytes]:
    return (data[start : start + size] for start in range(0, len(data), size))


def download(name: str, size: int = 65_536) -> Download | NotDownloaded:
    """Download a file under its own name with a wrong content type."""
    body = httpx.Response(
        200, headers={"Content-Type": "text/html"}, content=chunks(FILES[name], size)
    )
    return Cdn(["cdn.test"], ScriptedHttp(body).transport).fetch(
        f"https://cdn.test/{name}", DiscardingFile()
    )


def test_each_file_has_exactly_one_expected_outcome() -> None:
    assert FILES.keys() == malformed.files().keys()
    assert STORED.keys() | REFUSED.keys() == FILES.keys()
    assert not STORED.keys() & REFUSED.keys()
    assert len(REFUSED) == 1 + len(CUT_OFF) + len(NO_DIMENSIONS) + len(NO_MEDIA)
    assert malformed.ZIP.stat().st_size < 200_000


@every_file
def test_file_is_stored_by_its_format_or_refused_with_a_reason(name: str) -> None:
    started = time.process_time()

    result = download(name)

    assert time.process_time() - started < 5
    if isinstance(result, NotDownloaded):
        assert (result.code, result.reason) == REFUSED[name]
        assert not result.final  # the next download may return another file
    else:
        assert (result.format.extension, result.dimensions) == STORED[name]
        assert result.size == len(FILES[name])


def test_download_memory_is_below_six_header_sizes() -> None:
    traced_names = FILES.keys() - {
        "ff-flood.jpg",
        "empty-segments.jpg",
    }  # tracing these takes seconds
    tracemalloc.start()
    try:
        for name in traced_names:
            tracemalloc.reset_peak()
            download(name)
            assert tracemalloc.get_traced_memory()[1] < 6 * media.HEADER_BYTES, name
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("size", [1, 5, 33])
def test_outcome_does_not_depend_on_the_chunk_size(size: int) -> None:
    small_files = [name for name, data in FILES.items() if len(data) < 10_000]

    assert len(small_files) > 60
    assert [download(name, size) for name in small_files] == [
        download(name) for name in small_files
    ]


@pytest.mark.parametrize("name", STORED)
def test_dimensions_match_a_decoder_where_it_decodes(name: str) -> None:
    data, decoded_size = FILES[name], None
    file_format = media.sniff(data[: media.MAGIC_BYTES])
    # Pillow refuses many of the files, bombs included, with different exceptions.
    with contextlib.suppress(Exception), Image.open(io.BytesIO(data)) as image_file:
        decoded_size = image_file.size

    size_read = media.dimensions(file_format, data[: media.HEADER_BYTES]) if file_format else None

    assert size_read is None or decoded_size is None or size_read == decoded_size


@every_file
def test_only_a_complete_image_is_accepted_as_reference(name: str) -> None:
    world, image = World(), base64.b64encode(FILES[name]).decode()
    body = {"operation": "edit", "prompt": "x", "images": [f"data:image/png;base64,{image}"]}

    if name in REFERENCES:
        [reference] = world.accept_job(body).references
        assert str(reference).endswith((".png", ".jpg", ".webp"))
        return
    with pytest.raises(InvalidRequestError) as error:
        world.accept_job(body)
    [problem] = error.value.problems
    assert problem.field == "images.0"
    expected = NO_REFERENCE.get(name, "is incomplete|is damaged|has [0-9.]+ megapixels")
    assert re.match(f"Reference image 1 ({expected})", problem.message)
