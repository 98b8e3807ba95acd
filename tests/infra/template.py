"""template.yaml, the OpenAPI document and the state machine as data, for tests."""

from functools import cache
from pathlib import Path
from typing import Any

import yaml

from local.built_template import load_template

ROOT = Path(__file__).parents[2]
DEFINITION = ROOT / "infra/statemachines/image_job.asl.yaml"
BATCH_DEFINITION = ROOT / "infra/statemachines/batch.asl.yaml"
GATEWAY = ROOT / "infra/api/gateway.yaml"


@cache
def template() -> dict[str, Any]:
    """Return the whole template."""
    return load_template(ROOT / "template.yaml")


def resources(kind: str) -> dict[str, dict[str, Any]]:
    """Return the resources of one type, by logical id."""
    return {name: r for name, r in template()["Resources"].items() if r["Type"] == kind}


def properties(name: str) -> dict[str, Any]:
    """Return the properties of a resource; those of a function include the globals."""
    resource = template()["Resources"][name]
    own_properties: dict[str, Any] = resource["Properties"]
    if resource["Type"] != "AWS::Serverless::Function":
        return own_properties
    global_properties = template()["Globals"]["Function"]
    variables: dict[str, Any] = {**global_properties["Environment"]["Variables"]}
    variables |= own_properties.get("Environment", {}).get("Variables", {})
    merged: dict[str, Any] = (
        global_properties | own_properties | {"Environment": {"Variables": variables}}
    )
    return merged


def functions() -> list[str]:
    """Return the logical ids of all functions."""
    return list(resources("AWS::Serverless::Function"))


def main_functions() -> list[str]:
    """Return the logical ids of the functions of the main artifact."""
    return [name for name in functions() if properties(name)["CodeUri"] == "functions/"]


def parameters() -> dict[str, dict[str, Any]]:
    """Return the parameters of the stack."""
    stack_parameters: dict[str, dict[str, Any]] = template()["Parameters"]
    return stack_parameters


@cache
def api() -> dict[str, Any]:
    """Return the OpenAPI document, which CloudFormation includes; it uses long-form functions."""
    document: dict[str, Any] = yaml.safe_load(GATEWAY.read_text())
    return document


@cache
def definition() -> dict[str, Any]:
    """Return the state machine definition with its placeholders."""
    document: dict[str, Any] = yaml.safe_load(DEFINITION.read_text())
    return document
