"""The page that keeps the last good run of each phase."""

from collections.abc import Sequence
from pathlib import Path

MARK = "<!-- `make faults` writes what follows -->"
_HEADING = "\n### "


def record(page: Path, order: Sequence[str], phase: str, told: str) -> None:
    """Put what was found in a phase into the page, in the place of what was found before."""
    head, _, tail = page.read_text().partition(MARK)
    sections = dict(part.split("\n", 1) for part in tail.split(_HEADING)[1:])
    sections[phase] = f"\n{told}\n"
    kept = [name for name in order if name in sections]
    written = "".join(f"{_HEADING}{name}\n{sections[name].rstrip()}\n" for name in kept)
    page.write_text(f"{head}{MARK}\n{written}")
