"""The provider's models: what a person needs to find one and to fill in its input.

Names, texts and schemas come from the provider. Only known parts are kept, each of limited size.
"""

import gzip
import json
import math
import re
import zlib
from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from darkroom.domain.requests import is_model_id
from darkroom.domain.wavespeed_input import NEVER_SENT

MAX_MODELS = 5_000
_MAX_LINE, _MAX_TEXT, _MAX_ID = 120, 600, 200  # characters
_MAX_FIELDS, _MAX_CHOICES, _MAX_DEFAULT = 60, 120, 2_000  # the last in bytes of JSON

type Choice = str | int | float | bool


class FieldType(StrEnum):
    """The type of a field's value. `json` is any value that the other types do not describe."""

    STRING = "string"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    JSON = "json"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, defer_build=True)


class ModelField(_Frozen):
    """A field of a model's input."""

    name: str
    type: FieldType
    label: str | None = Field(default=None, description="The field's title, if it has one.")
    description: str = Field(default="", description="WaveSpeed's text about the field.")
    required: bool = False
    default: Any = Field(default=None, description="The value that WaveSpeed uses without one.")
    is_list: bool = Field(default=False, description="Whether the value is a list of this type.")
    media: Literal["image", "video", "audio", "file"] | None = Field(
        default=None, description="The kind of file whose URL or upload the field takes."
    )
    is_long: bool = Field(default=False, description="Whether the value is text of several lines.")
    is_advanced: bool = Field(
        default=False, description="Whether most requests leave the field out."
    )
    choices: tuple[Choice, ...] = Field(default=(), description="The permitted values, if closed.")
    minimum: float | None = None
    maximum: float | None = None
    step: float | None = None
    min_items: int | None = Field(default=None, description="Least number of items of a list.")
    max_items: int | None = Field(default=None, description="Largest number of items of a list.")


class ModelSummary(_Frozen):
    """A model in a list."""

    id: str = Field(description="WaveSpeed's model id, for `model` of a job.")
    name: str
    type: str = Field(description="The kind of task, for example `image-to-video`. Can be empty.")
    description: str
    base_price_micro_usd: int | None = Field(
        description="The price in micro-USD of a run with default values. null: not known."
    )


class Model(ModelSummary):
    """A model with the fields of its input."""

    rank: int = Field(default=0, description="The provider's order: a popular model is higher.")
    fields: tuple[ModelField, ...] = Field(
        description="The fields of the input in order of display. Empty: not known."
    )

    def matches(self, words: Iterable[str]) -> bool:
        """Return whether the model's texts contain every word, which is in lower case."""
        text = f"{self.id} {self.name} {self.type} {self.description}".lower()
        return all(word in text for word in words)

    def is_named(self, words: Iterable[str]) -> bool:
        """Return whether the id or the name has every word, which is in lower case."""
        return all(word in f"{self.id} {self.name}".lower() for word in words)

    @property
    def order(self) -> tuple[int, str]:
        """The place in a list: popular models first."""
        return (-self.rank, self.id)


class Catalogue(_Frozen):
    """The models of the provider, popular ones first."""

    read_at: datetime
    models: tuple[Model, ...]

    def compressed(self) -> bytes:
        """Return the catalogue as compressed JSON, about a tenth of the provider's reply."""
        return gzip.compress(self.model_dump_json(exclude_defaults=True).encode(), mtime=0)

    @classmethod
    def decompressed(cls, data: bytes) -> Self:
        """Return the catalogue from `compressed`. Raises ValueError."""
        try:
            return cls.model_validate_json(gzip.decompress(data))
        except (OSError, EOFError, zlib.error) as error:
            raise ValueError(type(error).__name__) from None


def read_model(entry: object, base_price_micro_usd: int | None) -> Model | None:
    """Return the model of an entry in the provider's list; None if no job could name it."""
    if not isinstance(entry, Mapping):
        return None
    model_id = entry.get("model_id")
    if not isinstance(model_id, str) or len(model_id) > _MAX_ID or not is_model_id(model_id):
        return None
    return Model(
        id=model_id,
        name=_text(entry.get("name"), _MAX_LINE) or model_id,
        type=_text(entry.get("type"), _MAX_LINE),
        description=_text(entry.get("description"), _MAX_TEXT),
        base_price_micro_usd=base_price_micro_usd,
        rank=_whole(entry.get("sort_order")) or 0,
        fields=_read_fields(_request_schema(entry)),
    )


