"""Any model of the provider as {model, input}; GPT Image 2 under its own name keeps its rules."""

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
    return parse_request(body, max_deadline_seconds=3600)


def problems(body: object) -> dict[str, str]:
    with pytest.raises(InvalidRequestError) as caught:
        parse(body)
    return {problem.field: problem.allowed for problem in caught.value.problems}


@pytest.mark.parametrize("model", ["wavespeed-ai/flux-dev", "kwaivgi/kling-v2.1/i2v-pro", "a/b_c"])
def test_the_input_goes_through_as_it_is(model: str) -> None:
    request = parse({"model": model, "input": INPUT, "deadline_seconds": 600})

    assert isinstance(request, AnyModel)
    assert request.operation is Operation.MODEL
    assert (request.model, request.input) == (model, INPUT)
    assert request.deadline_seconds == 600
    assert request.references == ()


@pytest.mark.parametrize(
    "model",
    ["flux", "a/", "/a/b", "a//b", "a/../b", "a/b?webhook=x", "a/b#c", "a/b\n", "a b/c", "a/%2e",
     "http://a/b", "x/" + "y" * 199, "ä/b", "", None, 5],
)  # fmt: skip
def test_a_model_id_that_could_mean_another_path_is_refused(model: object) -> None:
    assert "model" in problems({"model": model, "input": {}})


@pytest.mark.parametrize("given", [None, "x", [], 5])
def test_an_input_that_is_no_object_is_refused(given: object) -> None:
    assert "input" in problems({"model": "a/b", "input": given})


def test_an_undeclared_field_beside_the_input_is_refused() -> None:
    assert problems({"model": "a/b", "input": {}, "prompt": "x"}).keys() == {"prompt"}
    assert problems({"model": "a/b", "input": {}, "operation": "edit"}).keys() == {"operation"}


@pytest.mark.parametrize("name", ["enable_sync_mode", "enable_base64_output"])
@pytest.mark.parametrize("value", [True, False, None])
@pytest.mark.parametrize("model", ["a/b", TEXT_TO_IMAGE_MODEL])
def test_sync_mode_and_base64_output_are_never_sent(model: str, name: str, value: object) -> None:
    body = {"model": model, "input": {"prompt": "x", name: value}}

    assert problems(body) == {f"input.{name}": "leave it out"}


@pytest.mark.parametrize(
    "value", [float("inf"), float("nan"), "\ud800", {"\udfff": 1}, [{"a": "\ud800"}]]
)
def test_an_input_that_cannot_be_sent_is_refused_at_the_door(value: object) -> None:
    assert problems({"model": "a/b", "input": {"x": value}}) == {"input": "plain JSON"}


def test_an_input_fits_a_record() -> None:
    filler = "x" * (MAX_INPUT_BYTES - len('{"x": ""}'))

    assert parse({"model": "a/b", "input": {"x": filler}})
    assert problems({"model": "a/b", "input": {"x": filler + "x"}}) == {
        "input": f"{MAX_INPUT_BYTES} bytes of JSON"
    }
    # Bytes, not characters.
    assert "input" in problems({"model": "a/b", "input": {"x": filler[:-1] + "é"}})


def test_gpt_image_2_by_its_id_is_the_same_request() -> None:
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
        (TEXT_TO_IMAGE_MODEL, {"size": "1024x1024"}, "input.size"),
        (TEXT_TO_IMAGE_MODEL, {"images": ["aGk="]}, "input.images"),
        (TEXT_TO_IMAGE_MODEL, {"deadline_seconds": 60}, "input.deadline_seconds"),
        (TEXT_TO_IMAGE_MODEL, {"operation": "edit"}, "input.operation"),
        (EDIT_MODEL, {"images": []}, "input.images"),
        (EDIT_MODEL, {"images": [""]}, "input.images.0"),
        (EDIT_MODEL, {"images": ["aGk="] * 17}, "input.images"),
    ],
)
def test_gpt_image_2_by_its_id_has_the_same_rules(
    model: str, change: dict[str, Any], field: str
) -> None:
    given = {"prompt": "x"} | ({"images": ["aGk="]} if model == EDIT_MODEL else {}) | change

    assert field in problems({"model": model, "input": given})


@pytest.mark.parametrize(
    "model", ["predictions/delete", "media/uploads", "billings/search", "Model/price", "user/x"]
)
def test_the_providers_other_endpoints_are_no_models(model: str) -> None:
    assert problems({"model": model, "input": {"ids": ["somebody-elses"]}}).keys() == {"model"}


@pytest.mark.parametrize("deadline", ["100", True, 99.5])
def test_a_deadline_is_a_whole_number(deadline: object) -> None:
    body = {"operation": "text-to-image", "prompt": "x", "deadline_seconds": deadline}

    assert problems(body).keys() == {"deadline_seconds"}


def test_a_list_with_one_bad_item_is_not_called_too_short() -> None:
    assert problems({"operation": "edit", "prompt": "x", "images": [""]}).keys() == {"images.0"}


def test_the_deadline_of_any_model_is_bounded() -> None:
    assert "deadline_seconds" in problems({"model": "a/b", "input": {}, "deadline_seconds": 3601})
    assert "deadline_seconds" in problems(
        {"model": TEXT_TO_IMAGE_MODEL, "input": {"prompt": "x"}, "deadline_seconds": 3601}
    )
