"""The input of a model from the options of a command line, converted by the model's fields."""

import json
import math
from pathlib import Path
from typing import Any

from darkroom_cli import files
from darkroom_cli.client import Client, Json
from darkroom_cli.errors import CliError, Exit
from darkroom_cli.text import read_stdin

_FORMS = "name=value, name=@file or name:=JSON"
_MAX_TEXT_FILE = 1 << 20  # bytes; the limit of the presets, too
_MISSING = object()


class Inputs:
    """Collects the values of `-i`. Raises CliError for a value that the model cannot have.

    `fields` are those of the model, or None if they are not known: then every value is a text.
    """

    def __init__(self, client: Client, fields: list[Json] | None, start: Json) -> None:
        self._client = client
        self._fields = None if fields is None else {field["name"]: field for field in fields}
        self._input: Json = dict(start)
        self._given: set[str] = set()
        self._uploads: list[tuple[str, files.LocalFile]] = []

    def add(self, option: str) -> None:
        """Add one option: `name=value`, `name=@file` or `name:=JSON`. A list repeats its name."""
        name, separator, text = option.partition("=")
        if not separator or not name.strip(":"):
            raise _bad(f"-i {option} has no value. Use {_FORMS}.")
        if name.endswith(":"):
            self._put(name[:-1], _parsed(name[:-1], text), is_list=False)
            return
        field = self._field(name)
        is_list = bool(field.get("is_list"))
        if text.startswith("@@"):
            text = text[1:]
        elif text.startswith("@"):
            value = self._file(name, field, Path(text[1:]))
            self._put(name, value, is_list=is_list)
            return
        self._put(name, _converted(field, text), is_list=is_list)

    def request(self) -> Json:
        """Upload the files, and return the complete input."""
        missing = [
            name
            for name, field in (self._fields or {}).items()
            if field["required"] and name not in self._input
        ]
        if missing:
            raise _bad(f"The input has no {', '.join(missing)}. Use -i {missing[0]}=…")
        references = {id(file): self._client.upload(file) for _, file in self._uploads}
        uploaded: Json = _with(self._input, references)
        return uploaded

    def _field(self, name: str) -> Json:
        if self._fields is None:
            return {"name": name, "type": "string"}
        if name not in self._fields:
            message = f"The model has no field {name}. Its fields: {', '.join(self._fields)}."
            raise CliError(Exit.BAD_REQUEST, message, f"To send it nevertheless: -i {name}:=JSON")
        return self._fields[name]

    def _file(self, name: str, field: Json, path: Path) -> Any:
        if self._fields is None or field.get("media"):
            file = files.any_file(path)
            self._uploads.append((name, file))
            return file
        text = read_stdin() if str(path) == "-" else _text_of(path)
        return _converted(field, text)

    def _put(self, name: str, value: Any, *, is_list: bool) -> None:
        if is_list:
            earlier = self._input.get(name) if name in self._given else None
            value = [*(earlier or []), value]
        elif name in self._given:
            raise _bad(f"{name} was given twice, and is not a list.")
        self._given.add(name)
        self._input[name] = value


def read_start(source: str | None) -> Json:
    """Return the input in a JSON file, or in stdin for `-`; an empty one without a source."""
    if source is None:
        return {}
    value = read_json(source)
    if not isinstance(value, dict):
        raise _bad("--input must be a JSON object.")
    return value


def read_steps(source: str | None) -> Json:
    """Return the further steps in a JSON file, as a field of a request; {} without a source."""
    if source is None:
        return {}
    steps = read_json(source)
    if not isinstance(steps, list):
        raise _bad("--then must be a JSON list of steps.")
    return {"then": steps}


def read_json(source: str) -> Any:
    """Return the value in a JSON file, or in stdin for `-`. Raises CliError."""
    if source == "-":
        return _parsed("stdin", read_stdin())
    return _parsed(source, _text_of(Path(source)))


def _converted(field: Json, text: str) -> Any:
    value: Any = text
    match field["type"]:
        case "boolean":
            value = {"true": True, "false": False}.get(text.lower(), _MISSING)
            if value is _MISSING:
                raise _bad(f"{field['name']} must be true or false.")
        case "integer" | "number":
            value = _number(field, text)
        case "json":
            value = _parsed(field["name"], text)
    choices = field.get("choices") or ()
    if choices and value not in choices:
        chosen = next((choice for choice in choices if str(choice) == text), _MISSING)
        if chosen is _MISSING:
            raise _bad(f"{field['name']} must be one of {', '.join(map(str, choices))}.")
        value = chosen
    return value


def _number(field: Json, text: str) -> int | float:
    kind, name = (int, "whole number") if field["type"] == "integer" else (float, "number")
    try:
        value = kind(text)
    except ValueError:
        raise _bad(f"{field['name']} must be a {name}.") from None
    low, high = field.get("minimum"), field.get("maximum")
    if not math.isfinite(value):
        raise _bad(f"{field['name']} must be a {name}.")
    if (low is not None and value < low) or (high is not None and value > high):
        limits = [f"at least {low:g}" if low is not None else "",
                  f"at most {high:g}" if high is not None else ""]  # fmt: skip
        raise _bad(f"{field['name']} must be {' and '.join(filter(None, limits))}.")
    return value


def _parsed(name: str, text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise _bad(f"{name} is not valid JSON: {error}.") from None


def _text_of(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_TEXT_FILE + 1)
        if len(data) > _MAX_TEXT_FILE:
            raise _bad(f"{path} is longer than 1 MB.")
        return data.decode("utf-8-sig").strip()
    except OSError as error:
        raise _bad(f"Cannot read {path}: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise _bad(f"{path} is not UTF-8 text.") from None


def _with(value: Any, references: dict[int, str]) -> Any:
    """Return the value with the reference of each file."""
    match value:
        case files.LocalFile():
            return references[id(value)]
        case list():
            return [_with(each, references) for each in value]
        case dict():
            return {name: _with(each, references) for name, each in value.items()}
        case _:
            return value


def _bad(message: str) -> CliError:
    return CliError(Exit.BAD_REQUEST, message)
