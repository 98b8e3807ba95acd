"""Detection of media formats and dimensions from the bytes, compared with Pillow."""

import functools
import io
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from darkroom.domain import media
from darkroom.domain.media import JPEG, PNG, REFERENCE_FORMATS, WEBP, Format

SIZES = st.tuples(st.integers(1, 90), st.integers(1, 90))
EXIF = b"Exif\x00\x00MM\x00*\x00\x00\x00\x08" + bytes(6)  # a directory without entries
ENCODINGS: dict[str, tuple[Format, str, dict[str, object]]] = {
    "png": (PNG, "PNG", {}),
    "png with alpha": (PNG, "PNG", {"mode": "RGBA"}),
    "jpeg": (JPEG, "JPEG", {}),
    "progressive jpeg": (JPEG, "JPEG", {"progressive": True}),
    "grey jpeg": (JPEG, "JPEG", {"mode": "L"}),
    "jpeg with exif": (JPEG, "JPEG", {"exif": EXIF + bytes(60_000)}),
    "jpeg with a colour profile in segments": (JPEG, "JPEG", {"icc_profile": bytes(300_000)}),
    "jpeg with a comment": (JPEG, "JPEG", {"comment": b"\xff\xc0" * 5_000}),
    "lossy webp": (WEBP, "WEBP", {}),
    "lossless webp": (WEBP, "WEBP", {"lossless": True}),
    "extended webp": (WEBP, "WEBP", {"mode": "RGBA", "exif": EXIF}),
}
every_encoding = pytest.mark.parametrize("name", ENCODINGS)


@functools.cache
def encoded_image(name: str, size: tuple[int, int] = (40, 30)) -> bytes:
    _, kind, options = ENCODINGS[name]
    mode = str(options.get("mode", "RGB"))
    image = Image.radial_gradient("L").resize(size).convert(mode)
    out = io.BytesIO()
    image.save(out, kind, **{key: value for key, value in options.items() if key != "mode"})
    return out.getvalue()


def is_complete(media_format: Format, data: bytes) -> bool:
    return media.is_whole(
        media_format, data[: media.HEADER_BYTES], data[-media.TAIL_BYTES :], size=len(data)
    )


@every_encoding
@given(size=SIZES)
def test_format_and_dimensions_match_pillow(name: str, size: tuple[int, int]) -> None:
    data = encoded_image(name, size)

    media_format = media.sniff(data[: media.MAGIC_BYTES])

    assert media_format == ENCODINGS[name][0]
    assert (
        media.dimensions(media_format, data[: media.HEADER_BYTES])
        == Image.open(io.BytesIO(data)).size
    )
    assert is_complete(media_format, data)


@every_encoding
def test_truncated_file_is_incomplete_at_every_length(name: str) -> None:
    data, media_format = encoded_image(name), ENCODINGS[name][0]
    # Down to the last byte of the JPEG end marker. Long metadata blocks have no end marker.
    lengths = range(1, len(data) - 1) if len(data) < 10_000 else range(len(data) - 2000, len(data))

    complete = [length for length in lengths if is_complete(media_format, data[:length])]

    assert complete == []


@every_encoding
@given(data=st.data())
def test_truncated_or_damaged_header_never_raises(name: str, data: st.DataObject) -> None:
    original = bytearray(encoded_image(name)[:4000])
    at = data.draw(st.integers(0, len(original) - 1))
    original[at] = data.draw(st.integers(0, 255))
    header = bytes(original[: data.draw(st.integers(0, len(original)))])

    for media_format in REFERENCE_FORMATS:
        size = media.dimensions(media_format, header)
        assert size is None or min(size) > 0
        assert media.is_whole(media_format, header, header[-media.TAIL_BYTES :], len(header)) in {
            True,
            False,
        }


