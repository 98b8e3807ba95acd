"""Prompt templates: a prompt with columns in braces."""

import re
from collections import Counter
from collections.abc import Mapping
from math import isfinite
from typing import Any

from darkroom.domain.cells import is_empty
from darkroom.domain.columns import column_name
from darkroom.domain.errors import FieldProblem, InvalidRequestError
from darkroom.domain.parsing import MAX_FIELD_NAME
from darkroom.domain.requests import MAX_PROMPT_CHARACTERS
from darkroom.domain.values import whole

_BRACES = "columns in braces, as in {product} on white; {{ for a brace"
_BRACE = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
_NOT_IN_A_NAME = frozenset(".[]!:")
_NAME = "no . [ ] ! : and is not only a number"


class Template:
    """A prompt with columns in braces. Raises InvalidRequestError if the text is not valid."""

    def __init__(self, text: str) -> None:
        self._parts: list[tuple[str, str]] = []  # a text, and the column after it
        start, literal = 0, ""
        for brace in _BRACE.finditer(text):
            literal += text[start : brace.start()]
            start = brace.end()
            if brace[0] in ("{{", "}}"):
                literal += brace[0][0]
                continue
            name = column_name(brace[1] or "")
            if not name:
                raise _bad_braces(brace, "names no column")
            if name.isdigit() or set(name) & _NOT_IN_A_NAME:
                raise _bad_braces(brace, f"cannot name a column: a name in braces has {_NAME}")
            self._parts.append((literal, name))
            literal = ""
        self._end = literal + text[start:]
        self._uses = Counter(name for _, name in self._parts)
        self._literal_length = sum(len(text) for text, _ in self._parts) + len(self._end)
        self.names = set(self._uses)

    def fill(self, columns: Mapping[str, Any]) -> str:
        """Return the prompt of a row.

        Raises InvalidRequestError if a column has no value, is a list or an object, or if the
        prompt would be too long. The length is computed before the prompt is built.
        """
        values: dict[str, str] = {}
        problems: list[FieldProblem] = []
        for name in sorted(self.names):
            value = _text_of(columns.get(name))
            if value is None:
                problems.append(_no_text(name[:MAX_FIELD_NAME]))
            elif is_empty(value):
                problems.append(_no_value(name[:MAX_FIELD_NAME]))
            else:
                values[name] = value
        if problems:
            raise InvalidRequestError(problems)
        length = sum(count * len(values[name]) for name, count in self._uses.items())
        length += self._literal_length
        if length > MAX_PROMPT_CHARACTERS:
            allowed = f"at most {MAX_PROMPT_CHARACTERS:,} characters"
            longest = max(values, key=lambda name: self._uses[name] * len(values[name]), default="")
            message = (
                f"The prompt would have {length:,} characters, most of them from column"
                f' "{longest[:MAX_FIELD_NAME]}". Use {allowed}.'
            )
            raise InvalidRequestError.of("prompt", message, allowed)
        return "".join(text + values[name] for text, name in self._parts) + self._end


def _bad_braces(brace: re.Match[str], reason: str) -> InvalidRequestError:
    text, position = brace[0][:MAX_FIELD_NAME], brace.start() + 1
    message = f"`prompt` has {text} at character {position}, which {reason}. Use {_BRACES}."
    return InvalidRequestError.of("prompt", message, _BRACES)


def _text_of(value: object) -> str | None:
    """Return a value as text; None if it is a list or an object."""
    match value:
        case None:
            return ""
        case str():
            return value.strip()
        case bool():
            return str(value).lower()
        case int() | float() if isfinite(value):
            return str(whole(value))
        case _:
            return None


def _no_value(name: str) -> FieldProblem:
    return FieldProblem(
        field=name,
        message=f'Column "{name}" is empty, but the prompt uses {{{name}}}.',
        allowed="a value, since the prompt's template names the column",
    )


def _no_text(name: str) -> FieldProblem:
    allowed = "a text or a number"
    return FieldProblem(
        field=name, message=f'Column "{name}" must be {allowed}: the prompt uses it.',
        allowed=allowed,
    )  # fmt: skip
