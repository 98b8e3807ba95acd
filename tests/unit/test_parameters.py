"""Every image setting is available in every place: entry points, command line, studio, docs.

After a field is added to ImageSettings, the failing test lists the places that lack it.
"""

import json
import re
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import typer

from darkroom.domain import presets
from darkroom.domain.batch_file import BatchFileFormat
from darkroom.domain.errors import InvalidRequestError
from darkroom.domain.parsing import parse_request
from darkroom.domain.presets import BrokenPresetsError, Preset
from darkroom.domain.requests import EDIT_MODEL, TEXT_TO_IMAGE_MODEL, ImageSettings
from darkroom.domain.row_parser import rows_of
from darkroom.domain.uploads import edit_of
from darkroom_cli import main, requests
from simulator.catalog import CATALOG
from tests.infra.template import ROOT

COMMANDS = ("generate", "edit", "price", "batch run")


def allowed_values(name: str) -> list[str]:
    """Return the allowed values of a setting; a made-up one for a name that is no setting."""
    schema = ImageSettings.model_json_schema()
    field = schema["properties"].get(name, {"enum": ["x"]})
    options = [field, *field.get("anyOf", ())]
    options += [schema["$defs"][o["$ref"].rpartition("/")[2]] for o in options if "$ref" in o]
    (values,) = [option["enum"] for option in options if "enum" in option]
    return [str(value) for value in values]


def accepts(parse: Callable[[], dict[str, Any]], name: str, value: str) -> bool:
    try:
        return parse().get(name) == value
    except (InvalidRequestError, BrokenPresetsError):
        return False


def in_request(name: str, value: str, written: str) -> bool:
    body = {"operation": "text-to-image", "prompt": "x", name: written}
    return accepts(lambda: parse_request(body).input, name, value)


def in_model_input(name: str, value: str, written: str) -> bool:
    body = {"model": TEXT_TO_IMAGE_MODEL, "input": {"prompt": "x", name: written}}
    return accepts(lambda: parse_request(body).input, name, value)


def in_preset(name: str, value: str, written: str) -> bool:
    document = {"version": 1, "presets": {"scan": {"prompt": "flat", name: written}}}
    text = json.dumps(document).encode()
    return accepts(lambda: edit_of(presets.parse(text).presets["scan"], {}, []), name, value)


def in_metadata(name: str, value: str, written: str) -> bool:
    metadata = {name.replace("_", "-"): written}
    body = edit_of(Preset(prompt="flat"), metadata, ["https://example.com/x.png"])
    return accepts(lambda: parse_request(body).input, name, value)


def in_batch(name: str, value: str, written: str) -> bool:
    text = f"prompt,{name}\nx,{written}\n".encode()

    def parse() -> dict[str, Any]:
        ((_, request),) = rows_of(text, BatchFileFormat.CSV, template=None, defaults={})
        return request.input if request else {}

    return accepts(parse, name, value)


def options_of(name: str) -> list[set[str]]:
    """Return the options of a setting, such as --format, for each command with image settings."""
    found = []
    for words in COMMANDS:
        command: Any = typer.main.get_command(main.app)
        for word in words.split():
            command = command.commands[word]
        found.append(
            {text for option in command.params if option.name == name for text in option.opts}
        )
    return found


def studio_values(name: str) -> set[str]:
    """Return the quoted texts of a setting in the studio's table."""
    table = (ROOT / "functions/studio/settings.js").read_text().partition("\n];")[0]
    _, found, entry = table.partition(f'name: "{name}"')
    return set(re.findall(r'"([^"]*)"', entry.partition("{ name:")[0])) if found else set()


def in_simulator(name: str, values: list[str]) -> bool:
    """Compare with the provider's own schema, which does not import the models."""
    field = ImageSettings.model_fields.get(name)
    schemas = [CATALOG[model].properties.get(name) for model in (TEXT_TO_IMAGE_MODEL, EDIT_MODEL)]
    return all(
        schema is not None
        and set(schema["enum"]) == set(values)
        and schema.get("default") == (field and field.default)
        for schema in schemas
    )


def doc(page: str) -> str:
    return (ROOT / "docs" / page).read_text()


def in_events_page(name: str, values: list[str]) -> bool:
    row = re.search(rf"^\| `{name}` \|(.*)\|$", doc("events.md"), re.M)
    return row is not None and set(re.findall(r"[^\s`|,]+", row[1])) >= set(values)


def in_inbox_page(name: str) -> bool:
    metadata = doc("inbox.md").partition("## Metadata")[2].partition("##")[0]
    return f"`{name.replace('_', '-')}`" in metadata


def in_command_line_page(name: str) -> bool:
    options = set[str]().union(*options_of(name))
    return bool(options) and all(f"`{option}`" in doc("cli.md") for option in options)


def missing_places(name: str) -> list[str]:
    """Return the places that lack a setting or one of its values."""
    values = allowed_values(name)
    # The values as the provider reads them, and as people write them.
    pairs = [(v, form) for v in values for form in (v, v.upper(), f" {v.title()} ")]
    places: dict[str, Sequence[object]] = {
        "request: functions/darkroom/domain/requests.py": [
            in_request(name, *pair) for pair in pairs
        ],
        "model input: functions/darkroom/domain/wavespeed_input.py": [
            in_model_input(name, *pair) for pair in pairs
        ],
        "preset: functions/darkroom/domain/presets.py": [in_preset(name, *pair) for pair in pairs],
        "metadata: functions/darkroom/domain/uploads.py": [
            in_metadata(name, *pair) for pair in pairs
        ],
        "batch column: functions/darkroom/domain/columns.py": [
            in_batch(name, *pair) for pair in pairs
        ],
        "option: SETTINGS in cli/darkroom_cli/requests.py": options_of(name),
        "form: SETTINGS in functions/studio/settings.js": [studio_values(name) >= set(values)],
        "simulator: _GPT_IMAGE in simulator/catalog.py": [in_simulator(name, values)],
        "table of docs/events.md": [in_events_page(name, values)],
        "metadata list of docs/inbox.md": [in_inbox_page(name)],
        "options of docs/cli.md": [in_command_line_page(name)],
    }
    return [place for place, found in places.items() if not all(found)]


@pytest.mark.parametrize("name", ImageSettings.model_fields)
def test_setting_is_available_in_every_place(name: str) -> None:
    missing = missing_places(name)

    assert not missing, "\n".join([f"`{name}` or one of its values is missing in:", *missing])


def test_unknown_setting_is_reported_as_missing_in_every_place() -> None:
    assert len(missing_places("no_such_setting")) == 11


def test_studio_and_command_line_have_no_other_setting() -> None:
    table = (ROOT / "functions/studio/settings.js").read_text()

    assert set(re.findall(r'\{ name: "(\w+)"', table)) <= ImageSettings.model_fields.keys()
    assert requests.SETTINGS.keys() <= ImageSettings.model_fields.keys()


def test_provider_input_has_only_the_prompt_and_the_settings() -> None:
    body = {
        "operation": "edit", "prompt": "x", "images": ["aGk="], "aspect_ratio": "1:1",
        "deadline_seconds": 60, "priority": "low",
    }  # fmt: skip

    assert parse_request(body).input.keys() <= {"prompt", *ImageSettings.model_fields}
