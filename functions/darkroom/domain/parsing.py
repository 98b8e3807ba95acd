"""Parse a request body into a typed request, or into a list of problems."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from darkroom.domain.errors import FieldProblem, InvalidRequestError
from darkroom.domain.requests import (
    EDIT_MODEL,
    MAX_IMAGES,
    MAX_INPUT_BYTES,
    NOT_MODELS,
    TEXT_TO_IMAGE_MODEL,
    AnyModel,
    Edit,
    JobRequest,
    Operation,
    TextToImage,
)

# Sync mode returns 504 while the work continues and is billed. Base64 output exceeds the size limit
# of a workflow step.
NEVER_SENT = ("enable_sync_mode", "enable_base64_output")
# Retired fields, and what to use instead.
RETIRED_FIELDS = {"lane": "Use `priority`: normal or low."}
REQUIRED = "required"  # the `allowed` of a missing field

_OPERATIONS: dict[str, type[TextToImage | Edit]] = {
    Operation.TEXT_TO_IMAGE: TextToImage,
    Operation.EDIT: Edit,
}
_DARKROOM_FIELDS = ("deadline_seconds", "priority", "operation")
# A rejection is published as an event, and an event has at most 256 KB.
_MAX_PROBLEMS, MAX_FIELD_NAME = 32, 100
_MAX_DEPTH = 100  # levels; the JSON code for records fails somewhere above 200
_TYPES = {
    "string_type": "a string",
    "int_type": "a whole number",
    "dict_type": "a JSON object",
    "bool_type": "true or false",
}
_GPT_IMAGE_2 = {TEXT_TO_IMAGE_MODEL: Operation.TEXT_TO_IMAGE, EDIT_MODEL: Operation.EDIT}


def parse_request(body: object, *, max_deadline_seconds: int) -> JobRequest:
    """Return the typed request. Raises InvalidRequestError with one problem per invalid field."""
    if not isinstance(body, Mapping):
        raise InvalidRequestError.of(
            "", f"The request is {_type_name(body)}, not a JSON object.", "a JSON object"
        )
    request = _parse_model(body) if "model" in body else _parse_operation(body)
    if (request.deadline_seconds or 0) > max_deadline_seconds:
        allowed = f"30 to {max_deadline_seconds}"
        raise InvalidRequestError.of(
            "deadline_seconds",
            f"`deadline_seconds` is longer than this deployment allows. Use {allowed}.",
            allowed,
        )
    return request


def field_problems(
    error: ValidationError, names: Iterable[str], prefix: str = ""
) -> list[FieldProblem]:
    """Return the problems of a request model. `names` are the model's fields."""
    details = error.errors()
    # Pydantic also reports a list with an invalid item as too short, since it counts valid items.
    lists = {detail["loc"][:1] for detail in details if len(detail["loc"]) > 1}
    kept = [d for d in details if d["type"] != "too_short" or d["loc"] not in lists]
    return [_problem(detail, names, prefix) for detail in kept[:_MAX_PROBLEMS]]


def unknown_field(name: str, names: Iterable[str]) -> FieldProblem:
    """Return the problem of a field that the request does not have. `names` are its fields.

    The name comes from the caller and may be long: it is cut to MAX_FIELD_NAME characters.
    """
    field, allowed = name[:MAX_FIELD_NAME], f"one of {', '.join(names)}"
    hint = RETIRED_FIELDS.get(name, f"Use {allowed}.")
    message = f"`{field}` is not a field of this request. {hint}"
    return FieldProblem(field=field, message=message, allowed=allowed)


def _parse_operation(body: Mapping[str, Any], prefix: str = "") -> TextToImage | Edit:
    operation = body.get("operation")
    request_type = _OPERATIONS.get(operation) if isinstance(operation, str) else None
    if request_type is None:
        allowed = f"{' or '.join(_OPERATIONS)}; or send model and input instead"
        problem = "is missing" if operation is None else "is not known"
        raise InvalidRequestError.of("operation", f"`operation` {problem}. Use {allowed}.", allowed)
    return _validate(request_type, body, prefix)


