"""Batch files: the records of JSONL and CSV files, before they become requests."""

import codecs
import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import lru_cache
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin
from unicodedata import normalize

from pydantic_core import from_json

from darkroom.domain.errors import InvalidRequestError
from darkroom.domain.parsing import MAX_FIELD_NAME, RETIRED_FIELDS
from darkroom.domain.requests import AnyModel, Edit, TextToImage
from darkroom.domain.values import Choice, is_blank

MAX_BATCH_FILE_BYTES = 32 * 1000 * 1000
# File extensions and their content types.
BATCH_FILE_TYPES = {"csv": "text/csv", "jsonl": "application/x-ndjson"}
# A column with this prefix sets a request field even if the prompt template uses the field's name.
SETTING = "setting:"
ID = "id"  # the column with the caller's own id of a row

_ANNOTATIONS = {
    name: info.annotation
    for model in (TextToImage, Edit, AnyModel)
    for name, info in model.model_fields.items()
}
# The columns with a meaning: the fields of a request, and the id.
FIELDS = {*_ANNOTATIONS, ID}
MAX_COLUMNS = 1000
MAX_CELL = 131_072  # characters of a cell that is used
# Limits of what is held in memory before the rows are known. Excel has 16,384 columns.
_MAX_LINES, _MAX_DELIMITERS, _MAX_JSON_LIST = 1_000_000, 100_000, 8_000_000
# Similarity, from 0 to 1, from which a column counts as a misspelled field.
_MISSPELLED = 0.8
_MAX_LISTED = 50  # columns in a message
_DELIMITERS = ",;\t|"
# The first line with which a sheet names its delimiter to Excel.
_SEP = re.compile(r'"?sep=(.)"?\s*', re.I)
_QUOTED = re.compile(r'"[^"]*+(?:""[^"]*+)*+"')
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
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # begins with the BOM of UTF-16
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# Magic bytes of files that are often named or exported as CSV.
_NO_TEXT = {
    b"PK\x03\x04": "an Excel, Numbers or ZIP file",
    b"\xd0\xcf\x11\xe0": "an Excel file",
    b"%PDF": "a PDF",
    b"\x1f\x8b": "a gzip file",
}
_CSV_UTF8 = 'Save it as "CSV UTF-8".'

# A cell is limited by MAX_CELL after parsing, so that a long cell does not end the file.
csv.field_size_limit(MAX_BATCH_FILE_BYTES)


class BatchFileFormat(Choice):
    """The format of a batch file."""

    JSONL = "jsonl"
    CSV = "csv"

    @classmethod
    def synonyms(cls) -> Mapping[str, str]:
        """Return the other names of both formats."""
        return {"tsv": cls.CSV, "ndjson": cls.JSONL, "json": cls.JSONL}


@dataclass(frozen=True)
class Record:
    """One row of a batch file: its used values by column, or its error."""

    line: int | None  # the line of the file on which the row begins, from 1
    values: dict[str, Any] = field(default_factory=dict)
    error: InvalidRequestError | None = None


def _refuse(message: str, allowed: str) -> InvalidRequestError:
    return InvalidRequestError.of("source", message, allowed)


def guess(name: str, data: bytes) -> BatchFileFormat:
    """Return the format of a file by its name, or else by its first characters."""
    if name.lower().endswith(".csv"):
        return BatchFileFormat.CSV
    if name.lower().endswith((".jsonl", ".ndjson")):
        return BatchFileFormat.JSONL
    start = data[:200].replace(b"\0", b"").lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n")
    is_json = start[:1] == b"{" or re.match(rb"\[\s*\{", start)
    return BatchFileFormat.JSONL if is_json else BatchFileFormat.CSV


def decode(data: bytes, file_format: BatchFileFormat) -> str:
    """Return the text of a file in UTF-8, UTF-16 or UTF-32, without its byte order mark.

    Raises InvalidRequestError for other encodings: text in a guessed encoding may be wrong, and
    each wrong prompt would be paid for.
    """
    for magic, kind in _NO_TEXT.items():
        if data.startswith(magic):
            raise _refuse(f"The file is {kind}. Export the sheet as CSV.", "CSV or JSONL")
    bom, encoding = next(((b, e) for b, e in _BOMS if data.startswith(b)), (b"", ""))
    encoding = encoding or _utf16_without_bom(data) or "utf-8"
    body = data[len(bom) :]
    try:
        return body.decode(encoding)
    except UnicodeDecodeError as error:
        place = _place(body[: error.start].decode(encoding, "replace"), file_format)
        byte = body[error.start : error.start + 1]
        message = f"{place} is not in {encoding.upper()}. {_CSV_UTF8}"
        if encoding == "utf-8":
            message = (
                f"{place} is not in UTF-8: byte 0x{byte.hex().upper()},"
                f' "{byte.decode("cp1252", "replace")}" in Windows-1252. {_CSV_UTF8}'
            )
        raise _refuse(message, "UTF-8 or UTF-16") from None


def _utf16_without_bom(data: bytes) -> str | None:
    """Return the encoding of UTF-16 text without a byte order mark: every other byte is zero."""
    head = data[:2000]
    even, odd = head[::2].count(0), head[1::2].count(0)
    if max(even, odd) < len(head) / 8 or min(even, odd) * 10 > max(even, odd):
        return None
    return "utf-16-be" if even > odd else "utf-16-le"


def _place(text: str, file_format: BatchFileFormat) -> str:
    """Return the line and column at which a text ends."""
    lines = _lines(text + "x")
    if file_format is BatchFileFormat.JSONL:
        return f"Line {len(lines)}, character {len(lines[-1])},"
    reader = csv.reader(lines, delimiter=_delimiter(lines, set())[0])
    records = list(reader)
    column = len(records[-1])
    name = records[0][column - 1 : column] if len(records) > 1 else []
    return f"Line {len(lines)}, column {column}{f' {_quoted(name[0])}' if name else ''}"


def _lines(text: str) -> list[str]:
    """Return the lines of a text with their line ends: CR LF, LF or CR.

    Raises InvalidRequestError if there are too many, or if a line has too many cells.
    """
    if max(text.count("\n"), text.count("\r")) > _MAX_LINES:
        allowed = f"at most {_MAX_LINES:,} lines"
        raise _refuse(f"The file has too many lines. Use {allowed}.", allowed)
    return list(io.StringIO(text, newline=""))


def _check_width(lines: list[str], delimiter: str) -> None:
    for number, line in enumerate(lines, 1):
        if len(line) > _MAX_DELIMITERS and (cells := line.count(delimiter)) > _MAX_DELIMITERS:
            allowed = f"at most {MAX_COLUMNS:,} columns"
            message = f"Line {number} has {cells + 1:,} cells. Use {allowed}."
            raise _refuse(message, allowed)


def objects(text: str) -> Iterator[Record]:
    """Yield the object of each JSONL line, or the line's error; or the objects of a JSON list."""
    if text[:1000].lstrip()[:1] == "[":
        for value in _json_list(text):
            yield _object(None, value)
        return
    for line, source in enumerate(_lines(text), 1):
        if not source.strip():
            continue
        try:
            value = from_json(source)
        except ValueError:
            value = None
        yield _object(line, value)


def _json_list(text: str) -> list[Any]:
    if len(text) > _MAX_JSON_LIST:
        allowed = f"at most {_MAX_JSON_LIST:,} characters"
        message = f"A JSON list has {allowed}. Use JSON Lines: one object per line."
        raise _refuse(message, allowed)
    try:
        values = from_json(text)
    except ValueError as error:
        # The parser's message ends with the line and column.
        message = f"The file is not valid JSON: {error}. Use one JSON object per line."
        raise _refuse(message, "JSON Lines, or a JSON list of objects") from None
    return values if isinstance(values, list) else [values]


def _object(line: int | None, value: object) -> Record:
    if isinstance(value, dict):
        # pandas and scripts write NaN for a missing value.
        return Record(line, {k: v for k, v in value.items() if v is not None and v == v})
    error = InvalidRequestError.of("", "The line is not a JSON object.", "a JSON object")
    return Record(line, error=error)


def field_of(column: str, template_columns: Iterable[str] | None) -> str | None:
    """Return the request field that a column sets; None if the column is data or not used.

    `template_columns` are the columns that the prompt template names: they are data. With a
    template, only a column with the exact name of a field sets the field. Without a template, every
    column sets a field, and names are read without regard to case and spaces.
    """
    if column[: len(SETTING)].lower() == SETTING:
        return _plain(column[len(SETTING) :])
    if column == ID or (template_columns is not None and column in template_columns):
        return None
    if column in FIELDS or column in RETIRED_FIELDS:
        return column
    if template_columns is not None:
        return None
    plain = _plain(column)
    return plain if plain in _ANNOTATIONS else None if plain == ID else column


def is_id(column: str) -> bool:
    """Return whether a column has the ids of the rows: `id`, `ID`."""
    return column.lower() == ID


def _plain(column: str) -> str:
    return re.sub(r"[\s_-]+", "_", column.strip().lower())


@lru_cache(maxsize=4096)
def resembles(column: str) -> str | None:
    """Return the field that a column is a variant or a misspelling of; None if there is none."""
    plain = _plain(column)
    if plain in FIELDS:
        return plain
    if len(column) > MAX_FIELD_NAME:
        return None
    names = sorted(_ANNOTATIONS)
    return next(iter(get_close_matches(column.lower(), names, 1, _MISSPELLED)), None)


class Sheet:
    """A CSV file. Iterating yields one record for each row that is not empty.

    `template_columns` are the columns that the prompt template names; None without a template.
    Raises InvalidRequestError if the header is not valid; a malformed row is a bad row.
    """

    def __init__(self, text: str, template_columns: set[str] | None) -> None:
        self._template_columns = template_columns
        self._lines = _lines(text)
        start, delimiter = self._start()
        known = template_columns or set()
        self._delimiter = delimiter or _delimiter(self._lines[start:], known)[0]
        _check_width(self._lines, self._delimiter)
        self._names: list[str] = []
        self.header_line, self._first, header = self._header(start)
        self._names += [column_name(cell) for cell in header]
        while self._names and not self._names[-1]:
            self._names.pop()
        # The first columns of a file from pandas are its index, without a name.
        first = next((i for i, name in enumerate(self._names) if name), 0)
        self._nameless = [i for i, name in enumerate(self._names) if i > first and not name]
        self._cells = self._used_cells()

    @property
    def columns(self) -> list[str]:
        """The names of the columns."""
        return [name for name in self._names if name]

    def __iter__(self) -> Iterator[Record]:
        for line, cells in self._rows(self._first):
            if isinstance(cells, InvalidRequestError):
                yield Record(line, error=cells)
            elif any(map(str.strip, cells)):
                yield self._record(line, cells)

    def _start(self) -> tuple[int, str | None]:
        """Return the index of the first line of the header, and the delimiter of a `sep=` line.

        Numbers writes the title of the table into a line before the header.
        """
        filled = (i for i, line in enumerate(self._lines) if line.strip(_DELIMITERS + " \r\n"))
        first, second = next(filled, len(self._lines)), next(filled, len(self._lines))
        if match := _SEP.fullmatch("".join(self._lines[first : first + 1])):
            return first + 1, match[1]
        wanted = self._template_columns or set()
        _, known, named = _delimiter(self._lines[first:], wanted)
        if (known, named) == (0, 1):
            _, known, named = _delimiter(self._lines[second:], wanted)
            if known >= (len(wanted) or named) > 0:
                return second, None
        return first, None

    def _header(self, start: int) -> tuple[int, int, list[str]]:
        """Return the line of the header, the index of the line after it, and its cells."""
        for line, cells, end in self._read(start):
            if cells is None:
                error = self._malformed(line, end, until=line)
                raise _refuse(f"The header cannot be read. {error}", "CSV as in RFC 4180")
            if any(map(str.strip, cells)):
                return line, end, cells
        return 1, len(self._lines), []

    def _rows(self, start: int) -> Iterator[tuple[int, list[str] | InvalidRequestError]]:
        """Yield the line and the cells of each row from a line on, or the error of a row.

        A malformed row ends at the line with which its number of quotes is even. Without such a
        line, it ends before the next line that is a complete row, with as many cells as the header.
        """
        lost: tuple[int, int] | None = None  # the first and last line of a malformed row
        is_odd = False
        while start < len(self._lines):
            for line, cells, end in self._read(start):
                start = line if cells is None else end
                if lost and cells is not None and len(cells) >= max(2, len(self._names)):
                    yield lost[0], self._malformed(*lost, until=line - 1)
                    lost, is_odd = None, False
                if lost is None and cells is not None:
                    yield line, cells
                    continue
                lost = lost or (line, end)
                is_odd ^= sum(text.count('"') for text in self._lines[line - 1 : start]) % 2 == 1
                if not is_odd:
                    yield lost[0], self._malformed(*lost, until=start)
                    lost = None
        if lost:
            error = self._malformed(*lost, until=len(self._lines))
            if len(self._names) < 2 and lost[0] < len(self._lines):
                raise _refuse(f"The file cannot be read. {error}", "CSV as in RFC 4180")
            yield lost[0], error

    def _read(self, start: int) -> Iterator[tuple[int, list[str] | None, int]]:
        """Yield the first line, the cells and the last line of each row.

        Stops after the first malformed row, which has no cells.
        """
        source = map(self._lines.__getitem__, range(start, len(self._lines)))
        reader = csv.reader(source, delimiter=self._delimiter, strict=True)
        line = start + 1
        try:
            for cells in reader:
                yield line, cells, start + reader.line_num
                line = start + reader.line_num + 1
        except csv.Error:
            yield line, None, start + reader.line_num

    def _malformed(self, line: int, end: int, until: int) -> InvalidRequestError:
        """Return the error of a row that was read from `line` to `end`, and ends at `until`."""
        column = _broken_cell("".join(self._lines[line - 1 : end]), self._delimiter)
        name = f" {_quoted(self._names[column - 1])}" if column <= len(self._names) else ""
        lost = f" Lines {line} to {until} are one bad row." if until > line else ""
        return InvalidRequestError.of(
            "",
            f"The cell in line {line}, column {column}{name} is not valid CSV: double each quote"
            f' inside a quoted cell (""), and close the cell with a quote.{lost}',
            "CSV as in RFC 4180",
        )

    def _used_cells(self) -> list[tuple[int, str, "_Reader | None"]]:
        """Return the index, name and reader of each used column. Raises InvalidRequestError."""
        names, template_columns = self._names, self._template_columns
        place = f"Line {self.header_line}"
        if len(self.columns) > MAX_COLUMNS:
            allowed = f"at most {MAX_COLUMNS:,} columns"
            message = f"{place} has {len(self.columns):,} columns. Use {allowed}."
            raise _refuse(message, allowed)
        used: list[tuple[int, str, _Reader | None]] = []
        setters: dict[str, str] = {}
        id_column = ID if ID in names else next(filter(is_id, names), None)
        for index, name in enumerate(names):
            setting = field_of(name, template_columns) if name else None
            is_data = template_columns is not None and name in template_columns
            if not (setting or is_data or (name and name == id_column)):
                continue
            if names.count(name) > 1:
                second = names.index(name, names.index(name) + 1) + 1
                message = (
                    f"The file has two columns {_quoted(name)}: {place}, columns"
                    f" {names.index(name) + 1} and {second}. Give every column its own name."
                )
                raise _refuse(message, "a first line of distinct names")
            if setting is not None:
                if setting not in _ANNOTATIONS:
                    raise _not_a_field(name, setting, f"{place}, column {index + 1}")
                if setters.setdefault(setting, name) != name:
                    raise set_twice("source", setters[setting], name)
            used.append((index, name, _CELL_READERS.get(setting or "")))
            if name == id_column != ID:
                used.append((index, ID, None))
        if missing := sorted((template_columns or set()) - set(names)):
            raise _missing(missing[0], self.columns, self.header_line)
        return used

    def _record(self, line: int, cells: list[str]) -> Record:
        width = len(self._names)
        if len(cells) > width and any(map(str.strip, cells[width:])):
            message = f"There are {len(cells)} cells, but the first line has {width} columns."
            return _bad(line, "", message, f"{width}, as the first line has")
        for index in self._nameless:
            if index < len(cells) and cells[index].strip():
                message = f"Cell {index + 1} has a value, but its column has no name."
                return _bad(line, "", message, "a name for each column")
        values: dict[str, Any] = {}
        for index, name, reader in self._cells:
            text = cells[index].strip() if index < len(cells) else ""
            if is_empty(text):
                continue
            if len(text) > MAX_CELL:
                allowed = f"at most {MAX_CELL:,} characters"
                message = f"Column {_quoted(name)} has {len(text):,} characters. Use {allowed}."
                return _bad(line, name, message, allowed)
            if text[0] in "#E" and _CELL_ERROR.fullmatch(text):
                message = f"Column {_quoted(name)} is {text}, an error of the spreadsheet."
                return _bad(line, name, message, "a value")
            if reader is None:
                if text[0] == "=" and name != ID and _FORMULA.fullmatch(text):
                    message = f"Column {_quoted(name)} is a formula. Export its value."
                    return _bad(line, name, message, "a value")
                if "E+" in text and _SHORTENED.fullmatch(text):
                    message = (
                        f"Column {_quoted(name)} is {text}, a number that the spreadsheet has"
                        " shortened. Format the cells as text."
                    )
                    return _bad(line, name, message, "the whole number, as text")
                values[name] = text
                continue
            read, allowed = reader
            try:
                values[name] = read(text)
            except ValueError:
                message = f"Column {_quoted(name)} must be {allowed}."
                setting = field_of(name, self._template_columns) or name
                return _bad(line, setting, message, allowed)
        return Record(line, values)


