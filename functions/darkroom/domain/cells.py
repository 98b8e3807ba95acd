"""Cells of sheets: empty ones, numbers, JSON, references, and what a spreadsheet has broken."""

import re
from collections.abc import Callable, Iterator
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic_core import from_json

from darkroom.domain.columns import ANNOTATIONS
from darkroom.domain.errors import InvalidRequestError
from darkroom.domain.references import BadReferenceError, reference_problem
from darkroom.domain.values import is_blank

MAX_CELL = 131_072  # characters of a cell that is used
# What a spreadsheet exports for a cell whose formula failed: #REF!, #N/A, #WERT!, Err:502.
_CELL_ERROR = re.compile(r"#[A-Z¡¿][A-Z0-9/ÄÖÜÉÑ_]*[!?]|#N/?[ADV]|#{3,}|Err:\d{3}")
# What a spreadsheet makes of a long number, such as a barcode.
_SHORTENED = re.compile(r"\d[.,]\d+E\+\d+")
# What databases, pandas and scripts write for a missing value.
_NULLS = frozenset(
    {"NULL", "null", "None", "NaN", "nan", "<NA>", "N/A", "n/a", "\\N", "undefined",
     "[object Object]"}
)  # fmt: skip
_DASHES = "-\u2010\u2011\u2012\u2013\u2014"
# A formula instead of its value: =A1, =CONCAT("a";B2).
_FORMULA = re.compile(r"=\s*[A-Za-z0-9@(\"+-].*", re.S)
# References in one cell are separated before the next scheme: a URL can contain a comma, and a
# key can contain a space.
_SCHEME = re.compile(r"(?:https?://|s3://|upload:|data:)", re.I)
_NEXT_REFERENCE = re.compile(rf"(?<=[\s,;|])(?={_SCHEME.pattern})", re.I)
_SEPARATORS = " \t\r\n\v\f,;|"
# Two file names in one reference: the second one lacks its scheme.
_RUN_ON = re.compile(r"\.(?:png|jpe?g|jfif|webp)[,;|\s][^?]*\.(?:png|jpe?g|jfif|webp)", re.I)
# An attachment as Airtable exports it: the file name, and the URL in parentheses.
_ATTACHMENT = re.compile(r".*?\((https://[^\s()]+)\)[\s,]*", re.S)
_ONE_REFERENCE = (
    "has several file names. Begin each reference with https://, s3:// or upload:, or write a JSON"
    " list."
)


def is_empty(text: str) -> bool:
    """Return whether a cell has no value: it is blank, a dash, or the null of a program."""
    if text[:1] in _DASHES:
        return not text.strip(_DASHES)
    return text in _NULLS or (not text.isascii() and is_blank(text))


def cell_problem(text: str, *, is_text: bool) -> tuple[str, str] | None:
    """Return why a cell cannot be used, as a predicate, and the allowed values.

    `is_text` means that the cell is neither a number, JSON nor an id.
    """
    if len(text) > MAX_CELL:
        allowed = f"at most {MAX_CELL:,} characters"
        return f"has {len(text):,} characters. Use {allowed}.", allowed
    if text[0] in "#E" and _CELL_ERROR.fullmatch(text):
        return f"is {text}, an error of the spreadsheet.", "a value"
    if is_text and text[0] == "=" and _FORMULA.fullmatch(text):
        return "is a formula. Export its value.", "a value"
    if is_text and "E+" in text and _SHORTENED.fullmatch(text):
        message = (
            f"is {text}, a number that the spreadsheet has shortened. Format the cells as text."
        )
        return message, "the whole number, as text"
    return None


def split_references(cell: str) -> list[str]:
    """Return the references in one cell.

    Commas, semicolons, vertical bars, line breaks and spaces separate them, if a reference follows.
    A cell can also be a JSON list, or a list of attachments as Airtable exports it. Raises
    InvalidRequestError if a reference has the names of two files.
    """
    if cell.startswith("["):
        try:
            values = from_json(cell)
        except ValueError:
            values = None
        if isinstance(values, list) and all(isinstance(value, str) for value in values):
            return values
    if not _SCHEME.match(cell) and "(https://" in cell:
        urls, end = [], 0
        while match := _ATTACHMENT.match(cell, end):
            urls.append(match[1])
            end = match.end()
        if end == len(cell):
            return urls
    parts = (part.strip(_SEPARATORS) for part in _NEXT_REFERENCE.split(cell))
    references = [
        reference
        for part in parts
        for reference in ([part] if _SCHEME.match(part) else re.split(r"[\s,;|]+", part))
        if reference
    ]
    for index, reference in enumerate(references):
        if reference[:5].lower() != "data:" and _RUN_ON.search(reference):
            raise InvalidRequestError([reference_problem(index, BadReferenceError(_ONE_REFERENCE))])
    return references


def _read_json(cell: str) -> Any:
    return from_json(cell, allow_inf_nan=False)


def _read_number(cell: str) -> int:
    """Return a whole number: 900, and 900.0, 900,00 and 9e2 as spreadsheets write it."""
    number = float(re.sub(r",(0{1,2})$", r".\1", cell.replace("_", "?")))
    if not number.is_integer():
        raise ValueError
    return int(number)


type Reader = tuple[Callable[[str], Any], str]


# How a cell of each type of field is read, and the allowed values. Other cells are plain text.
_READERS: dict[type, Reader] = {
    int: (_read_number, "a whole number"),
    dict: (_read_json, "a JSON object"),
}


def _types(annotation: Any) -> Iterator[object]:
    """Yield the types of a field without their parameters: int and None of `int | None`."""
    origin = get_origin(annotation)
    if origin in (Annotated, Union, UnionType):
        for argument in get_args(annotation):
            yield from _types(argument)
    else:
        yield origin or annotation


CELL_READERS = {
    name: _READERS[kind]
    for name, annotation in ANNOTATIONS.items()
    for kind in _types(annotation)
    if isinstance(kind, type) and kind in _READERS
} | {"then": (_read_json, "a JSON list of steps")}
