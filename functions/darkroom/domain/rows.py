"""Rows of a batch as they are stored, and their chunks."""

import json
from typing import Any

from pydantic import BaseModel, ConfigDict

from darkroom.domain.errors import FieldProblem, labelled


class Row(BaseModel):
    """One row of a batch file as it is stored: a request or problems. `number` starts at 1."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True, defer_build=True)

    number: int
    line: int | None = None  # of the file, where the row begins
    id: str | None = None
    request: dict[str, Any] | None = None
    errors: tuple[FieldProblem, ...] = ()


def at_row(number: int, text: str) -> str:
    """Return `text`, one or more sentences, as a text about row `number`."""
    return labelled(f"Row {number}", text)


def chunks(lines: list[bytes], rows: int, size: int) -> list[dict[str, int]]:
    """Return the byte spans of chunks of a file of `lines`.

    A chunk has at most `rows` lines and, if it has more than one line, at most `size` bytes.
    """
    spans: list[dict[str, int]] = []
    start = end = count = 0
    for line in lines:
        if count and (count == rows or end - start + len(line) > size):
            spans.append({"start": start, "end": end})
            start, count = end, 0
        end, count = end + len(line), count + 1
    return [*spans, {"start": start, "end": end}] if count else spans


def line_of(row: Row) -> bytes:
    """Return a row as one JSON line."""
    record = row.model_dump(mode="json", exclude_defaults=True)
    return json.dumps(record, ensure_ascii=False).encode(errors="replace") + b"\n"
