"""Parse a request body into a typed request, or into a list of problems."""

import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from darkroom.domain.errors import MAX_PROBLEMS, FieldProblem, InvalidRequestError, labelled
from darkroom.domain.requests import (
    DARKROOM_FIELDS,
    EDIT_MODEL,
    MAX_STEPS,
    TEXT_TO_IMAGE_MODEL,
    AnyModel,
    BaseRequest,
    Edit,
    EditStep,
    JobRequest,
    ModelStep,
    Operation,
    TextToImage,
)
from darkroom.domain.values import given
from darkroom.domain.wavespeed_input import read_input

# Retired fields, and what to use instead.
RETIRED_FIELDS = {"lane": "Use `priority`: normal or low."}
REQUIRED = "required"  # the `allowed` of a missing field

_OPERATIONS: dict[str, type[TextToImage | Edit]] = {
    Operation.TEXT_TO_IMAGE: TextToImage,
    Operation.EDIT: Edit,
}
MAX_FIELD_NAME = 100
_IN_STEP = re.compile(r"then\.(\d+)\.(.+)")
# How Pydantic shows a value of a Choice, such as <Operation.EDIT: 'edit'>.
_CHOICE = re.compile(r"<\w+\.\w+: ('[^']*')>")
_TYPES = {
    "string_type": "a string",
    "int_type": "a whole number",
    "dict_type": "a JSON object",
    "bool_type": "true or false",
    "tuple_type": "a list",
}
_GPT_IMAGE_2 = {TEXT_TO_IMAGE_MODEL: Operation.TEXT_TO_IMAGE, EDIT_MODEL: Operation.EDIT}


def parse_request(body: object) -> JobRequest:
    """Return the typed request. Raises InvalidRequestError with one problem per invalid field."""
    if not isinstance(body, Mapping):
        raise InvalidRequestError.of(
            "", f"The request is {_type_name(body)}, not a JSON object.", "a JSON object"
        )
    fields = given(body)
    if "then" in fields:
        fields["then"] = read_steps(fields["then"])
    return _parse_model(fields) if "model" in fields else _parse_operation(fields)


def field_problems(
    error: ValidationError, names: Iterable[str], prefix: str = ""
) -> list[FieldProblem]:
    """Return the problems of a request model. `names` are the model's fields."""
    details = error.errors()
    # Pydantic also reports a list with an invalid item as too short, since it counts valid items.
    lists = {detail["loc"][:1] for detail in details if len(detail["loc"]) > 1}
    kept = [d for d in details if d["type"] != "too_short" or d["loc"] not in lists]
    return [_problem(detail, names, prefix) for detail in kept[:MAX_PROBLEMS]]


def unknown_field(name: str, names: Iterable[str]) -> FieldProblem:
    """Return the problem of a field that the request does not have. `names` are its fields.

    The name comes from the caller and may be long: it is cut to MAX_FIELD_NAME characters.
    """
    field, allowed = name[:MAX_FIELD_NAME], f"one of {', '.join(names)}"
    hint = RETIRED_FIELDS.get(name, f"Use {allowed}.")
    message = f"`{field}` is not a field of this request. {hint}"
    return FieldProblem(field=field, message=message, allowed=allowed)


def _parse_operation(body: Mapping[str, Any], prefix: str = "") -> TextToImage | Edit:
    try:
        operation = Operation(str(body.get("operation")))
        request_type = _OPERATIONS[operation]
    except (KeyError, ValueError):
        allowed = f"{' or '.join(_OPERATIONS)}; or send model and input instead"
        problem = "is not known" if "operation" in body else "is missing"
        raise InvalidRequestError.of(
            "operation", f"`operation` {problem}. Use {allowed}.", allowed
        ) from None
    return validate(request_type, {**body, "operation": operation}, prefix)


def _parse_model(body: Mapping[str, Any]) -> JobRequest:
    request = validate(AnyModel, _with_read_input(body))
    operation = _GPT_IMAGE_2.get(request.model.lower())
    if operation is None:
        return request
    # The same rules apply to the model under its provider name.
    for name in DARKROOM_FIELDS:
        if request.input.get(name) is not None:
            field = f"input.{name}"
            message = f"`{field}` is not a field of the model. Remove the field."
            raise InvalidRequestError.of(field, message, "leave it out")
    settings = {name: getattr(request, name) for name in BaseRequest.model_fields}
    return _parse_operation({**request.input, **settings, "operation": operation}, "input.")


def read_steps(steps: object) -> object:
    """Return the typed steps of a chain. Raises InvalidRequestError for all steps at once.

    A value that is no list is unchanged; the validation of the request refuses it.
    """
    if not isinstance(steps, list | tuple):
        return steps
    if len(steps) > MAX_STEPS:  # a body has room for a hundred thousand
        allowed = f"at most {MAX_STEPS} items"
        message = f"`then` has {len(steps)} items. Use {allowed}."
        raise InvalidRequestError.of("then", message, allowed)
    read: list[EditStep | ModelStep] = []
    problems: list[FieldProblem] = []
    for number, step in enumerate(steps, 1):
        try:
            read.append(_read_step(step))
        except InvalidRequestError as error:
            problems += [at_step(number, problem) for problem in error.problems]
    if problems:
        raise InvalidRequestError(problems)
    return tuple(read)


