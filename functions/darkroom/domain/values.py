"""How values are read at every entry point: null, whole numbers, closed sets and blank texts."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Self
from unicodedata import category

from pydantic import BaseModel, BeforeValidator, model_validator

# Unicode categories without a visible glyph: controls, format characters such as U+200B,
# separators, and marks, which need a letter.
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Zs", "Zl", "Zp", "Mn", "Me"})
# Letters and a symbol that are drawn as a blank: Hangul fillers, and the empty Braille pattern.
_BLANK_GLYPHS = frozenset("\u115f\u1160\u3164\uffa0\u2800")


def is_blank(text: str) -> bool:
    """Return whether a text has no visible character."""
    return all(category(c) in _INVISIBLE or c in _BLANK_GLYPHS for c in text)


def given(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the given fields of a JSON object. A field with null is not given."""
    return {name: value for name, value in body.items() if value is not None}


class Body(BaseModel):
    """A JSON object from outside. An optional field with null is not given."""

    @model_validator(mode="before")
    @classmethod
    def _drop_null(cls, body: Any) -> Any:
        if not isinstance(body, Mapping):
            return body
        optional = {name for name, field in cls.model_fields.items() if not field.is_required()}
        return {n: value for n, value in body.items() if value is not None or n not in optional}


def whole(value: object) -> object:
    """Return a float without decimals as an integer; other values are unchanged."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


# For an integer: 900.0 is 900, because spreadsheets and pandas write integers with decimals.
WHOLE = BeforeValidator(whole)


class Choice(StrEnum):
    """A closed set. Values are read without regard to case and surrounding space."""

    @classmethod
    def synonyms(cls) -> Mapping[str, str]:
        """Return other names of values, in lower case, and the value of each."""
        return {}

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        if not isinstance(value, str):
            return None
        name = value.strip().lower()
        name = cls.synonyms().get(name, name)
        return next((member for member in cls if member.value == name), None)
