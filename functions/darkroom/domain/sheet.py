"""Sheets: the rows of a CSV file, with their lines."""

import csv
import re
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from darkroom.domain.batch_file import MAX_BATCH_FILE_BYTES, Record, lines_of_text, refuse
from darkroom.domain.cells import CELL_READERS, Reader, cell_problem, is_empty
from darkroom.domain.columns import (
    ANNOTATIONS,
    FIELDS,
    ID,
    MAX_COLUMNS,
    SETTING,
    column_name,
    data_columns,
    field_of,
    is_id,
    plain_name,
    quoted,
    set_twice,
)
from darkroom.domain.errors import InvalidRequestError
from darkroom.domain.parsing import MAX_FIELD_NAME, RETIRED_FIELDS

_MAX_LISTED = 50  # columns in a message
_DELIMITERS = ",;\t|"
# The first line with which a sheet names its delimiter to Excel.
_SEP = re.compile(r'"?sep=(.)"?\s*', re.I)
_QUOTED = re.compile(r'"[^"]*+(?:""[^"]*+)*+"')
_MAX_DELIMITERS = 100_000  # of one line

# A cell is limited by MAX_CELL after parsing, so that a long cell does not end the file.
csv.field_size_limit(MAX_BATCH_FILE_BYTES)


class Sheet:
    """A CSV file. Iterating yields one record for each row that is not empty.

    `template_columns` are the columns that the prompt template names; None without a template.
    `fields` has the column of each field that the batch request maps: a record has its value as
    `setting:<field>`. Raises InvalidRequestError if the header is not valid; a malformed row is a
    bad row.
    """

    def __init__(
        self,
        text: str,
        template_columns: set[str] | None,
        fields: Mapping[str, str] | None = None,
    ) -> None:
        self._fields = fields or {}
        self._template_columns = template_columns
        self._data_columns = data_columns(template_columns, fields)
        self._lines = lines_of_text(text)
        start, delimiter = self._start()
        self._delimiter = delimiter or delimiter_of(self._lines[start:], self._wanted)[0]
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

    def samples(self, count: int) -> Iterator[dict[str, str]]:
        """Yield the cells of the first `count` rows by column, used or not."""
        rows = (cells for _, cells in self._rows(self._first) if isinstance(cells, list))
        filled = (cells for cells in rows if any(map(str.strip, cells)))
        for cells in islice(filled, count):
            yield {
                name: cell.strip() for name, cell in zip(self._names, cells, strict=False) if name
            }

    @property
    def _wanted(self) -> set[str]:
        """The columns that the file must have."""
        return {*(self._template_columns or ()), *self._fields.values()}

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
        wanted = self._wanted
        _, known, named = delimiter_of(self._lines[first:], wanted)
        if (known, named) == (0, 1):
            _, known, named = delimiter_of(self._lines[second:], wanted)
            if known >= (len(wanted) or named) > 0:
                return second, None
        return first, None

    def _header(self, start: int) -> tuple[int, int, list[str]]:
        """Return the line of the header, the index of the line after it, and its cells."""
        for line, cells, end in self._read(start):
            if cells is None:
                error = self._malformed(line, end, until=line)
                raise refuse(f"The header cannot be read. {error}", "CSV as in RFC 4180")
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
                raise refuse(f"The file cannot be read. {error}", "CSV as in RFC 4180")
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
        name = f" {quoted(self._names[column - 1])}" if column <= len(self._names) else ""
        lost = f" Lines {line} to {until} are one bad row." if until > line else ""
        return InvalidRequestError.of(
            "",
            f"The cell in line {line}, column {column}{name} is not valid CSV: double each quote"
            f' inside a quoted cell (""), and close the cell with a quote.{lost}',
            "CSV as in RFC 4180",
        )

    def _used_cells(self) -> list[tuple[int, str, "Reader | None"]]:
        """Return the index, name and reader of each used column. Raises InvalidRequestError."""
        names, template_columns = self._names, self._template_columns
        place = f"Line {self.header_line}"
        if len(self.columns) > MAX_COLUMNS:
            allowed = f"at most {MAX_COLUMNS:,} columns"
            message = f"{place} has {len(self.columns):,} columns. Use {allowed}."
            raise refuse(message, allowed)
        used: list[tuple[int, str, Reader | None]] = []
        setters = dict(self._fields)
        id_column = ID if ID in names else next(filter(is_id, names), None)
        if ID in self._fields:
            id_column = None
        for index, name in enumerate(names):
            setting = field_of(name, self._data_columns) if name else None
            is_data = template_columns is not None and name in template_columns
            if not (setting or is_data or (name and name == id_column)):
                continue
            self._require_one(name)
            if setting is not None:
                if setting not in ANNOTATIONS:
                    raise _not_a_field(name, setting, f"{place}, column {index + 1}")
                if setters.setdefault(setting, name) != name:
                    raise set_twice("source", setters[setting], name)
            used.append((index, name, CELL_READERS.get(setting or "")))
            if name == id_column != ID:
                used.append((index, ID, None))
        if missing := sorted((template_columns or set()) - set(names)):
            raise _missing(missing[0], self.columns, self.header_line)
        return used + self._mapped_cells()

    def _mapped_cells(self) -> list[tuple[int, str, "Reader | None"]]:
        """Return the same of the columns that the batch request maps to fields."""
        cells: list[tuple[int, str, Reader | None]] = []
        for field, column in self._fields.items():
            if column not in self._names:
                raise _not_mapped(field, column, self.columns, self.header_line)
            self._require_one(column)
            cells.append((self._names.index(column), SETTING + field, CELL_READERS.get(field)))
        return cells

    def _require_one(self, name: str) -> None:
        """Raise InvalidRequestError if two columns have the name."""
        if self._names.count(name) > 1:
            first = self._names.index(name)
            second = self._names.index(name, first + 1)
            message = (
                f"The file has two columns {quoted(name)}: Line {self.header_line}, columns"
                f" {first + 1} and {second + 1}. Give every column its own name."
            )
            raise refuse(message, "a first line of distinct names")

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
            is_text = reader is None and name not in (ID, SETTING + ID)
            if problem := cell_problem(text, is_text=is_text):
                return _bad(line, name, f"Column {quoted(name)} {problem[0]}", problem[1])
            if reader is None:
                values[name] = text
                continue
            read, allowed = reader
            try:
                values[name] = read(text)
            except ValueError:
                message = f"Column {quoted(name)} must be {allowed}."
                setting = field_of(name, self._data_columns) or name
                return _bad(line, setting, message, allowed)
        return Record(line, values)


