"""State machine definitions as JSON, because the emulator takes nothing else from S3.

AWS substitutes `${Name}` as text before it parses, so a number stays a number. In JSON a
placeholder stands in quotes unless it is written without them; that is done here for numbers.
"""

import json
from pathlib import Path
from typing import Any

import yaml

STATE_MACHINES = ("AWS::Serverless::StateMachine", "AWS::StepFunctions::StateMachine")


class _Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short tags kept as their long forms."""


class _Dumper(yaml.SafeDumper):
    """YAML without anchors, which CloudFormation does not know."""

    def ignore_aliases(self, data: Any) -> bool:
        del data
        return True


def _intrinsic(loader: yaml.SafeLoader, tag: str, node: yaml.Node) -> dict[str, Any]:
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
        if tag == "GetAtt":
            value = value.split(".", 1)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        assert isinstance(node, yaml.MappingNode)  # noqa: S101 - the only kind left
        value = loader.construct_mapping(node, deep=True)
    return {tag if tag in {"Ref", "Condition"} else f"Fn::{tag}": value}


_Loader.add_multi_constructor("!", _intrinsic)


def load_template(path: Path) -> dict[str, Any]:
    """A template as plain data."""
    template: dict[str, Any] = yaml.load(path.read_text(), Loader=_Loader)  # noqa: S506 - safe
    return template


def to_json(built_template: Path) -> None:
    """Write each machine's YAML definition as JSON beside the template and point to it."""
    template = load_template(built_template)
    for name, resource in template.get("Resources", {}).items():
        properties = resource.get("Properties", {})
        uri = properties.get("DefinitionUri")
        if resource.get("Type") not in STATE_MACHINES or not isinstance(uri, str):
            continue
        definition = yaml.safe_load((built_template.parent / uri).read_text())
        numbers = numeric_substitutions(properties, template.get("Parameters", {}))
        target = built_template.with_name(f"{name}.asl.json")
        target.write_text(definition_text(definition, numbers))
        properties["DefinitionUri"] = target.name
    built_template.write_text(yaml.dump(template, Dumper=_Dumper, sort_keys=False, width=100))


def numeric_substitutions(properties: dict[str, Any], parameters: dict[str, Any]) -> set[str]:
    """The names of the substitutions that are numbers: literals, or parameters of type Number."""
    return {
        name
        for name, value in properties.get("DefinitionSubstitutions", {}).items()
        if _is_number(value, parameters)
    }


def definition_text(definition: dict[str, Any], numbers: set[str]) -> str:
    """The definition as JSON in which placeholders of numbers stand without quotes."""
    text = json.dumps(definition, indent=2, ensure_ascii=False)
    for name in numbers:
        text = text.replace(f'"${{{name}}}"', f"${{{name}}}")
    return text


def _is_number(value: Any, parameters: dict[str, Any]) -> bool:
    match value:
        case {"Ref": str(name)}:
            return bool(parameters.get(name, {}).get("Type") == "Number")
        case bool():
            return False
        case int() | float():
            return True
        case str():
            return value.lstrip("-").replace(".", "", 1).isdigit()
        case _:
            return False
