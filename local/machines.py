"""Convert state machine definitions to JSON; the emulator accepts only JSON from S3."""

import json
from pathlib import Path
from typing import Any

import yaml

STATE_MACHINES = ("AWS::Serverless::StateMachine", "AWS::StepFunctions::StateMachine")


class _Loader(yaml.SafeLoader):
    """A YAML loader that converts CloudFormation's short tags to their long forms."""


class _Dumper(yaml.SafeDumper):
    """A YAML dumper without anchors, which CloudFormation does not support."""

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
        assert isinstance(node, yaml.MappingNode)  # noqa: S101 - the only remaining kind
        value = loader.construct_mapping(node, deep=True)
    return {tag if tag in {"Ref", "Condition"} else f"Fn::{tag}": value}


_Loader.add_multi_constructor("!", _intrinsic)


def load_template(path: Path) -> dict[str, Any]:
    """Return a template as plain data."""
    template: dict[str, Any] = yaml.load(path.read_text(), Loader=_Loader)  # noqa: S506 - safe
    return template


def to_json(built_template: Path) -> None:
    """Write each YAML definition as a JSON file next to the template and reference that file."""
    template = load_template(built_template)
    for name, resource in template.get("Resources", {}).items():
        properties = resource.get("Properties", {})
        uri = properties.get("DefinitionUri")
        if resource.get("Type") not in STATE_MACHINES or not isinstance(uri, str):
            continue
        definition = yaml.safe_load((built_template.parent / uri).read_text())
        target = built_template.with_name(f"{name}.asl.json")
        target.write_text(json.dumps(definition, indent=2, ensure_ascii=False))
        properties["DefinitionUri"] = target.name
    built_template.write_text(yaml.dump(template, Dumper=_Dumper, sort_keys=False, width=100))
