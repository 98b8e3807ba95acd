"""Requests for any model as {model, input}; GPT Image 2 model ids keep their validation."""

from typing import Any

import pytest

from darkroom.domain.errors import InvalidRequestError
from darkroom.domain.parsing import parse_request
from darkroom.domain.requests import (
    EDIT_MODEL,
    MAX_INPUT_BYTES,
    TEXT_TO_IMAGE_MODEL,
    AnyModel,
    Edit,
    JobRequest,
    Operation,
    TextToImage,
)

INPUT = {"prompt": "waves", "duration": 5, "nested": {"seed": 1.5, "images": ["data:,"]}}


def parse(body: object) -> JobRequest:
    return parse_request(body)


def problems(body: object) -> dict[str, str]:
    with pytest.raises(InvalidRequestError) as error:
        parse(body)
    return {problem.field: problem.allowed for problem in error.value.problems}


@pytest.mark.parametrize("model", ["wavespeed-ai/flux-dev", "kwaivgi/kling-v2.1/i2v-pro", "a/b_c"])
def test_input_is_passed_through_unchanged(model: str) -> None:
    request = parse({"model": model, "input": INPUT, "deadline_seconds": 600})

    assert isinstance(request, AnyModel)
    assert request.operation is Operation.MODEL
    assert (request.model, request.input) == (model, INPUT)
    assert request.deadline_seconds == 600
    assert request.references == ()


@pytest.mark.parametrize(
    "model",
    ["flux", "a/", "/a/b", "a//b", "a/../b", "a/b?webhook=x", "a/b#c", "a/b\n", "a b/c", "a/%2e",
     "http://a/b", "x/" + "y" * 199, "ä/b", "", 5],
)  # fmt: skip
def test_model_id_that_is_not_a_plain_path_is_refused(model: object) -> None:
    assert "model" in problems({"model": model, "input": {}})


@pytest.mark.parametrize("model_input", [None, "x", [], 5])
def test_input_that_is_not_an_object_is_refused(model_input: object) -> None:
    assert "input" in problems({"model": "a/b", "input": model_input})


def test_undeclared_top_level_field_is_refused() -> None:
    assert problems({"model": "a/b", "input": {}, "prompt": "x"}).keys() == {"prompt"}
    assert problems({"model": "a/b", "input": {}, "operation": "edit"}).keys() == {"operation"}


@pytest.mark.parametrize("name", ["enable_sync_mode", "enable_base64_output"])
@pytest.mark.parametrize("model", ["a/b", TEXT_TO_IMAGE_MODEL])
def test_sync_mode_and_base64_output_are_refused(model: str, name: str) -> None:
    body = {"model": model, "input": {"prompt": "x", name: True}}

    assert problems(body) == {f"input.{name}": "false"}


@pytest.mark.parametrize("name", ["enable_sync_mode", "enable_base64_output"])
@pytest.mark.parametrize("value", [False, None])
def test_disabled_modes_are_not_sent(name: str, value: object) -> None:
    request = parse_request({"model": "a/b", "input": {"prompt": "x", name: value}})

    assert isinstance(request, AnyModel)
    assert request.input == {"prompt": "x"}


@pytest.mark.parametrize(
    "value", [float("inf"), float("nan"), "\ud800", {"\udfff": 1}, [{"a": "\ud800"}]]
)
def test_input_that_is_not_valid_json_is_refused(value: object) -> None:
    assert problems({"model": "a/b", "input": {"x": value}}) == {"input": "plain JSON"}


def test_input_size_is_limited_in_bytes() -> None:
    filler = "x" * (MAX_INPUT_BYTES - len('{"x": ""}'))

    assert parse({"model": "a/b", "input": {"x": filler}})
    assert problems({"model": "a/b", "input": {"x": filler + "x"}}) == {
        "input": f"{MAX_INPUT_BYTES} bytes of JSON"
    }
    # Bytes, not characters.
    assert "input" in problems({"model": "a/b", "input": {"x": filler[:-1] + "é"}})


def test_gpt_image_2_model_id_gives_the_same_request() -> None:
    text = parse({"model": TEXT_TO_IMAGE_MODEL, "input": {"prompt": "x", "quality": "low"}})
    edit = parse(
        {"model": EDIT_MODEL, "input": {"prompt": "x", "images": ["aGk="]}, "deadline_seconds": 90}
    )

    assert text == TextToImage.model_validate(
        {"operation": "text-to-image", "prompt": "x", "quality": "low"}
    )
    assert isinstance(edit, Edit)
    assert (edit.references, edit.deadline_seconds) == (("aGk=",), 90)


@pytest.mark.parametrize(
    ("model", "change", "field"),
    [
        (TEXT_TO_IMAGE_MODEL, {"prompt": ""}, "input.prompt"),
        (TEXT_TO_IMAGE_MODEL, {"quality": "best"}, "input.quality"),
        (TEXT_TO_IMAGE_MODEL, {"size": "512x512"}, "input.size"),
        (TEXT_TO_IMAGE_MODEL, {"images": ["aGk="]}, "input.images"),
        (TEXT_TO_IMAGE_MODEL, {"deadline_seconds": 60}, "input.deadline_seconds"),
        (TEXT_TO_IMAGE_MODEL, {"operation": "edit"}, "input.operation"),
        (EDIT_MODEL, {"images": []}, "input.images"),
        (EDIT_MODEL, {"images": [""]}, "input.images.0"),
        (EDIT_MODEL, {"images": ["aGk="] * 17}, "input.images"),
    ],
)
def test_gpt_image_2_model_id_has_the_same_validation(
    model: str, change: dict[str, Any], field: str
) -> None:
    model_input = {"prompt": "x"} | ({"images": ["aGk="]} if model == EDIT_MODEL else {}) | change

    assert field in problems({"model": model, "input": model_input})


@pytest.mark.parametrize(
    "model", ["predictions/delete", "media/uploads", "billings/search", "Model/price", "user/x"]
)
def test_other_provider_endpoints_are_not_models(model: str) -> None:
    assert problems({"model": model, "input": {"ids": ["other-caller"]}}).keys() == {"model"}
