"""The result table: one row per fault."""

from collections.abc import Iterable

from reliability.audit import AuditRow

HEAD = (
    "fault", "jobs", "ended", "completed", "failed by code", "charges", "double charges", "lost",
    "stuck", "bytes match",
)  # fmt: skip


def markdown_table(rows: Iterable[AuditRow]) -> list[str]:
    """Return the lines of a Markdown table with aligned columns."""
    cells = [HEAD, *(_cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(HEAD))]
    lines = [_line(line, widths) for line in cells]
    return [lines[0], _line(tuple("-" * width for width in widths), widths), *lines[1:]]


def total(rows: Iterable[AuditRow]) -> AuditRow:
    """Return the sum of all rows."""
    result = AuditRow("total")
    for row in rows:
        for name in (
            "jobs", "ended", "completed", "recovered", "charges", "double_charges", "lost",
            "stuck", "mismatched",
        ):  # fmt: skip
            setattr(result, name, getattr(result, name) + getattr(row, name))
        result.failed.update(row.failed)
        result.unexpected += row.unexpected
    return result


def _line(cells: tuple[str, ...], widths: list[int]) -> str:
    padded = [cell.ljust(width) for cell, width in zip(cells, widths, strict=True)]
    return f"| {' | '.join(padded)} |"


def _cells(row: AuditRow) -> tuple[str, ...]:
    codes = ", ".join(f"{code} {count}" for code, count in sorted(row.failed.items()))
    if row.recovered:
        codes += f" ({row.recovered} recovered)"
    return (
        row.name, str(row.jobs), str(row.ended), str(row.completed), codes or "-",
        str(row.charges), str(row.double_charges), str(row.lost), str(row.stuck),
        "no" if row.mismatched else "yes",
    )  # fmt: skip
