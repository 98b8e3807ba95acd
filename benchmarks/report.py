"""Sections of docs/benchmarks.md: each benchmark prints its own, and replaces its own there."""

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
    """What one benchmark found."""

    title: str
    inputs: str
    body: str
    kept: bool = True  # False if a promise is broken


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(str(cell) for cell in line)} |" for line in lines)


def dollars(usd: float) -> str:
    """Return an amount of money that may be very small, in millionths."""
    return f"{usd * 1e6:.1f} µ$"


def machine() -> str:
    """Say what the numbers were made on."""
    found = re.search(r"model name\s*: (.+)", _read("/proc/cpuinfo"))
    memory = re.search(r"MemTotal:\s*(\d+)", _read("/proc/meminfo"))
    size = f", {int(memory.group(1)) / 2**20:.0f} GB" if memory else ""
    name = found.group(1).strip() if found else platform.processor()
    return f"{os.cpu_count()} x {name}{size}, Python {platform.python_version()}"


def write(name: str, section: Section) -> None:
    """Print a section, and put it into the page in its own's place."""
    made = f"{datetime.now(UTC):%Y-%m-%d}; {machine()}"
    text = f"## {section.title}\n\n{section.body}\n\n{section.inputs}\n\nMade {made}.\n"
    print(f"\n{text}", flush=True)
    begin, end = f"<!-- {name} -->\n", f"<!-- /{name} -->\n"
    page = PAGE.read_text()
    before, _, rest = page.partition(begin)
    _, _, after = rest.partition(end)
    if not rest:
        raise LookupError(f"{PAGE.name} has no place for {name}: put its two marks there")
    PAGE.write_text(f"{before}{begin}{text}{end}{after}")


def _read(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""
