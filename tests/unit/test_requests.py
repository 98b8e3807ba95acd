"""Validation of requests, and the errors of invalid ones."""

import json
import traceback
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkroom.domain.errors import InvalidRequestError
from darkroom.domain.parsing import parse_request
from darkroom.domain.requests import (
    EDIT_MODEL,
    MAX_INPUT_BYTES,
    MAX_PROMPT_CHARACTERS,
    TEXT_TO_IMAGE_MODEL,
    JobRequest,
)

IMAGE = "https://example.com/a.png"
TEXT: dict[str, Any] = {"operation": "text-to-image", "prompt": "a lighthouse"}
EDIT: dict[str, Any] = {"operation": "edit", "prompt": "more fog", "images": [IMAGE]}
RATIOS = """1:1 1:2 2:1 1:3 3:1 2:3 3:2 3:4 4:3 4:5 5:4 9:16 16:9 9:21 21:9""".split()  # noqa: SIM905


def parse(body: object) -> JobRequest:
    return parse_request(body)


def parse_or_error(body: object) -> tuple[JobRequest | None, InvalidRequestError | None]:
    try:
        return parse(body), None
    except InvalidRequestError as error:
        return None, error


def problems(body: object) -> dict[str, str]:
    """Return the allowed values of each invalid field."""
    with pytest.raises(InvalidRequestError) as error_info:
        parse(body)
    return {problem.field: problem.allowed for problem in error_info.value.problems}


def test_prompt_alone_gets_the_provider_defaults() -> None:
    request = parse(TEXT)

    assert request.model == TEXT_TO_IMAGE_MODEL
    assert request.input == {
        "prompt": "a lighthouse",
        "resolution": "1k",
        "quality": "medium",
        "output_format": "png",
    }
    assert request.references == ()


def test_edit_images_are_references_and_not_input() -> None:
    request = parse(EDIT)

    assert request.model == EDIT_MODEL
    assert request.references == (IMAGE,)
    assert "images" not in request.input


@pytest.mark.parametrize("body", [TEXT, EDIT])
@given(
    chosen=st.fixed_dictionaries(
        {},
        optional={
            "aspect_ratio": st.sampled_from(RATIOS),
            "resolution": st.sampled_from(["1k", "2k", "4k"]),
            "quality": st.sampled_from(["low", "medium", "high"]),
            "output_format": st.sampled_from(["png", "jpeg", "webp"]),
        },
    )
)
def test_every_declared_value_is_passed_on_unchanged(
    body: dict[str, Any], chosen: dict[str, str]
) -> None:
    request = parse(body | chosen)

    assert request.input.items() >= chosen.items()


def test_fifteen_aspect_ratios_are_allowed() -> None:
    assert len(RATIOS) == 15
    assert set(problems(TEXT | {"aspect_ratio": "7:5"})["aspect_ratio"].split("'")) >= set(RATIOS)


@pytest.mark.parametrize("count", [1, 16])
def test_edit_accepts_1_to_16_images(count: int) -> None:
    assert len(parse(EDIT | {"images": [IMAGE] * count}).references) == count


