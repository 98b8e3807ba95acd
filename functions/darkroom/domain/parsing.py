"""From a caller's words to a request, or to a list of what is wrong with them."""

import json
from collections.abc import Mapping
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

# Sync mode answers 504 for work that goes on and is billed; base64 output does not fit our steps.
NEVER_SENT = ("enable_sync_mode", "enable_base64_output")
_OPERATIONS: dict[str, type[TextToImage | Edit]] = {
    Operation.TEXT_TO_IMAGE: TextToImage,
    Operation.EDIT: Edit,
}
_OURS = ("deadline_seconds", "priority", "operation")
# A refusal is an event, and an event has 256 KB.
_MAX_PROBLEMS, _MAX_FIELD = 32, 100
_MAX_DEPTH = 100  # what reads and writes records gives up somewhere above 200
_TYPES = {
    "string_type": "a string",
    "int_type": "a whole number",
    "dict_type": "a JSON object",
    "bool_type": "true or false",
}
_GPT_IMAGE_2 = {TEXT_TO_IMAGE_MODEL: Operation.TEXT_TO_IMAGE, EDIT_MODEL: Operation.EDIT}


def parse_request(body: object, *, max_deadline_seconds: int) -> JobRequest:
    """Return the typed request; raises InvalidRequestError with one entry a bad field."""
    if not isinstance(body, Mapping):
        raise InvalidRequestError.of("", f"is {_kind(body)}", "a JSON object")
    request = _parse_model(body) if "model" in body else _parse_operation(body)
    if (request.deadline_seconds or 0) > max_deadline_seconds:
        raise InvalidRequestError.of(
            "deadline_seconds", "is longer than this stack allows", f"30 to {max_deadline_seconds}"
        )
    return request


def _parse_operation(body: Mapping[str, Any], prefix: str = "") -> TextToImage | Edit:
    operation = body.get("operation")
    kind = _OPERATIONS.get(operation) if isinstance(operation, str) else None
    if kind is None:
        raise InvalidRequestError.of(
            "operation",
            "is missing" if operation is None else "is not known",
            f"{' or '.join(_OPERATIONS)}; or, instead of it, model and input",
        )
    return _validate(kind, body, prefix)


def _parse_model(body: Mapping[str, Any]) -> JobRequest:
    request = _validate(AnyModel, body)
    if request.model.partition("/")[0].lower() in NOT_MODELS:
        raise InvalidRequestError.of("model", "is no model", "a model id, such as maker/model")
    for name in NEVER_SENT:
        if name in request.input:
            raise InvalidRequestError.of(
                f"input.{name}", "is never sent: outputs arrive as files", "leave it out"
            )
    try:
        size = len(json.dumps(request.input, ensure_ascii=False, allow_nan=False).encode())
    except (ValueError, RecursionError):  # 1e999, half a surrogate pair, a thousand brackets
        raise InvalidRequestError.of("input", "is not valid", "plain JSON") from None
    if not _is_flat(request.input, _MAX_DEPTH):
        raise InvalidRequestError.of("input", "is nested too deep", f"{_MAX_DEPTH} levels")
    if size > MAX_INPUT_BYTES:
        raise InvalidRequestError.of("input", "is too large", f"{MAX_INPUT_BYTES} bytes of JSON")
    if operation := _GPT_IMAGE_2.get(request.model):
        # The same model under its provider's name has the same rules.
        for name in _OURS:
            if name in request.input:
                raise InvalidRequestError.of(
                    f"input.{name}", "is not a field of the model", "leave it out"
                )
        known = {
            **request.input,
            "operation": operation,
            "deadline_seconds": request.deadline_seconds,
            "priority": request.priority,
        }
        return _parse_operation(known, "input.")
    return request


def _is_flat(value: object, levels: int) -> bool:
    match value:
        case dict():
            inner = list(value.values())
        case list():
            inner = value
        case _:
            return True
    return levels > 0 and all(_is_flat(each, levels - 1) for each in inner)


def _validate[R: BaseModel](kind: type[R], body: Mapping[str, Any], prefix: str = "") -> R:
    try:
        return kind.model_validate(body)
    except ValidationError as error:
        # Inside a model's own input, ours are not fields.
        names = [n for n in kind.model_fields if not prefix or n not in _OURS]
        allowed = f"one of {', '.join(names)}"
        found = error.errors()
        # A list with a bad item is also said to be too short, by the items that are good.
        lists = {each["loc"][:1] for each in found if len(each["loc"]) > 1}
        kept = [e for e in found if e["type"] != "too_short" or e["loc"] not in lists]
        problems = [_problem(each, allowed, prefix) for each in kept[:_MAX_PROBLEMS]]
        raise InvalidRequestError(problems) from None


def _problem(error: ErrorDetails, fields: str, prefix: str) -> FieldProblem:
    path = prefix + ".".join(str(part) for part in error["loc"])
    # An unknown field's name is the caller's own: it may be long.
    field = path[:_MAX_FIELD]
    context = error.get("ctx", {})
    match error["type"]:
        case "missing":
            return FieldProblem(field=field, message="is missing", allowed="required")
        case "extra_forbidden":
            return FieldProblem(
                field=field, message="is not a field of this request", allowed=fields
            )
        case "enum" | "literal_error":
            return FieldProblem(
                field=field, message="is not one of the values", allowed=str(context["expected"])
            )
        case "string_too_short" | "value_error":
            return FieldProblem(field=field, message="is empty", allowed="at least 1 character")
        case "string_too_long":
            limit = f"at most {context['max_length']:,} characters"
            return FieldProblem(field=field, message="is too long", allowed=limit)
        case "too_short" | "too_long":
            return FieldProblem(
                field=field,
                message=f"has {context['actual_length']} items",
                allowed=f"1 to {MAX_IMAGES} items",
            )
        case "greater_than_equal" | "less_than_equal":
            low, high = context.get("ge"), context.get("le")
            limit = f"{low} or more" if high is None else f"{high} or less"
            return FieldProblem(field=field, message="is out of range", allowed=limit)
        case "string_type" | "int_type" | "dict_type" | "bool_type":
            return FieldProblem(
                field=field, message="is of another type", allowed=_TYPES[error["type"]]
            )
        case "string_pattern_mismatch":
            return FieldProblem(field=field, message="is no model id", allowed="maker/model")
        case "tuple_type":
            limit = f"a list of 1 to {MAX_IMAGES} strings"
            return FieldProblem(field=field, message="is not a list", allowed=limit)
        case _:
            return FieldProblem(field=field, message="is not valid", allowed=error["msg"])


def _kind(value: object) -> str:
    match value:
        case None:
            return "null"
        case str():
            return "a string"
        case list():
            return "a list"
        case _:
            return "a number or boolean"
