"""Examples in the documentation are valid: events match their schemas, presets can be parsed."""

import json
import re
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from darkroom.api.schemas import JobView
from darkroom.domain import presets
from infra.generate_events import TARGET
from tests.infra.template import ROOT


def blocks(page: str) -> list[tuple[str, dict[str, Any]]]:
    """Return each JSON block of a page with the bold word before it."""
    text = (ROOT / "docs" / page).read_text()
    matches = re.findall(r"^\*\*(\w+)\*\*(?:(?!^```).)*?^```json\n(.*?)^```", text, re.M | re.S)
    return [(name, json.loads(block)) for name, block in matches]


@pytest.mark.parametrize(("name", "example"), blocks("events.md"), ids=lambda v: str(v)[:20])
def test_event_example_matches_its_schema(name: str, example: dict[str, Any]) -> None:
    schema = json.loads((TARGET / f"{name}.json").read_text())

    Draft202012Validator(schema).validate(example)
    assert example.keys() == schema["properties"].keys(), "the example shows every field"


def test_every_event_has_an_example() -> None:
    shown = {name for name, _ in blocks("events.md")}

    assert shown | {"JobRequested"} == {path.stem for path in TARGET.glob("*.json")}


def test_preset_example_can_be_parsed() -> None:
    text = (ROOT / "docs" / "inbox.md").read_text()
    (block,) = re.findall(r"^```json\n(.*?)^```", text, re.M | re.S)

    assert presets.parse(block.encode()).version == 2


def test_inbox_page_names_the_shipped_presets() -> None:
    text = (ROOT / "docs" / "inbox.md").read_text()

    assert [name for name in presets.shipped().presets if f"`{name}`" not in text] == []


def test_job_example_has_all_fields_of_a_job() -> None:
    text = (ROOT / "docs" / "http.md").read_text()
    blocks_of_page = map(json.loads, re.findall(r"^```json\n(.*?)^```", text, re.M | re.S))
    (shown,) = (block for block in blocks_of_page if "job_id" in block)

    assert JobView.model_validate(shown)
    assert shown.keys() == JobView.model_fields.keys()
