"""Output: JSON documents for programs; text, tables and progress for people.

Every command prints through this module. Whatever it prints can be text of another person: no
character of it is obeyed by the terminal, and none is markup.
"""

import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from darkroom_cli.errors import CliError
from darkroom_cli.text import cell, escape

_IDS = frozenset({"job", "batch", "id", "model"})  # columns whose cells are selected and copied
_COLORS = {"completed": "green", "failed": "red", "canceled": "yellow", "bad": "red"}


class SafeConsole(Console):
    """A console that shows all text as text: it escapes control characters and reads no markup."""

    def __init__(self, **options: Any) -> None:
        super().__init__(markup=False, emoji=False, highlight=False, **options)

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """Yield the segments of a renderable with escaped text; rich's own controls stay."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=escape(segment.text))


class Screen:
    """Prints results to stdout and everything else to stderr, so that a pipe gets only results."""

    def __init__(self, *, as_json: bool, is_quiet: bool = False) -> None:
        self.as_json = as_json
        self.is_quiet = is_quiet
        self.out = SafeConsole(soft_wrap=True)
        self.err = SafeConsole(stderr=True, soft_wrap=True)

    def document(self, value: Any) -> None:
        """Print one indented JSON document."""
        self._write(_json(value, indent=2))

    def result(self, value: Any, text: str) -> None:
        """Print a result: the JSON document with --json, else the text."""
        if self.as_json:
            self.document(value)
        else:
            self.line(text)

    def listing(self, value: Any, columns: list[str], rows: Iterable[list[str]]) -> None:
        """Print a list: the JSON document with --json, else a table."""
        if self.as_json:
            self.document(value)
        else:
            self.table(columns, list(rows))

    def json_line(self, value: Any) -> None:
        """Print one JSON document on one line, and flush."""
        self._write(_json(value))

    def note(self, text: str) -> None:
        """Print a message to stderr, unless the output is JSON or quiet."""
        if not (self.as_json or self.is_quiet):
            self.err.print(text)

    def line(self, text: str) -> None:
        """Print one line of the result."""
        self.out.print(text)

    def row(self, cells: list[str]) -> None:
        """Print one tab-separated row of the result."""
        self._write("\t".join(map(cell, cells)))

    def table(self, columns: list[str], rows: list[list[str]]) -> None:
        """Print rows: aligned on a terminal, tab-separated without a header in a pipe."""
        if not self.out.is_terminal:
            for row in rows:
                self.row(row)
            return
        self.out.print(table(columns, rows))

    def error(self, error: CliError) -> None:
        """Print an error and its hint to stderr."""
        self.err.print(f"darkroom: {error.message}")
        if error.hint:
            self.err.print(error.hint, style="dim")

    @staticmethod
    def _write(text: str) -> None:
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()

    @contextmanager
    def progress(self, text: str, total: int | None = None) -> Iterator["Bar"]:
        """Show a progress bar on stderr, if stderr is a terminal."""
        columns = [TextColumn("{task.description}", markup=False), BarColumn(), TimeElapsedColumn()]
        if total is not None:
            columns.insert(2, MofNCompleteColumn())
        is_hidden = self.is_quiet or not self.err.is_terminal
        with Progress(*columns, console=self.err, transient=True, disable=is_hidden) as progress:
            yield Bar(progress, progress.add_task(cell(text), total=total))

    def image(self, path: Path) -> None:
        """Show an image if the terminal supports it, and print its path."""
        # Optional: some terminals do not answer the library's capability queries.
        with suppress(Exception):
            is_shown = self.out.is_terminal and not (self.as_json or self.is_quiet)
            if is_shown and supports_images():
                from textual_image.renderable import Image

                self.out.print(Image(str(path), width=48, height="auto"))
        self.line(str(path))


class Bar:
    """A progress bar."""

    def __init__(self, progress: Progress, task: Any) -> None:
        self._progress = progress
        self._task = task

    def update(self, text: str, completed: float | None = None) -> None:
        """Set the description and the number of completed steps."""
        self._progress.update(self._task, description=cell(text), completed=completed)


def supports_images() -> bool:
    """Return whether the terminal can show images. The library queries the terminal once."""
    from textual_image.renderable import Image, SixelImage, TGPImage

    return Image in (SixelImage, TGPImage)


def usd(micro: int | None) -> str:
    """Return an amount in USD with four decimals, or `unknown` for None."""
    return "unknown" if micro is None else f"${micro / 1_000_000:.4f}"


def table(columns: list[str], rows: list[list[str]]) -> Table:
    """Return an aligned table. The cells are text, never markup. An id is never broken."""
    aligned = Table(box=None, pad_edge=False)
    for index, name in enumerate(columns):
        is_id = name in _IDS
        width = max((len(row[index]) for row in rows), default=0) if is_id else None
        aligned.add_column(name, overflow="fold", no_wrap=is_id, min_width=width)
    for row in rows:
        aligned.add_row(*(Text(cell(text), _COLORS.get(text, "")) for text in row))
    return aligned


def _json(value: Any, indent: int | None = None) -> str:
    """Return a JSON document that stdout can encode."""
    text = escape(json.dumps(value, indent=indent, ensure_ascii=False))
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        return escape(json.dumps(value, indent=indent))
    return text
