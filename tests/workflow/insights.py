"""A small evaluator of CloudWatch Logs Insights: the commands and functions of docs/operations.md.

Fields are named as Logs Insights names them: the keys of nested JSON objects are joined by dots,
and an element of an array has its index as key, such as `Cost.0`.
"""

import ast
import json
import operator
import re
from collections.abc import Callable, Iterator
from statistics import mean
from typing import Any

type Row = dict[str, Any]

_SECONDS = {"m": 60, "h": 3600, "d": 86400}
_OPERATORS: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.Eq: operator.eq, ast.Gt: operator.gt, ast.Lt: operator.lt,
}  # fmt: skip
# A text, a regular expression, a period of bin(), or a field name that no bracket follows.
_TOKEN = re.compile(r'"[^"]*"|(?<=like )/[^/]+/|\b\d+[mhd]\b|@?[A-Za-z_]\w*(?:\.\w+)*(?![\w.(])')
_KEYWORDS = {"and", "or", "like"}


def event(message: str, timestamp: float, stream: str) -> Row:
    """Return the fields of a log event."""
    row: Row = {"@timestamp": timestamp, "@message": message, "@logStream": stream}
    return row | (dict(_flatten("", json.loads(message))) if message.startswith("{") else {})


def run(query: str, events: list[Row]) -> list[Row]:
    """Return the rows of a query, with the columns of its last `fields` or `stats` command."""
    rows = sorted(events, key=lambda row: row["@timestamp"])
    columns: list[str] = []
    for stage in query.split("|"):
        command, _, argument = stage.strip().partition(" ")
        match command:
            case "fields":
                columns = [name.strip() for name in argument.split(",")]
            case "filter":
                condition = _parse(argument)
                rows = [row for row in rows if _value(condition, [row])]
            case "parse":
                rows = [row | _extract(argument, row) for row in rows]
            case "stats":
                rows = _stats(argument, rows)
                columns = list(rows[0]) if rows else []
            case "sort":
                name, order = argument.split()
                rows.sort(key=operator.itemgetter(name), reverse=order == "desc")
            case "limit":
                rows = rows[: int(argument)]
            case _:
                raise ValueError(f"no evaluator of the command {command}")
    return [{name: row[name] for name in columns if name in row} for row in rows]


def _latest(values: list[Any]) -> Any:
    return values[-1]


def _pct(values: list[float], percent: float) -> float:
    return sorted(values)[round((len(values) - 1) * percent / 100)]


_AGGREGATES: dict[str, Callable[..., Any]] = {
    "avg": mean, "count": len, "latest": _latest, "max": max, "pct": _pct, "sum": sum,
}  # fmt: skip


def _flatten(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    match value:
        case dict():
            items = list(value.items())
        case list():
            items = list(enumerate(value))
        case _:
            yield name, value
            return
    for key, inner in items:
        yield from _flatten(f"{name}.{key}" if name else str(key), inner)


def _parse(text: str) -> ast.expr:
    """Parse an expression as Python; each field is a call of `field` with its name."""

    def replace(match: re.Match[str]) -> str:
        token = match[0]
        if token in _KEYWORDS or token.startswith('"'):
            return token
        if token.startswith("/"):
            return repr(token[1:-1])
        return repr(token) if token[0].isdigit() else f"field({token!r})"

    text = _TOKEN.sub(replace, text.strip())
    text = re.sub(r"(field\('[^']+'\)) like ('[^']*')", r"like(\1, \2)", text)
    return ast.parse(text.replace("*)", ")").replace(" = ", " == "), mode="eval").body


def _value(node: ast.expr, rows: list[Row]) -> Any:
    """Return the value for a group of rows; outside of aggregates, that of its first row."""
    match node:
        case ast.Constant():
            return node.value
        case ast.BoolOp(op=ast.And()):
            return all(_value(part, rows) for part in node.values)
        case ast.BoolOp(op=ast.Or()):
            return any(_value(part, rows) for part in node.values)
        case ast.Compare(left=left, ops=[sign], comparators=[right]):
            return _apply(sign, _value(left, rows), _value(right, rows))
        case ast.BinOp():
            return _apply(node.op, _value(node.left, rows), _value(node.right, rows))
        case ast.Call(func=ast.Name(id=name), args=arguments):
            return _call(name, arguments, rows)
        case _:
            raise ValueError(f"no evaluator of {ast.unparse(node)}")


def _apply(sign: ast.operator | ast.cmpop, left: Any, right: Any) -> Any:
    if left is None or right is None:
        return None
    return _OPERATORS[type(sign)](left, right)


def _call(name: str, arguments: list[ast.expr], rows: list[Row]) -> Any:
    if name == "count" and not arguments:
        return len(rows)
    if name in _AGGREGATES:
        operand, *constants = arguments
        values = [value for row in rows if (value := _value(operand, [row])) is not None]
        settings = [_value(constant, rows) for constant in constants]
        return _AGGREGATES[name](values, *settings) if values or name == "count" else None
    values = [_value(argument, rows) for argument in arguments]
    match name, values:
        case "field", [field]:
            return rows[0].get(field)
        case "ispresent", [value]:
            return value is not None
        case "like", [text, pattern]:
            return re.search(pattern, text) is not None
        case "bin", [period]:
            seconds = int(period[:-1]) * _SECONDS[period[-1]]
            return rows[0]["@timestamp"] // seconds * seconds
        case _:
            raise ValueError(f"no evaluator of the function {name}")


def _extract(argument: str, row: Row) -> Row:
    """Return the fields of a `parse` command: a text with wildcards, or named groups."""
    field, _, pattern = argument.partition(" ")
    if glob := re.fullmatch(r'"(.+)" as (.+)', pattern):
        start, *parts = map(re.escape, glob[1].split("*"))
        names = glob[2].split(", ")
        groups = (f"(?P<{name}>.*?){part}" for name, part in zip(names, parts, strict=True))
        pattern = f"{start}{''.join(groups)}$"
    else:
        pattern = pattern.strip("/").replace("(?<", "(?P<")
    found = re.search(pattern, row[field])
    return {name: _number(text) for name, text in found.groupdict().items()} if found else {}


def _number(text: str) -> str | float:
    return float(text) if re.fullmatch(r"\d+(\.\d+)?", text) else text


def _stats(argument: str, rows: list[Row]) -> list[Row]:
    text, _, grouping = argument.partition(" by ")
    aggregates = [
        (alias, _parse(expression))
        for expression, alias in re.findall(r"\s*(.+?) as (\w+)(?:,|$)", text.strip())
    ]
    keys = [(key.strip(), _parse(key)) for key in re.split(r",\s*(?![^(]*\))", grouping.strip())]
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(tuple(_value(key, [row]) for _, key in keys), []).append(row)
    return [
        {alias: _value(expression, group) for alias, expression in aggregates}
        | {name: value for (name, _), value in zip(keys, values, strict=True)}
        for values, group in groups.items()
    ]
