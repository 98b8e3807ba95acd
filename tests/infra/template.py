"""template.yaml, the API and the state machine as data, for tests here and in tests/workflow."""

from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
DEFINITION = ROOT / "infra/statemachines/image_job.asl.yaml"
BATCH_DEFINITION = ROOT / "infra/statemachines/batch.asl.yaml"
OPENAPI = ROOT / "infra/api/openapi.yaml"


class _Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short tags: `!Ref X` becomes {"Ref": "X"}, as on the wire."""


def _tag(loader: _Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    value: Any
    match node:
        case yaml.ScalarNode():
            value = loader.construct_scalar(node)
        case yaml.SequenceNode():
            value = loader.construct_sequence(node, deep=True)
        case yaml.MappingNode():
            value = loader.construct_mapping(node, deep=True)
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _tag)


@cache
def template() -> dict[str, Any]:
    """Return the whole template."""
    document: dict[str, Any] = yaml.load((ROOT / "template.yaml").read_text(), _Loader)  # noqa: S506
    return document


def resources(kind: str) -> dict[str, dict[str, Any]]:
    """Return the resources of one type, by logical id."""
    return {name: r for name, r in template()["Resources"].items() if r["Type"] == kind}


def properties(name: str) -> dict[str, Any]:
    """Return one resource's properties; of a function, with the globals under them."""
    resource = template()["Resources"][name]
    own: dict[str, Any] = resource["Properties"]
    if resource["Type"] != "AWS::Serverless::Function":
        return own
    shared = template()["Globals"]["Function"]
    variables: dict[str, Any] = {**shared["Environment"]["Variables"]}
    variables |= own.get("Environment", {}).get("Variables", {})
    merged: dict[str, Any] = shared | own | {"Environment": {"Variables": variables}}
    return merged


def functions() -> list[str]:
    """Return the logical ids of all functions."""
    return list(resources("AWS::Serverless::Function"))


def ours() -> list[str]:
    """Return the logical ids of the functions of the main artifact."""
    return [name for name in functions() if properties(name)["CodeUri"] == "functions/"]


def parameters() -> dict[str, dict[str, Any]]:
    """Return what whoever deploys may choose."""
    found: dict[str, dict[str, Any]] = template()["Parameters"]
    return found


@cache
def api() -> dict[str, Any]:
    """Return the API's document, which CloudFormation includes; its functions are long forms."""
    document: dict[str, Any] = yaml.safe_load(OPENAPI.read_text())
    return document


@cache
def definition() -> dict[str, Any]:
    """Return the state machine, placeholders and all."""
    document: dict[str, Any] = yaml.safe_load(DEFINITION.read_text())
    return document