def at_step(number: int, problem: FieldProblem) -> FieldProblem:
    """Return the problem of a further step as one of the request. `number` is from 1.

    Messages count the request itself as step 1.
    """
    field = f"then.{number - 1}.{problem.field}".rstrip(".")[:MAX_FIELD_NAME]
    message = labelled(f"Step {number + 1}", problem.message)
    return problem.model_copy(update={"field": field, "message": message})


def _read_step(step: object) -> EditStep | ModelStep:
    if isinstance(step, EditStep | ModelStep):
        return step
    if not isinstance(step, Mapping):
        allowed = "a JSON object"
        raise InvalidRequestError.of("", f"The step is {_type_name(step)}, not {allowed}.", allowed)
    fields = given(step)
    if "model" in fields:
        return validate(ModelStep, _with_read_input(fields))
    if "operation" in fields:
        with suppress(ValueError):  # validation refuses an unknown operation
            fields["operation"] = Operation(str(fields["operation"]))
    return validate(EditStep, fields)


def _with_read_input(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the body with the input of its model read by WaveSpeed's rules."""
    model, model_input = body["model"], body.get("input")
    if not (isinstance(model, str) and isinstance(model_input, Mapping)):
        return body
    try:
        return {**body, "input": read_input(model, model_input)}
    except InvalidRequestError as error:
        raise InvalidRequestError([_in_input(problem) for problem in error.problems]) from None


def _in_input(problem: FieldProblem) -> FieldProblem:
    """Return a problem of the model's input with its field named relative to the request."""
    field = f"input.{problem.field}"
    message = problem.message.replace(f"`{problem.field}`", f"`{field}`", 1)
    return problem.model_copy(update={"field": field, "message": message})


def validate[R: BaseModel](request_type: type[R], body: Mapping[str, Any], prefix: str = "") -> R:
    """Return the typed body. Raises InvalidRequestError with one problem per invalid field."""
    try:
        return request_type.model_validate(body)
    except ValidationError as error:
        names = [n for n in request_type.model_fields if not prefix or n not in DARKROOM_FIELDS]
        raise InvalidRequestError(field_problems(error, names, prefix)) from None


def _problem(error: ErrorDetails, names: Iterable[str], prefix: str) -> FieldProblem:
    path = prefix + path_of(error)
    if error["type"] == "extra_forbidden":
        return unknown_field(path, names)
    field = path[:MAX_FIELD_NAME]
    message, allowed = explain(error)
    subject = f"`{field}`"
    match error["loc"]:
        case ("images", int(index)):
            subject = f"Reference image {index + 1}"
    if step := _IN_STEP.fullmatch(field):  # a rule across steps
        subject = f"Step {int(step[1]) + 2}: `{step[2]}`"
    return FieldProblem(field=field, message=f"{subject} {message}", allowed=allowed)


def path_of(error: ErrorDetails) -> str:
    """Return the path of the invalid value, such as `then.1.images`."""
    part = error.get("ctx", {}).get("part")
    return ".".join(map(str, (*error["loc"], part) if part else error["loc"]))


def explain(error: ErrorDetails) -> tuple[str, str]:
    """Return the message of an error without its subject, and the allowed values.

    An error of `requests.invalid` has both. The other cases are Pydantic's own rules.
    """
    context = error.get("ctx", {})
    match error["type"]:
        case "invalid":
            return context["message"], context["allowed"]
        case "missing":
            return "is missing.", REQUIRED
        case "enum" | "literal_error":
            allowed = _CHOICE.sub(r"\1", str(context["expected"]))
            return f"must be {allowed}.", allowed
        case "string_too_short":
            allowed = "at least 1 character"
            return f"is empty. Use {allowed}.", allowed
        case "string_too_long":
            allowed = f"at most {context['max_length']:,} characters"
            return f"is too long. Use {allowed}.", allowed
        case "too_short" | "too_long":
            most = context.get("max_length")
            allowed = "at least 1 item" if most is None else f"at most {most} items"
            return f"has {context['actual_length']} items. Use {allowed}.", allowed
        case "greater_than_equal" | "less_than_equal":
            low, high = context.get("ge"), context.get("le")
            allowed = f"{low} or more" if high is None else f"{high} or less"
            return f"must be {allowed}.", allowed
        case kind if kind in _TYPES:
            return f"must be {_TYPES[kind]}.", _TYPES[kind]
        case _:
            return f"is not valid. {error['msg']}.", error["msg"]


def _type_name(value: object) -> str:
    match value:
        case None:
            return "null"
        case str():
            return "a string"
        case list():
            return "a list"
        case _:
            return "a number or a boolean"
