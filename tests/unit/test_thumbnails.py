"""Thumbnails: small, of every form that outputs have, and none of what is no picture."""

import io
import warnings
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import thumbnail
from darkroom.domain import uploads

FORMS = ("PNG", "JPEG", "WEBP")


def drawn(form: str, size: tuple[int, int], mode: str = "RGB", **more: Any) -> io.BytesIO:
    file = io.BytesIO()
    Image.new(mode, size, "red").save(file, form, **more)
    file.seek(0)
    return file


def shrunk(file: io.BytesIO, form: str) -> Image.Image:
    small = thumbnail.shrink(file, form)
    assert small is not None
    picture = Image.open(io.BytesIO(small))
    assert picture.format == "WEBP"
    return picture


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("size", "small"),
    [
        ((1024, 1024), (320, 320)),
        ((2048, 1152), (320, 180)),
        ((400, 1200), (107, 320)),
        ((3000, 20), (320, 2)),
        ((200, 100), (200, 100)),
        ((1, 1), (1, 1)),
    ],
)
def test_a_picture_becomes_small_in_its_own_shape_and_never_larger(
    form: str, size: tuple[int, int], small: tuple[int, int]
) -> None:
    assert shrunk(drawn(form, size), form).size == small


@pytest.mark.parametrize("form", ["PNG", "WEBP"])
def test_what_is_transparent_stays_so(form: str) -> None:
    file = io.BytesIO()
    Image.new("RGBA", (640, 640), (255, 0, 0, 0)).save(file, form)

    assert shrunk(file, form).mode == "RGBA"


@pytest.mark.parametrize("mode", ["L", "P", "1", "LA", "I;16"])
def test_every_kind_of_png_is_taken(mode: str) -> None:
    file = io.BytesIO()
    Image.new(mode, (640, 640)).save(file, "PNG")

    assert shrunk(file, "PNG").size == (320, 320)


def test_a_jpeg_in_print_colours_is_taken() -> None:
    file = io.BytesIO()
    Image.new("CMYK", (640, 640)).save(file, "JPEG")

    assert shrunk(file, "JPEG").mode == "RGB"


@pytest.mark.parametrize("form", FORMS)
@given(data=st.binary(max_size=400), cut=st.integers(1, 400))
def test_what_is_broken_has_none(form: str, data: bytes, cut: int) -> None:
    whole = drawn(form, (64, 64)).getvalue()

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what a library thinks of broken files
        assert thumbnail.shrink(io.BytesIO(data), form) is None
        thumbnail.shrink(io.BytesIO(whole[:cut] + data), form)  # a picture or none, and no crash


def test_a_file_of_another_form_than_it_says_has_none() -> None:
    assert thumbnail.shrink(drawn("PNG", (64, 64)), "JPEG") is None


def test_a_file_that_unpacks_to_more_than_any_picture_has_none() -> None:
    huge = drawn("PNG", (7000, 6000), "1")

    assert thumbnail.shrink(huge, "PNG") is None


@given(st.text())
def test_an_owner_is_written_as_on_everything_else(name: str) -> None:
    assert thumbnail.encode(name) == uploads.encode(name)


def test_the_marks_are_those_of_everything_else() -> None:
    assert thumbnail.CALLER_METADATA == uploads.CALLER_METADATA