def is_empty(text: str) -> bool:
    """Return whether a cell has no value: it is blank, a dash, or the null of a program."""
    if text[:1] in _DASHES:
        return not text.strip(_DASHES)
    return text in _NULLS or (not text.isascii() and is_blank(text))


def column_name(text: str) -> str:
    """Return the name of a column on one line, without invisible characters; empty without a name.

    pandas reads a column without a name as `Unnamed: 3`.
    """
    visible = text[:MAX_CELL].replace("\ufeff", "").replace("\u200b", "")
    name = normalize("NFC", " ".join(visible.split()))
    return "" if re.fullmatch(r"Unnamed: \d+(\.\d+)*(_level_\d+)?", name) else name


def _delimiter(lines: list[str], template_columns: set[str]) -> tuple[str, int, int]:
    """Return the delimiter of a header, and the numbers of its known and of its named columns.

    It is the delimiter with which the header has the most known columns, or the most columns. The
    names are known, so this rule needs no statistics on the rows, where prompts contain
    commas and semicolons.
    """

    def count(delimiter: str) -> tuple[int, int]:
        if lines and lines[0].count(delimiter) > _MAX_DELIMITERS:  # refused by _check_width
            return 0, _MAX_DELIMITERS
        cells = next(csv.reader(lines, delimiter=delimiter), [])
        names = [column_name(cell) for cell in cells]
        known = (
            name in template_columns or _plain(name) in FIELDS or name[:8].lower() == SETTING
            for name in names
        )
        return sum(known), len([name for name in names if name])

    best = max(_DELIMITERS, key=count)
    return best, *count(best)