def _request_schema(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    schemas = _mapping(entry.get("api_schema")).get("api_schemas")
    runs = [
        _mapping(each)
        for each in (schemas if isinstance(schemas, list) else [])
        if _mapping(each).get("type") == "model_run"
    ]
    return _mapping(runs[0].get("request_schema")) if runs else {}


def _read_fields(schema: Mapping[str, Any]) -> tuple[ModelField, ...]:
    properties = _mapping(schema.get("properties"))
    required, order = _names(schema.get("required")), _names(schema.get("x-order-properties"))
    names = sorted(
        (name for name in properties if _is_offered(name, _mapping(properties[name]))),
        key=lambda name: order.index(name) if name in order else len(order),
    )[:_MAX_FIELDS]
    return tuple(
        _read_field(name, _mapping(properties[name]), required=name in required) for name in names
    )


def _is_offered(name: object, schema: Mapping[str, Any]) -> bool:
    """Return whether a caller may set the field. A job never sends some fields."""
    is_name = isinstance(name, str) and 0 < len(name) <= _MAX_LINE
    return is_name and name not in NEVER_SENT and schema.get("x-hidden") is not True


def _read_field(name: str, schema: Mapping[str, Any], *, required: bool) -> ModelField:
    kind = _type(schema)
    items = _mapping(schema.get("items")) if kind == "array" else schema
    is_list = kind == "array" and _type(items) in _TYPES
    value_type = _TYPES.get(_type(items) if is_list else kind, FieldType.JSON)
    media = _media(name, schema, items) if value_type is FieldType.STRING else None
    is_long = value_type is FieldType.STRING and not media and bool(_LONG.search(name))
    choices = _choices(items) or _choices(schema)
    return ModelField(
        name=name,
        type=value_type,
        label=_text(schema.get("title"), _MAX_LINE) or None,
        description=_text(schema.get("description"), _MAX_TEXT),
        required=required,
        default=_default(schema.get("default")),
        is_list=is_list,
        media=media,
        is_long=is_long and not choices,
        is_advanced=not (required or media or name in _USUAL or (is_long and name == "prompt")),
        choices=() if media else choices,
        minimum=_number(items.get("minimum")),
        maximum=_number(items.get("maximum")),
        step=_step(items),
        min_items=_whole(schema.get("minItems") or items.get("minItems")) if is_list else None,
        max_items=_whole(schema.get("maxItems") or items.get("maxItems")) if is_list else None,
    )


_TYPES = {
    "string": FieldType.STRING,
    "integer": FieldType.INTEGER,
    "number": FieldType.NUMBER,
    "boolean": FieldType.BOOLEAN,
}
_LONG = re.compile(r"(^|_)(prompt|text|lyrics|script|instructions?)$", re.I)
# Optional fields that a person often sets. All other optional fields are advanced.
_USUAL = frozenset({
    "aspect_ratio", "duration", "language", "lyrics", "negative_prompt", "output_format", "prompt",
    "quality", "resolution", "seconds", "size", "speed", "style", "target_resolution", "text",
    "voice", "voice_id",
})  # fmt: skip
_MEDIA_KINDS: tuple[Literal["image", "video", "audio"], ...] = ("image", "video", "audio")
_MEDIA_NAME = re.compile(
    r"(?:^|_)(image|video|audio)s?(?:_?urls?|_?\d+)?$|(?:^|_)(?:mask|frame|face|photo)(?:_image)?s?$",
    re.I,
)


def _media(
    name: str, schema: Mapping[str, Any], items: Mapping[str, Any]
) -> Literal["image", "video", "audio", "file"] | None:
    """Return the kind of file that a text field takes, by the provider's hints or its name."""
    accept = _text(schema.get("x-accept") or items.get("x-accept"), _MAX_LINE)
    is_uploader = str(schema.get("x-ui-component")).lower() in ("uploader", "uploaders")
    named = _MEDIA_NAME.search(name)
    if not (is_uploader or accept or named):
        return None
    hints = (accept, named[1] if named else "", "image" if named else "", name)
    for hint in hints:
        for kind in _MEDIA_KINDS:
            if kind in (hint or "").lower():
                return kind
    return "file"


def _type(schema: Mapping[str, Any]) -> str:
    """Return the type of a schema without null; empty for none or several."""
    kinds = schema.get("type")
    if isinstance(kinds, list):
        kinds = next(iter(set(map(str, kinds)) - {"null"}), "") if len(kinds) <= 2 else ""
    if isinstance(kinds, str):
        return kinds
    options = schema.get("anyOf") or schema.get("oneOf")
    known = [_type(_mapping(each)) for each in options] if isinstance(options, list) else []
    known = [each for each in known if each != "null"]
    return known[0] if len(known) == 1 else ""


def _choices(schema: Mapping[str, Any]) -> tuple[Choice, ...]:
    values = schema.get("enum") or schema.get("x-enum")
    if not isinstance(values, list) or len(values) > _MAX_CHOICES:
        return ()
    return tuple(each for each in values if _is_choice(each))


def _is_choice(value: object) -> bool:
    if isinstance(value, str):
        return len(value) <= _MAX_LINE and value.isprintable()
    return isinstance(value, bool) or _number(value) is not None


def _default(value: object) -> Any:
    try:
        size = len(json.dumps(value, allow_nan=False))
    except (TypeError, ValueError, RecursionError):
        return None
    return value if size <= _MAX_DEFAULT else None


def _step(schema: Mapping[str, Any]) -> float | None:
    step = _number(schema.get("multipleOf")) or _number(schema.get("step"))
    return step if step and step > 0 else None


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if abs(value) <= 1e15 and math.isfinite(value) else None


def _whole(value: object) -> int | None:
    number = _number(value)
    return None if number is None else int(number)


def _text(value: object, limit: int) -> str:
    """Return a text of at most `limit` characters; empty for any other value."""
    text = value.strip() if isinstance(value, str) else ""
    plain = text.encode("utf-8", "ignore").decode()  # half of a surrogate pair is no text
    return plain if len(plain) <= limit else f"{plain[: limit - 1]}…"


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _names(value: object) -> list[str]:
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []
