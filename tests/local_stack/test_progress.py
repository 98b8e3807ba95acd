"""The progress line and the final report of a job."""

import io
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from local import __main__ as commands
from local import report
from local.errors import LocalError
from local.progress import CLEAR_LINE, Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def seconds() -> Iterator[int]:
    return iter(count())


def progress(out: io.StringIO, seconds: Iterator[int]) -> Progress:
    return Progress("edit", out, seconds=3, clock=lambda: next(seconds))


def test_terminal_line_is_updated_in_place(seconds: Iterator[int]) -> None:
    out = Terminal()
    line = progress(out, seconds)

    line.show("queued", 0)
    line.show("queued", 0)
    line.end()

    assert out.getvalue().count(CLEAR_LINE) == 2
    assert out.getvalue().count("\n") == 1


def test_file_gets_one_line_per_change(seconds: Iterator[int]) -> None:
    out = io.StringIO()
    line = progress(out, seconds)

    for status, checks in [("queued", 0), ("queued", 0), ("submitted", 0), ("submitted", 1)]:
        line.show(status, checks)
    line.end()

    assert [line.split() for line in out.getvalue().splitlines()] == [
        ["edit", "queued", "1.0", "s", "0", "checks"],
        ["edit", "submitted", "3.0", "s", "0", "checks"],
        ["edit", "submitted", "4.0", "s", "1", "check"],
    ]


@pytest.mark.parametrize(
    ("micro_usd", "expected"), [(60_000, "$0.0600 (estimated)"), (0, "$0.0000"), (None, "unknown")]
)
def test_unknown_price_is_not_zero(micro_usd: int | None, expected: str) -> None:
    assert expected in report.price(micro_usd)


def test_terminal_obeys_no_text_of_an_event_or_a_log(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hostile = "\x1b]52;c;eA==\x07 \x9b31m \u202e"
    log = tmp_path / "emulator.log"
    log.write_text(hostile)

    report.show_event({"detail": {"prompt": hostile}})
    commands.print_error("run", LocalError(f"the API returned 400: {hostile}", log=log))

    out, err = capsys.readouterr()
    assert {"\x1b", "\x07", "\x9b", "\u202e"}.isdisjoint(out + err)
    assert out.count("\\u202e") == 1
    assert err.count("\\u202e") == 2