def _check_width(lines: list[str], delimiter: str) -> None:
    for number, line in enumerate(lines, 1):
        if len(line) > _MAX_DELIMITERS and (cells := line.count(delimiter)) > _MAX_DELIMITERS:
            allowed = f"at most {MAX_COLUMNS:,} columns"
            message = f"Line {number} has {cells + 1:,} cells. Use {allowed}."
            raise refuse(message, allowed)


def delimiter_of(lines: list[str], template_columns: set[str]) -> tuple[str, int, int]:
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
            name in template_columns or plain_name(name) in FIELDS or name[:8].lower() == SETTING
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
        f"{place}: Column {quoted(name)} is not a field of a request, and no prompt template uses"
        f" it. {hint}"
    )
    return refuse(message, fields)


def _not_mapped(field: str, name: str, columns: list[str], line: int) -> InvalidRequestError:
    listed = ", ".join(column[:MAX_FIELD_NAME] for column in columns[:_MAX_LISTED])
    message = (
        f"`columns` names {quoted(name)} for `{field}`, but the file has no such column."
        f" The columns in line {line} are {listed}."
    )
    return InvalidRequestError.of(f"columns.{field}", message, listed)


def _missing(name: str, columns: list[str], line: int) -> InvalidRequestError:
    listed = ", ".join(column[:MAX_FIELD_NAME] for column in columns[:_MAX_LISTED])
    name = name[:MAX_FIELD_NAME]
    message = (
        f"The prompt uses {{{name}}}, but the file has no column {quoted(name)}."
        f" The columns in line {line} are {listed}."
    )
    return InvalidRequestError.of("prompt", message, listed)
