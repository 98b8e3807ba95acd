"""The table of what came of every fault."""

from collections.abc import Iterable

from reliability.audit import Row

HEAD = (
    "fault", "jobs", "ended", "completed", "failed by code", "charges", "double", "lost", "stuck",
    "bytes equal",
)  # fmt: skip


def lines(rows: Iterable[Row]) -> list[str]:
    """Return the table in Markdown, its last line the sum."""
    table = [HEAD, *(_cells(row) for row in rows)]
    widths = [max(len(line[n]) for line in table) for n in range(len(HEAD))]
    drawn = [_line(line, widths) for line in table]
    return [drawn[0], _line(tuple("-" * width for width in widths), widths), *drawn[1:]]


def total(rows: Iterable[Row]) -> Row:
    """Return the sum of all rows."""
    whole = Row("all of them")
    for row in rows:
        for name in ("jobs", "ended", "completed", "recovered", "charges"):
            setattr(whole, name, getattr(whole, name) + getattr(row, name))
        for name in ("double", "lost", "stuck", "unequal"):
            setattr(whole, name, getattr(whole, name) + getattr(row, name))
        whole.failed.update(row.failed)
        whole.unexpected += row.unexpected
    return whole


def _line(cells: tuple[str, ...], widths: list[int]) -> str:
    padded = [cell.ljust(width) for cell, width in zip(cells, widths, strict=True)]
    return f"| {' | '.join(padded)} |"


def _cells(row: Row) -> tuple[str, ...]:
    codes = ", ".join(f"{code} {count}" for code, count in sorted(row.failed.items()))
    if row.recovered:
        codes += f" ({row.recovered} filed late)"
    return (
        row.name, str(row.jobs), str(row.ended), str(row.completed), codes or "-",
        str(row.charges), str(row.double), str(row.lost), str(row.stuck),
        "no" if row.unequal else "yes",
    )  # fmt: skip