def test_dimensions_after_a_megabyte_of_metadata_are_none() -> None:
    plain = encoded_image("jpeg")
    segment = b"\xff\xe2" + struct.pack(">H", 65_535) + bytes(65_533)

    near, far = (plain[:2] + segment * count + plain[2:] for count in (12, 20))

    assert media.dimensions(JPEG, near[: media.HEADER_BYTES]) == (40, 30)
    assert media.dimensions(JPEG, far[: media.HEADER_BYTES]) is None


@pytest.mark.parametrize(
    "segment",
    [
        b"\xff\xff\xff\xfe\x00\x02",  # fill bytes
        b"\xff\xc4\x00\x0b" + bytes(9),  # Huffman tables: C4 is not a frame
        b"\xff\xcc\x00\x0b" + bytes(9),  # arithmetic coding conditions
        b"\xff\xc8\x00\x0b" + bytes(9),
    ],
)
def test_jpeg_segments_before_the_frame_are_skipped(segment: bytes) -> None:
    plain = encoded_image("jpeg")

    assert media.dimensions(JPEG, plain[:2] + segment + plain[2:]) == (40, 30)


@pytest.mark.parametrize(
    ("head", "content_type"),
    [
        (b"GIF89a", "image/gif"),
        (b"\x00\x00\x00\x20ftypisom", "video/mp4"),
        (b"\x00\x00\x00\x14ftypqt  ", "video/quicktime"),
        (b"\x00\x00\x00\x20ftypM4A ", "audio/mp4"),
        (b"\x1a\x45\xdf\xa3", "video/webm"),
        (b"RIFF\x00\x00\x00\x00WAVEfmt ", "audio/wav"),
        (b"ID3\x04", "audio/mpeg"),
        (b"OggS\x00", "audio/ogg"),
        (b"fLaC\x00", "audio/flac"),
        (b"glTF\x02\x00\x00\x00", "model/gltf-binary"),
        (b"ply\nformat", "model/ply"),
        (b"PK\x03\x04", "application/zip"),
    ],
)
def test_other_media_types_are_detected_by_their_magic(head: bytes, content_type: str) -> None:
    media_format = media.sniff(head.ljust(media.MAGIC_BYTES, b"\x00"))

    assert media_format is not None
    assert media_format.content_type == content_type
    assert media.dimensions(media_format, head) is None
    assert media.is_whole(media_format, head, head, len(head))


@pytest.mark.parametrize(
    "head",
    [b"", b"<!DOCTYPE html><html>", b'<?xml version="1.0"?><Error>', b'{"code":404}', b"%PDF-1.7",
     b"MZ\x90\x00", b"\x7fELF", b"#!/bin/sh\n", b"<svg xmlns=", b"BM6\x00", b"II*\x00", b"\x89PNX",
     b"<script>WEBP", b"RIFX\x00\x00\x00\x00WEBP", b"<script>WAVE", b"<!--ftypqt  ", b"GIF88a"],
)  # fmt: skip
def test_file_that_is_not_media_is_not_detected(head: bytes) -> None:
    assert media.sniff(head.ljust(media.MAGIC_BYTES, b" ")) is None


def test_size_limit_is_50_mb_for_images_and_higher_for_video() -> None:
    video = media.sniff(b"\x00\x00\x00\x20ftypisom")

    assert video is not None
    assert {media.max_bytes(image_format) for image_format in REFERENCE_FORMATS} == {50_000_000}
    assert 50_000_000 < media.max_bytes(video) < 512_000_000


@pytest.mark.parametrize(
    ("width", "height", "size"),
    [(0, 1, None), (1, 0, None), (65_536, 65_535, (65_536, 65_535)), (65_536, 65_536, None),
     (2**31 - 1, 2**31 - 1, None), (2**32 - 1, 1, (2**32 - 1, 1))],
)  # fmt: skip
def test_dimensions_are_none_without_pixels_or_with_too_many(
    width: int, height: int, size: tuple[int, int] | None
) -> None:
    header = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", width, height)

    assert media.dimensions(PNG, header) == size
    assert media.dimensions(PNG, header[:-1]) is None