def _broken_cell(text: str, delimiter: str) -> int:
    """Return the number of the cell with a misplaced quote."""
    position, column = 0, 1
    while position < len(text):
        if text[position] == '"':
            quoted = _QUOTED.match(text, position)
            if quoted is None:
                return column
            position = quoted.end()
            if text[position : position + 1] not in (delimiter, "\r", "\n", ""):
                return column
        else:
            following = text.find(delimiter, position)
            position = len(text) if following < 0 else following
        position, column = position + 1, column + 1
    return column - 1


def _bad(line: int, name: str, message: str, allowed: str) -> Record:
    return Record(line, error=InvalidRequestError.of(name[:MAX_FIELD_NAME], message, allowed))


def _not_a_field(name: str, setting: str, place: str) -> InvalidRequestError:
    fields = ", ".join(sorted(FIELDS))
    hint = RETIRED_FIELDS.get(setting, f"Use one of {fields}.")
    message = (
        f"{place}: Column {_quoted(name)} is not a field of a request, and no prompt template uses"
        f" it. {hint}"
    )
    return _refuse(message, fields)


def _missing(name: str, columns: list[str], line: int) -> InvalidRequestError:
    listed = ", ".join(column[:MAX_FIELD_NAME] for column in columns[:_MAX_LISTED])
    name = name[:MAX_FIELD_NAME]
    message = (
        f"The prompt uses {{{name}}}, but the file has no column {_quoted(name)}."
        f" The columns in line {line} are {listed}."
    )
    return InvalidRequestError.of("prompt", message, listed)


def set_twice(subject: str, first: str, second: str) -> InvalidRequestError:
    """Return the error of a field with two columns. `subject` is the field of the error."""
    message = f"The columns {_quoted(first)} and {_quoted(second)} set the same field. Remove one."
    return InvalidRequestError.of(subject, message, "one of the two columns")


def _read_json(cell: str) -> Any:
    return from_json(cell, allow_inf_nan=False)


def _read_number(cell: str) -> int:
    """Return a whole number: 900, and 900.0, 900,00 and 9e2 as spreadsheets write it."""
    number = float(re.sub(r",(0{1,2})$", r".\1", cell.replace("_", "?")))
    if not number.is_integer():
        raise ValueError
    return int(number)


type _Reader = tuple[Callable[[str], Any], str]
# How a cell of each type of field is read, and the allowed values. Other cells are plain text.
_READERS: dict[type, _Reader] = {
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


_CELL_READERS = {
    name: _READERS[kind]
    for name, annotation in _ANNOTATIONS.items()
    for kind in _types(annotation)
    if isinstance(kind, type) and kind in _READERS
}


def _quoted(name: str) -> str:
    return f'"{name[:MAX_FIELD_NAME]}"'
