"""A chain that cannot work is refused with the number of the step, before anything is charged."""

from typing import Any

import pytest

from darkroom.domain.errors import FieldProblem, InvalidRequestError
from darkroom.domain.parsing import parse_request
from darkroom.domain.requests import EditStep, ModelStep, Output
from tests.fakes.world import TEXT_TO_IMAGE

EDIT = {"operation": "edit", "prompt": "clean", "images": ["https://example.com/shoe.png"]}
VIDEO = {"model": "maker/some-model/image-to-video", "input": {"image": "$previous"}}


def then(*steps: Any, first: dict[str, Any] = TEXT_TO_IMAGE) -> tuple[EditStep | ModelStep, ...]:
    return parse_request({**first, "then": list(steps)}).then


def problems(*steps: Any, first: dict[str, Any] = TEXT_TO_IMAGE) -> list[FieldProblem]:
    with pytest.raises(InvalidRequestError) as caught:
        then(*steps, first=first)
    return caught.value.problems


def test_edit_takes_the_output_of_the_step_before_by_default() -> None:
    (step,) = then({"prompt": "clean"})

    assert isinstance(step, EditStep)
    assert step.images == (Output.PREVIOUS,)
    assert step.input == {
        "prompt": "clean", "resolution": "1k", "quality": "medium", "output_format": "png",
    }  # fmt: skip


def test_step_with_a_model_is_passed_through() -> None:
    (step,) = then({"model": "a/b", "input": {"image": "$previous", "extra": [1.5, "$5 off"]}})

    assert isinstance(step, ModelStep)
    assert step.input == {"image": "$previous", "extra": [1.5, "$5 off"]}
    assert step.outputs == {Output.PREVIOUS}


def test_request_without_steps_has_none() -> None:
    assert parse_request({**TEXT_TO_IMAGE, "then": None}).then == ()
    assert then() == ()


def test_every_kind_of_request_can_have_steps() -> None:
    model = {"model": "a/b", "input": {}}
    by_id = {
        "model": "openai/gpt-image-2/edit",
        "input": {"prompt": "x", "images": ["https://e.co/a"]},
    }
    for first in (TEXT_TO_IMAGE, EDIT, model, by_id):
        assert len(then({"prompt": "x"}, VIDEO, first=first)) == 2


@pytest.mark.parametrize(
    ("step", "field", "message"),
    [
        ({"prompt": "x", "qality": "low"}, "qality", "`qality` is not a field of this request."),
        ({"prompt": "x", "then": []}, "then", "`then` is not a field of this request."),
        ({"prompt": "x", "quality": "best"}, "quality", "`quality` must be 'low', 'medium' or"),
        ({"prompt": " "}, "prompt", "`prompt` is empty. Use at least 1 character."),
        ({}, "prompt", "`prompt` is missing."),
        ({"operation": "text-to-image", "prompt": "x"}, "operation", "`operation` must be 'edit'."),
        ({"prompt": "x", "images": []}, "images", "`images` has 0 items. Use at least 1 item."),
        ({"prompt": "x", "images": ["$last"]}, "images.0", "reference image 1 is no output of a"),
        ({"model": "a/b", "input": {"image": "$prev"}}, "input", "`input` is no output of a"),
        ({"model": "a/b"}, "input", "`input` is missing."),
        ({"model": "openai/gpt-image-2/edit", "input": {}}, "model", "`model` is GPT Image 2."),
        ({"model": "a/b", "input": {"enable_sync_mode": True}}, "input.enable_sync_mode",
         "`input.enable_sync_mode` can only be false"),
        ({"prompt": "x", "deadline_seconds": 5}, "deadline_seconds", "`deadline_seconds` must be"),
        ("edit", "", "the step is a string, not a JSON object."),
        (None, "", "the step is null, not a JSON object."),
    ],
)  # fmt: skip
def test_problem_names_its_step(step: Any, field: str, message: str) -> None:
    (problem,) = problems({"prompt": "x"}, step)

    assert problem.field == f"then.1.{field}".rstrip(".")
    assert problem.message.startswith(f"Step 3: {message}")
    assert problem.allowed


def test_problems_of_all_steps_are_returned_together() -> None:
    fields = [problem.field for problem in problems({}, {"prompt": "x", "size": 1}, "x")]

    assert fields == ["then.0.prompt", "then.1.size", "then.2"]


def test_chain_has_at_most_five_further_steps() -> None:
    assert len(then(*[{"prompt": "x"}] * 5)) == 5

    (problem,) = problems(*[{"prompt": "x"}] * 6)

    assert (problem.field, problem.message) == ("then", "`then` has 6 items. Use at most 5 items.")


def test_steps_of_a_chain_that_is_too_long_are_not_read() -> None:
    """To name the fields of a hundred thousand steps takes seconds."""
    assert [problem.field for problem in problems(*[{"size": 1}] * 6)] == ["then"]


def test_steps_are_a_list() -> None:
    with pytest.raises(InvalidRequestError) as caught:
        parse_request({**TEXT_TO_IMAGE, "then": {"prompt": "x"}})

    assert caught.value.problems[0].message == "`then` must be a list."


@pytest.mark.parametrize("first", [TEXT_TO_IMAGE, {"model": "a/b", "input": {}}])
@pytest.mark.parametrize(
    "step",
    [{"prompt": "x", "images": ["$source"]}, {"model": "a/b", "input": {"image": "$source"}}],
)
def test_source_needs_an_edit_as_first_job(first: dict[str, Any], step: dict[str, Any]) -> None:
    (problem,) = problems({"prompt": "x"}, step, first=first)

    assert problem.field.startswith("then.1.")
    assert "takes $source, but the first job has no reference image." in problem.message
    assert then(step, first=EDIT)


@pytest.mark.parametrize(
    "model",
    [
        "wavespeed-ai/wan-2.2/i2v-720p",
        "maker/image-to-video",
        "maker/tts",
        "maker/x/text-to-audio-fast",
    ],
)
def test_edit_cannot_take_the_output_of_a_model_that_makes_no_image(model: str) -> None:
    made = {"model": model, "input": {}}
    for found in (problems(made, {"prompt": "x"}), problems({"prompt": "x"}, first=made)):
        (problem,) = found
        assert problem.field.endswith(".images")
        assert f"cannot be $previous: {model} makes no image." in problem.message

    assert then(made, {"prompt": "x", "images": ["$first"]})
    assert then(made, {"model": "a/b", "input": {"video": "$previous"}})


@pytest.mark.parametrize(
    "model", ["google/nano-banana/edit", "maker/text-to-image", "maker/image-upscaler", "bria/tti2"]
)
def test_other_models_may_make_images(model: str) -> None:
    assert then({"model": model, "input": {}}, {"prompt": "x"})
