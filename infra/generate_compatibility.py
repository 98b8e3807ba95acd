"""Generate docs/compatibility.md from tests/field_log.yaml. `make schemas` runs this module."""

from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]
LOG = ROOT / "tests" / "field_log.yaml"
PAGE = ROOT / "docs" / "compatibility.md"

_HEAD = """# Compatibility

Clients, files and tools that were tried, and what happens. Every row is a test.
`make schemas` generates this page from [tests/field_log.yaml](../tests/field_log.yaml).
"""


def sections() -> list[dict[str, Any]]:
    """Return the sections of the log with their rows."""
    log: list[dict[str, Any]] = yaml.safe_load(LOG.read_text())
    return log


def text() -> str:
    """Return the page."""
    parts = [_HEAD]
    for section in sections():
        introduction = f"{section['text']}\n\n" if "text" in section else ""
        rows = "".join(map(_row, section["rows"]))
        table = f"| tried | what happens | test |\n| --- | --- | --- |\n{rows}"
        parts.append(f"\n## {section['section']}\n\n{introduction}{table}")
    return "".join(parts)


def _row(row: dict[str, str]) -> str:
    test = row["test"].partition("::")[2]
    return f"| {_cell(row['tried'])} | {_cell(row['result'])} | `{test}` |\n"


def _cell(value: str) -> str:
    return value.replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(text())
