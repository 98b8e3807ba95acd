"""What people and programs are shown: one JSON document, or words, tables and progress."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from darkroom_cli.errors import CliError

_COLOURS = {"completed": "green", "failed": "red", "canceled": "yellow", "bad": "red"}


class Screen:
    """Results go to stdout, everything else to stderr: so a pipe gets results alone."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        self.out = Console(soft_wrap=True, highlight=False)
        self.err = Console(stderr=True, soft_wrap=True, highlight=False)

    def document(self, told: Any) -> None:
        """Print a JSON document, and no more than that."""
        sys.stdout.write(json.dumps(told, indent=2, ensure_ascii=False) + "\n")

    def record(self, told: Any) -> None:
        """Print one of many JSON documents, in a line of its own."""
        sys.stdout.write(json.dumps(told, ensure_ascii=False) + "\n")
        sys.stdout.flush()

    def say(self, words: str) -> None:
        """Tell a person something on the way."""
        if not self.as_json:
            self.err.print(words, markup=False)

    def line(self, words: str) -> None:
        """Print a line of the result."""
        self.out.print(words, markup=False)

    def table(self, columns: list[str], rows: list[list[str]]) -> None:
        """Print rows: aligned for people, by tabs for pipes."""
        if not self.out.is_terminal:
            for row in rows:
                sys.stdout.write("\t".join(row) + "\n")
            return
        table = Table(box=None, pad_edge=False)
        for name in columns:
            table.add_column(name, overflow="fold")
        for row in rows:
            table.add_row(*(_coloured(cell) for cell in row))
        self.out.print(table)

    def error(self, error: CliError) -> None:
        """Say what went wrong, and what to do."""
        self.err.print(f"darkroom: {error.message}", markup=False)
        if error.hint:
            self.err.print(error.hint, markup=False, style="dim")

    @contextmanager
    def progress(self, words: str, total: int | None = None) -> Iterator["Bar"]:
        """Show that something goes on: on a terminal only, and never in the result."""
        columns = [TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn()]
        if total is not None:
            columns.insert(2, MofNCompleteColumn())
        with Progress(
            *columns, console=self.err, transient=True, disable=not self.err.is_terminal
        ) as shown:
            yield Bar(shown, shown.add_task(words, total=total))

    def picture(self, path: Path) -> None:
        """Show a picture where the terminal can, and say where it is."""
        # An extra: terminals answer the library's questions in every way, or in none.
        with suppress(Exception):
            if self.out.is_terminal and not self.as_json and has_pictures():
                from textual_image.renderable import Image

                self.out.print(Image(str(path), width=48, height="auto"))
        self.line(str(path))


class Bar:
    """What is on its way."""

    def __init__(self, shown: Progress, task: Any) -> None:
        self._shown = shown
        self._task = task

    def update(self, words: str, done: float | None = None) -> None:
        """Say how far it is."""
        self._shown.update(self._task, description=words, completed=done)


def has_pictures() -> bool:
    """Whether the terminal shows pictures: it is asked by the library, once."""
    from textual_image.renderable import Image, SixelImage, TGPImage

    return Image in (SixelImage, TGPImage)


def usd(micro: int | None) -> str:
    """Return an amount in words; what is not known is not zero."""
    return "not known" if micro is None else f"${micro / 1_000_000:.4f}"


def _coloured(cell: str) -> str:
    from rich.markup import escape

    colour = _COLOURS.get(cell)
    return f"[{colour}]{escape(cell)}[/]" if colour else escape(cell)
