"""The input of a model as WaveSpeed's clients send it, with fields that change nothing removed.

Clients of other image models send options that GPT Image 2 does not have, mostly with the value of
the default: `n: 1`, `quality: auto`. Such a value is taken. Any other value is refused by its name,
because the output would differ from what was asked.
"""

from collections.abc import Mapping
from typing import Any

from darkroom.domain.errors import FieldProblem, InvalidRequestError
from darkroom.domain.requests import EDIT_MODEL, TEXT_TO_IMAGE_MODEL, ImageSettings

_REQUIRED = {TEXT_TO_IMAGE_MODEL: ("prompt",), EDIT_MODEL: ("prompt", "images")}
# Of any model: options that are refused unless they are false, and the reason. Sync mode returns
# 504 while the work continues and is billed. Base64 output exceeds the size limit of a step.
NEVER_SENT = {
    "enable_sync_mode": "an image can take longer than a request may last. Poll the prediction"
    " instead, as the SDKs do by default",
    "enable_base64_output": "outputs are files. Download them from the URLs in `outputs` instead",
}
_CALLBACKS = ("webhook", "webhook_url", "callback_url")
_USE_PARAMETER = (
    "is not part of the model's input. Use the query parameter `webhook` of `POST /api/v3/…`, or"
    " the field `callback_url` of `POST /v1/jobs`."
)
# Options that GPT Image 2 does not have, and the values that change nothing, as lower-case text.
_IGNORED_VALUES = {
    "n": ("1",),
    "num_images": ("1",),
    "num_outputs": ("1",),
    "max_images": ("1",),
    "batch_size": ("1",),
    "seed": ("-1",),
    "background": ("auto", "opaque"),
    "moderation": ("auto",),
    "response_format": ("url",),
    "stream": ("false",),
}
# Settings of which `auto` is another name for the default.
_AUTO = ("quality", "resolution", "aspect_ratio")
# The sizes of OpenAI's image API, and the aspect ratio of each at 1k.
_SIZES = {"1024x1024": "1:1", "1536x1024": "3:2", "1024x1536": "2:3"}
_SIZE_VALUES = ", ".join(_SIZES)


def read_input(model: str, model_input: Mapping[str, Any]) -> dict[str, Any]:
    """Return the input without fields that equal a default. Raises InvalidRequestError."""
    problems = [
        _problem(name, f"`{name}` {_USE_PARAMETER}", "leave it out")
        for name in _CALLBACKS
        if model_input.get(name)
    ]
    problems += [
        _problem(name, f"`{name}` can only be false, because {reason}.", "false")
        for name, reason in NEVER_SENT.items()
        if _text(model_input.get(name)) not in ("", "false")
    ]
    if problems:
        raise InvalidRequestError(problems)
    fields = {n: v for n, v in model_input.items() if n not in (*NEVER_SENT, *_CALLBACKS)}
    required = _REQUIRED.get(model)
    return fields if required is None else _read_image_input(fields, required)


def _read_image_input(fields: Mapping[str, Any], required: tuple[str, ...]) -> dict[str, Any]:
    given: dict[str, Any] = {}
    problems: list[FieldProblem] = []
    for name, value in fields.items():
        if name in required:
            given[name] = value
        elif value in (None, "", [], {}) or (name in _AUTO and _text(value) == "auto"):
            continue
        elif name in ImageSettings.model_fields or name not in _IGNORED_VALUES:
            given[name] = value
        elif _text(value) not in _IGNORED_VALUES[name]:
            allowed = " or ".join(_IGNORED_VALUES[name])
            message = f"`{name}` can only be {allowed}: GPT Image 2 has no other value."
            problems.append(_problem(name, message, allowed))
    if problems:
        raise InvalidRequestError(problems)
    if "size" in given:
        given |= _settings_of_size(given.pop("size"), given)
    return given


def _settings_of_size(size: object, fields: Mapping[str, Any]) -> dict[str, str]:
    """Return the settings of a size such as 1024x1024 or 1024*1024. Raises InvalidRequestError."""
    name = _text(size).replace(" ", "").replace("*", "x").replace("\u00d7", "x")
    if name == "auto":
        return {}
    if name not in _SIZES:
        message = (
            f"`size` must be {_SIZE_VALUES} or auto. For other sizes, use `resolution` and"
            " `aspect_ratio` instead."
        )
        raise InvalidRequestError.of("size", message, _SIZE_VALUES)
    settings = {"aspect_ratio": _SIZES[name], "resolution": "1k"}
    for field, value in settings.items():
        if field in fields and _text(fields[field]) != value:
            message = f"`size` is {name}, which contradicts `{field}`. Remove one of the two."
            raise InvalidRequestError.of("size", message, _SIZE_VALUES)
    return settings


def _problem(name: str, message: str, allowed: str) -> FieldProblem:
    return FieldProblem(field=name, message=message, allowed=allowed)


def _text(value: object) -> str:
    """Return a JSON value as lower-case text. A list or an object has none: it is no default."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case float() if value.is_integer():
            return str(int(value))
        case str():
            return value.strip().lower()
        case int() | float():
            return str(value)
        case _:
            return repr(value)