def _parse_model(body: Mapping[str, Any]) -> JobRequest:
    request = _validate(AnyModel, body)
    if request.model.partition("/")[0].lower() in NOT_MODELS:
        allowed = f"a model id, such as {EDIT_MODEL}"
        raise InvalidRequestError.of(
            "model", f"`model` is another WaveSpeed endpoint. Use {allowed}.", allowed
        )
    for name in NEVER_SENT:
        if name in request.input:
            raise _not_allowed(name, "is not supported: outputs arrive as files")
    try:
        size = len(json.dumps(request.input, ensure_ascii=False, allow_nan=False).encode())
    except (ValueError, RecursionError):
        # 1e999, half of a surrogate pair, or a thousand brackets.
        message = (
            "`input` is not plain JSON: it has an infinite number, incomplete Unicode or too many"
            " levels."
        )
        raise InvalidRequestError.of("input", message, "plain JSON") from None
    if not _is_within_depth(request.input, _MAX_DEPTH):
        raise InvalidRequestError.of(
            "input",
            f"`input` is nested too deep. Use at most {_MAX_DEPTH} levels.",
            f"{_MAX_DEPTH} levels",
        )
    if size > MAX_INPUT_BYTES:
        raise InvalidRequestError.of(
            "input",
            f"`input` has {size:,} bytes of JSON; the limit is {MAX_INPUT_BYTES:,} bytes.",
            f"{MAX_INPUT_BYTES} bytes of JSON",
        )
    if operation := _GPT_IMAGE_2.get(request.model):
        # The same rules apply to the model under its provider name.
        for name in _DARKROOM_FIELDS:
            if name in request.input:
                raise _not_allowed(name, "is not a field of the model")
        fields = {
            **request.input,
            "operation": operation,
            "deadline_seconds": request.deadline_seconds,
            "priority": request.priority,
        }
        return _parse_operation(fields, "input.")
    return request


def _not_allowed(name: str, reason: str) -> InvalidRequestError:
    return InvalidRequestError.of(
        f"input.{name}", f"`input.{name}` {reason}. Remove the field.", "leave it out"
    )


def _is_within_depth(value: object, levels: int) -> bool:
    match value:
        case dict():
            children = list(value.values())
        case list():
            children = value
        case _:
            return True
    return levels > 0 and all(_is_within_depth(child, levels - 1) for child in children)


def _validate[R: BaseModel](request_type: type[R], body: Mapping[str, Any], prefix: str = "") -> R:
    try:
        return request_type.model_validate(body)
    except ValidationError as error:
        # Darkroom's own fields are not fields of a model's `input`.
        names = [n for n in request_type.model_fields if not prefix or n not in _DARKROOM_FIELDS]
        raise InvalidRequestError(field_problems(error, names, prefix)) from None


def _problem(error: ErrorDetails, names: Iterable[str], prefix: str) -> FieldProblem:
    path = prefix + ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        return unknown_field(path, names)
    field = path[:MAX_FIELD_NAME]
    message, allowed = _explain(error)
    subject = f"`{field}`"
    match error["loc"]:
        case ("images", int(index)):
            subject = f"Reference image {index + 1}"
    return FieldProblem(field=field, message=f"{subject} {message}", allowed=allowed)


def _explain(error: ErrorDetails) -> tuple[str, str]:
    """Return the message without its subject, and the allowed values."""
    context = error.get("ctx", {})
    match error["type"]:
        case "missing":
            return "is missing.", REQUIRED
        case "enum" | "literal_error":
            allowed = str(context["expected"])
            return f"must be {allowed}.", allowed
        case "string_too_short" | "value_error":
            allowed = "at least 1 character"
            return f"is empty. Use {allowed}.", allowed
        case "string_too_long":
            allowed = f"at most {context['max_length']:,} characters"
            return f"is too long. Use {allowed}.", allowed
        case "too_short" | "too_long":
            allowed = f"1 to {MAX_IMAGES} items"
            return f"has {context['actual_length']} items. Use {allowed}.", allowed
        case "greater_than_equal" | "less_than_equal":
            low, high = context.get("ge"), context.get("le")
            allowed = f"{low} or more" if high is None else f"{high} or less"
            return f"must be {allowed}.", allowed
        case "string_type" | "int_type" | "dict_type" | "bool_type":
            allowed = _TYPES[error["type"]]
            return f"must be {allowed}.", allowed
        case "string_pattern_mismatch":
            return f"is not a model id. Use an id such as {EDIT_MODEL}.", "maker/model"
        case "tuple_type":
            allowed = f"a list of 1 to {MAX_IMAGES} strings"
            return f"must be {allowed}.", allowed
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
