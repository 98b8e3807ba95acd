"""Thumbnails: size and format, every supported input format, and none for invalid files."""

import io
import warnings
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import ExifTags, Image

import thumbnail
from darkroom.domain import uploads

FORMATS = ("PNG", "JPEG", "WEBP")


def image_file(
    image_format: str, size: tuple[int, int], mode: str = "RGB", **options: Any
) -> io.BytesIO:
    file = io.BytesIO()
    Image.new(mode, size, "red").save(file, image_format, **options)
    file.seek(0)
    return file


def shrink_image(file: io.BytesIO, image_format: str) -> Image.Image:
    small = thumbnail.shrink(file, image_format)
    assert small is not None
    image = Image.open(io.BytesIO(small))
    assert image.format == "WEBP"
    return image


@pytest.mark.parametrize("image_format", FORMATS)
@pytest.mark.parametrize(
    ("size", "small"),
    [
        ((1024, 1024), (640, 640)),
        ((2048, 1152), (640, 360)),
        ((400, 1200), (213, 640)),
        ((3000, 20), (640, 4)),
        ((200, 100), (200, 100)),
        ((1, 1), (1, 1)),
    ],
)
def test_thumbnail_keeps_the_aspect_ratio_and_never_enlarges(
    image_format: str, size: tuple[int, int], small: tuple[int, int]
) -> None:
    assert shrink_image(image_file(image_format, size), image_format).size == small


@pytest.mark.parametrize("image_format", FORMATS)
@pytest.mark.parametrize(
    ("orientation", "size"), [(1, (640, 320)), (3, (640, 320)), (6, (320, 640))]
)
def test_thumbnail_is_upright(image_format: str, orientation: int, size: tuple[int, int]) -> None:
    """Browsers turn the original by its EXIF orientation. A thumbnail has no EXIF."""
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation

    small = shrink_image(image_file(image_format, (1280, 640), exif=exif), image_format)

    assert (small.size, dict(small.getexif())) == (size, {})


def test_grey_of_16_bits_keeps_its_brightness() -> None:
    file = io.BytesIO()
    Image.new("I;16", (800, 800), 0x8000).save(file, "PNG")
    file.seek(0)

    small = shrink_image(file, "PNG").convert("L")

    assert small.getpixel((200, 200)) == pytest.approx(128, abs=2)


@pytest.mark.parametrize("image_format", ["PNG", "WEBP"])
def test_transparency_is_kept(image_format: str) -> None:
    file = io.BytesIO()
    Image.new("RGBA", (640, 640), (255, 0, 0, 0)).save(file, image_format)

    assert shrink_image(file, image_format).mode == "RGBA"


@pytest.mark.parametrize("mode", ["L", "P", "1", "LA", "I;16"])
def test_every_png_mode_is_supported(mode: str) -> None:
    file = io.BytesIO()
    Image.new(mode, (1280, 1280)).save(file, "PNG")

    assert shrink_image(file, "PNG").size == (640, 640)


@pytest.mark.parametrize("image_format", FORMATS)
@given(data=st.binary(max_size=400), cut=st.integers(1, 400))
def test_broken_file_has_no_thumbnail(image_format: str, data: bytes, cut: int) -> None:
    whole = image_file(image_format, (64, 64)).getvalue()

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns about broken files
        assert thumbnail.shrink(io.BytesIO(data), image_format) is None
        thumbnail.shrink(
            io.BytesIO(whole[:cut] + data), image_format
        )  # an image or None, and no error


def test_file_of_another_format_has_no_thumbnail() -> None:
    assert thumbnail.shrink(image_file("PNG", (64, 64)), "JPEG") is None


def test_image_with_too_many_pixels_has_no_thumbnail() -> None:
    huge = image_file("PNG", (7000, 6000), "1")

    assert thumbnail.shrink(huge, "PNG") is None


def test_metadata_names_are_those_of_assets() -> None:
    assert thumbnail.CALLER_METADATA == uploads.CALLER_METADATA
    assert thumbnail.JOB_ID_METADATA == uploads.JOB_ID_METADATA
