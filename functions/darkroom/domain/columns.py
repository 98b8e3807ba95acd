"""Columns of batch files: which request field a column sets, by its name."""

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from functools import lru_cache
from unicodedata import normalize

from darkroom.domain.errors import InvalidRequestError
from darkroom.domain.parsing import MAX_FIELD_NAME, RETIRED_FIELDS
from darkroom.domain.requests import AnyModel, Edit, TextToImage

# A column with this prefix sets a request field even if the prompt template uses the field's name.
SETTING = "setting:"
ID = "id"  # the column with the caller's own id of a row
ANNOTATIONS = {
    name: info.annotation
    for model in (TextToImage, Edit, AnyModel)
    for name, info in model.model_fields.items()
}
# The columns with a meaning: the fields of a request, and the id.
FIELDS = {*ANNOTATIONS, ID}
MAX_COLUMNS = 1000
_MAX_NAME = 100_000  # characters; a longer name is cut
# Similarity, from 0 to 1, from which a column counts as a misspelled field.
_MISSPELLED = 0.8


def field_of(column: str, data: Iterable[str] | None) -> str | None:
    """Return the request field that a column sets; None if the column is data or not used.

    `data` are the columns that are data, such as those of the prompt template (see `data_columns`).
    With them, only a column with the exact name of a field sets the field. Without them, every
    column sets a field, and names are read without regard to case and spaces.
    """
    if column[: len(SETTING)].lower() == SETTING:
        return plain_name(column[len(SETTING) :])
    if column == ID or (data is not None and column in data):
        return None
    if column in FIELDS or column in RETIRED_FIELDS:
        return column
    if data is not None:
        return None
    plain = plain_name(column)
    return plain if plain in ANNOTATIONS else None if plain == ID else column


def data_columns(
    template_columns: Iterable[str] | None, fields: Mapping[str, str] | None
) -> set[str] | None:
    """Return the names that set no field; None if every column sets a field.

    `fields` has the column of each field that the batch request maps. No other column sets a
    mapped field.
    """
    if template_columns is None and fields is None:
        return None
    return {*(template_columns or ()), *(fields or ())}


def is_id(column: str) -> bool:
    """Return whether a column has the ids of the rows: `id`, `ID`."""
    return column.lower() == ID


def plain_name(column: str) -> str:
    """Return the name of a column as a field would have it: aspect_ratio for `Aspect Ratio`."""
    return re.sub(r"[\s_-]+", "_", column.strip().lower())


@lru_cache(maxsize=4096)
def resembles(column: str) -> str | None:
    """Return the field that a column is a variant or a misspelling of; None if there is none."""
    plain = plain_name(column)
    if plain in FIELDS:
        return plain
    if len(column) > MAX_FIELD_NAME:
        return None
    names = sorted(ANNOTATIONS)
    return next(iter(get_close_matches(column.lower(), names, 1, _MISSPELLED)), None)


def column_name(text: str) -> str:
    """Return the name of a column on one line, without invisible characters; empty without a name.

    pandas reads a column without a name as `Unnamed: 3`.
    """
    visible = text[:_MAX_NAME].replace("\ufeff", "").replace("\u200b", "")
    name = normalize("NFC", " ".join(visible.split()))
    return "" if re.fullmatch(r"Unnamed: \d+(\.\d+)*(_level_\d+)?", name) else name


def set_twice(subject: str, first: str, second: str) -> InvalidRequestError:
    """Return the error of a field with two columns. `subject` is the field of the error."""
    message = f"The columns {quoted(first)} and {quoted(second)} set the same field. Remove one."
    return InvalidRequestError.of(subject, message, "one of the two columns")


def quoted(name: str) -> str:
    """Return the name of a column for a message, in quotes and cut."""
    return f'"{name[:MAX_FIELD_NAME]}"'
