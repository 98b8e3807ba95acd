"""Sections of docs/benchmarks.md. Each benchmark prints its section and replaces it on the page."""

import os
import platform
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "benchmarks.md"
PLOTS = ROOT / "docs" / "images"


class Section(NamedTuple):
    """The result of one benchmark."""

    title: str
    inputs: str
    body: str
    has_passed: bool = True  # False if a target is missed


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(str(cell) for cell in line)} |" for line in lines)


def dollars(usd: float) -> str:
    """Return a small amount of money in micro-USD."""
    return f"{usd * 1e6:.1f} µ$"


def machine() -> str:
    """Return the processors, the memory and the Python version of this machine."""
    model = re.search(r"model name\s*: (.+)", _read("/proc/cpuinfo"))
    memory = re.search(r"MemTotal:\s*(\d+)", _read("/proc/meminfo"))
    size = f", {int(memory.group(1)) / 2**20:.0f} GB" if memory else ""
    name = model.group(1).strip() if model else platform.processor()
    return f"{os.cpu_count()} x {name}{size}, Python {platform.python_version()}"


def write(name: str, section: Section) -> None:
    """Print a section, and replace it on the page. Raise LookupError if its marks are missing."""
    measured = f"Measured {datetime.now(UTC):%Y-%m-%d} on {machine()}."
    text = f"## {section.title}\n\n{section.body}\n\n{section.inputs}\n\n{measured}\n"
    print(f"\n{text}", flush=True)
    begin, end = f"<!-- {name} -->\n", f"<!-- /{name} -->\n"
    before, _, remaining = PAGE.read_text().partition(begin)
    _, _, after = remaining.partition(end)
    if not remaining:
        raise LookupError(f"{PAGE.name} has no marks for {name}: add {begin.strip()} and its end")
    PAGE.write_text(f"{before}{begin}{text}{end}{after}")


def _read(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""