@pytest.mark.parametrize(
    ("change", "field", "allowed"),
    [
        ({"prompt": ""}, "prompt", "at least 1 character"),
        ({"prompt": " \n\t"}, "prompt", "at least 1 character"),
        ({"prompt": "x" * (MAX_PROMPT_CHARACTERS + 1)}, "prompt", "at most 32,000 characters"),
        ({"prompt": 5}, "prompt", "a string"),
        ({"prompt": None}, "prompt", "required"),
        ({"prompt": "\ud800"}, "prompt", "valid string"),
        ({"images": []}, "images", "at least 1 item"),
        ({"images": [IMAGE] * 17}, "images", "at most 16 items"),
        ({"images": IMAGE}, "images", "a list"),
        ({"images": [IMAGE, ""]}, "images.1", "at least 1 character"),
        ({"images": [IMAGE, 7]}, "images.1", "a string"),
        ({"images": [{"bucket": "assets", "key": "a.png"}]}, "images.0", "a string"),
        ({"aspect_ratio": "16:10"}, "aspect_ratio", "'16:9'"),
        ({"resolution": "8k"}, "resolution", "'1k', '2k' or '4k'"),
        ({"resolution": 1}, "resolution", "'1k', '2k' or '4k'"),
        ({"quality": "best"}, "quality", "'low', 'medium' or 'high'"),
        ({"output_format": "gif"}, "output_format", "'png', 'jpeg' or 'webp'"),
        ({"size": "1024x1024"}, "size", "aspect_ratio"),
        ({"enable_sync_mode": True}, "enable_sync_mode", "one of"),
        ({"enable_base64_output": False}, "enable_base64_output", "one of"),
        ({"deadline_seconds": 29}, "deadline_seconds", "30"),
        ({"deadline_seconds": 3601}, "deadline_seconds", "30 to 3600"),
        *(
            ({"deadline_seconds": deadline}, "deadline_seconds", "a whole number")
            for deadline in ("soon", True, 99.5)
        ),
        ({"operation": "draw"}, "operation", "text-to-image or edit"),
        ({"operation": ["edit"]}, "operation", "text-to-image or edit"),
        ({"operation": None}, "operation", "model and input"),
    ],
)
def test_invalid_field_is_named_with_its_allowed_values(
    change: dict[str, Any], field: str, allowed: str
) -> None:
    assert allowed in problems(EDIT | change)[field]


@pytest.mark.parametrize("field", ["prompt", "images"])
def test_missing_field_is_named(field: str) -> None:
    body = {name: value for name, value in EDIT.items() if name != field}

    assert problems(body) == {field: "required"}


def test_text_to_image_refuses_images() -> None:
    assert "images" in problems(TEXT | {"images": [IMAGE]})


def test_every_invalid_field_is_reported() -> None:
    assert problems(EDIT | {"prompt": "", "quality": "x", "seed": 1}).keys() == {
        "prompt",
        "quality",
        "seed",
    }


@pytest.mark.parametrize("body", [None, "text", 5, True, [], [TEXT]])
def test_body_that_is_not_an_object_is_refused(body: object) -> None:
    assert problems(body) == {"": "a JSON object"}


def test_prompt_of_the_maximum_length_is_accepted() -> None:
    prompt = "x" * MAX_PROMPT_CHARACTERS

    assert parse(TEXT | {"prompt": prompt}).input["prompt"] == prompt


def test_size_of_the_problems_is_limited() -> None:
    body = TEXT | {f"{n}{'x' * 200}": n for n in range(1000)}

    with pytest.raises(InvalidRequestError) as error_info:
        parse(body)

    problems_json = json.dumps([problem.model_dump() for problem in error_info.value.problems])
    assert 0 < len(problems_json) < 32_000


SECRET = "sesame-4711"
VALUES = st.sampled_from(
    [SECRET, [SECRET], {SECRET: SECRET}, f"{SECRET}://x", f"https://{SECRET}", 5, None, True, ""]
)


@given(
    st.dictionaries(
        st.sampled_from([*EDIT, "model", "input", "quality", "aspect_ratio", "deadline_seconds"]),
        VALUES,
    )
)
def test_errors_never_quote_values(change: dict[str, Any]) -> None:
    _, error = parse_or_error(EDIT | change)

    if error:
        assert SECRET not in json.dumps([problem.model_dump() for problem in error.problems])
        assert SECRET not in "".join(traceback.format_exception(error))
        assert all(problem.allowed for problem in error.problems)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


@given(
    JSON
    | st.dictionaries(
        st.sampled_from(["operation", "model", "input", "prompt", "images"]) | st.text(max_size=4),
        JSON
        | st.sampled_from(["edit", "text-to-image", EDIT_MODEL, "a/b"])
        | st.text(st.characters(codec=None)),
    )
)
def test_random_json_is_parsed_or_refused(body: object) -> None:
    request, error = parse_or_error(body)

    assert error is None or error.problems
    if request:
        # An accepted input can be stored and sent.
        input_json = json.dumps(request.input, ensure_ascii=False, allow_nan=False).encode()
        assert len(input_json) <= MAX_INPUT_BYTES
