"""The provider's models: foreign schemas are reduced to known parts of limited size."""

from typing import Any

import pytest

from darkroom.domain.catalogue import Catalogue, ModelField, read_model
from tests.fakes.models import READ_AT, model


def field(schema: Any, name: str = "x", **more: Any) -> ModelField:
    (read,) = model("maker/model", properties={name: schema}, **more).fields
    return read


@pytest.mark.parametrize(
    ("schema", "kind", "is_list"),
    [
        ({"type": "string"}, "string", False),
        ({"type": ["null", "integer"]}, "integer", False),
        ({"anyOf": [{"type": "number"}, {"type": "null"}]}, "number", False),
        ({"type": "boolean"}, "boolean", False),
        ({"type": "array", "items": {"type": "string"}}, "string", True),
        ({"type": "array", "items": {"type": "object"}}, "json", False),
        ({"type": "object"}, "json", False),
        ({"type": ["string", "integer", "null"]}, "json", False),
        ({"anyOf": [{"type": "number"}, {"type": "string"}]}, "json", False),
        ({}, "json", False),
        (7, "json", False),
    ],
)
def test_type_of_a_field(schema: Any, kind: str, is_list: bool) -> None:
    assert (field(schema).type, field(schema).is_list) == (kind, is_list)


@pytest.mark.parametrize(
    ("name", "hints", "media"),
    [
        ("image", {}, "image"), ("images", {}, "image"), ("image_url", {}, "image"),
        ("last_image", {}, "image"), ("mask_image", {}, "image"), ("mask", {}, "image"),
        ("video", {}, "video"), ("audio_urls", {}, "audio"), ("image_2", {}, "image"),
        ("x", {"x-ui-component": "uploader", "x-accept": "audio/*"}, "audio"),
        ("x", {"x-ui-component": "uploader"}, "file"),
        ("image_size", {}, None), ("video_length", {}, None), ("prompt", {}, None),
    ],
)  # fmt: skip
def test_kind_of_file_of_a_field(name: str, hints: Any, media: str | None) -> None:
    assert field({"type": "string", **hints}, name).media == media


def test_fields_have_the_order_and_the_limits_of_the_schema() -> None:
    schema = {
        "properties": {
            "seed": {"type": "integer", "minimum": -1, "maximum": 2147483647, "default": -1},
            "images": {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 5},
            "strength": {"type": "number", "minimum": 0, "maximum": 1, "step": 0.05},
            "enable_sync_mode": {"type": "boolean"},
            "secret": {"type": "string", "x-hidden": True},
        },
        "required": ["images"],
        "x-order-properties": ["images", "strength", "seed"],
    }
    api_schema = {"api_schemas": [{"type": "model_run", "request_schema": schema}]}
    read = read_model({"model_id": "maker/model", "api_schema": api_schema}, None)

    assert read is not None
    images, strength, seed = read.fields
    assert (images.name, images.min_items, images.max_items) == ("images", 1, 5)
    assert (strength.minimum, strength.maximum, strength.step) == (0, 1, 0.05)
    assert (seed.name, seed.minimum, seed.default, seed.is_advanced) == ("seed", -1, -1, True)


@pytest.mark.parametrize(
    "entry",
    [None, [], {}, {"model_id": 7}, {"model_id": "no-slash"}, {"model_id": "a/b\n"},
     {"model_id": "a/../b"}, {"model_id": "media/upload"}, {"model_id": f"a/{'b' * 300}"}],
)  # fmt: skip
def test_entry_that_no_job_could_name_is_skipped(entry: object) -> None:
    assert read_model(entry, None) is None


@pytest.mark.parametrize(
    "api_schema",
    [None, 7, {"api_schemas": 7}, {"api_schemas": [7]},
     {"api_schemas": [{"type": "model_run", "request_schema": []}]},
     {"api_schemas": [{"type": "model_run", "request_schema": {"properties": [1]}}]}],
)  # fmt: skip
def test_unreadable_schema_gives_a_model_without_fields(api_schema: object) -> None:
    read = read_model({"model_id": "maker/model", "api_schema": api_schema}, None)

    assert read is not None
    assert read.fields == ()


def test_sizes_are_limited() -> None:
    many = {f"field{number}": {"type": "string"} for number in range(500)}
    hostile = {
        "type": "string", "title": "t" * 5000, "description": "d" * 50_000,
        "default": "x" * 50_000, "enum": ["x" * 5000, "ok", {"a": 1}, float("nan"), 10**400],
        "minimum": 10**400, "maximum": "9", "multipleOf": -1,
    }  # fmt: skip
    read = model("maker/model", name="n" * 5000, properties={"hostile": hostile, **many})

    first = read.fields[0]
    assert len(read.fields) == 60
    assert len(read.name) == len(first.label or "") == 120
    assert len(first.description) == 600
    assert (first.default, first.choices, first.minimum) == (None, ("ok",), None)
    assert (first.maximum, first.step) == (None, None)


def test_catalogue_survives_compression() -> None:
    read = model("maker/model", properties={"a": {"type": "integer", "enum": [1, 2], "default": 1}})
    catalogue = Catalogue(read_at=READ_AT, models=(read,))

    assert Catalogue.decompressed(catalogue.compressed()) == catalogue


@pytest.mark.parametrize("data", [b"", b"text", b"\x1f\x8b\x08cut off"])
def test_damaged_catalogue_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError):
        Catalogue.decompressed(data)
