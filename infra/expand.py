"""The template as CloudFormation receives it: expanded by SAM, and with its intrinsics resolved."""

import copy
import json
import re
import subprocess
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from local import paths
from local.built_template import load_template

GATEWAY = paths.ROOT / "infra" / "api" / "gateway.yaml"
# An empty policy map, because SAM would otherwise query IAM for managed policy ARNs.
_TRANSLATE = """
import json, sys
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
print(json.dumps(Translator({}, Parser()).translate(json.load(sys.stdin), {})))
"""
# The ARN of a resource by its type; the values of other attributes are the resource's name.
_ARNS = {
    "AWS::DynamoDB::Table": "arn:{partition}:dynamodb:{region}:{account}:table/{name}",
    "AWS::Events::EventBus": "arn:{partition}:events:{region}:{account}:event-bus/{name}",
    "AWS::Events::Rule": "arn:{partition}:events:{region}:{account}:rule/{name}",
    "AWS::IAM::ManagedPolicy": "arn:{partition}:iam::{account}:policy/{name}",
    "AWS::IAM::Role": "arn:{partition}:iam::{account}:role/{name}",
    "AWS::Lambda::Function": "arn:{partition}:lambda:{region}:{account}:function:{name}",
    "AWS::Logs::LogGroup": "arn:{partition}:logs:{region}:{account}:log-group:{name}:*",
    "AWS::S3::Bucket": "arn:{partition}:s3:::{lower}",
    "AWS::SecretsManager::Secret": (
        "arn:{partition}:secretsmanager:{region}:{account}:secret:{name}-AbCdEf"
    ),
    "AWS::SQS::Queue": "arn:{partition}:sqs:{region}:{account}:{name}",
    "AWS::StepFunctions::StateMachine": (
        "arn:{partition}:states:{region}:{account}:stateMachine:{name}"
    ),
}
# The property with the name of a resource; without it, the name is made from the stack's.
_NAMES = {
    "AWS::Events::EventBus": "Name",
    "AWS::Lambda::Function": "FunctionName",
    "AWS::Logs::LogGroup": "LogGroupName",
    "AWS::StepFunctions::StateMachine": "StateMachineName",
}
# Resources whose Ref is their ARN.
_REF_IS_ARN = {
    "AWS::IAM::ManagedPolicy",
    "AWS::SecretsManager::Secret",
    "AWS::StepFunctions::StateMachine",
}


def expand(path: Path = paths.TEMPLATE) -> dict[str, Any]:
    """Return the template that CloudFormation receives from SAM.

    As after an upload, code and definitions are in a bucket, and the API includes its document.
    Raises CalledProcessError if SAM refuses the template.
    """
    template = json.loads(json.dumps(load_template(path), default=str))
    for parameter in template["Parameters"].values():
        parameter.setdefault("Default", "secret")
    for resource in template["Resources"].values():
        properties = resource.get("Properties", {})
        if "DefinitionUri" in properties:
            properties["DefinitionUri"] = "s3://bucket/machine.json"
        if "TemplateURL" in properties:
            properties["TemplateURL"] = "https://bucket.s3.amazonaws.com/template.yaml"
        if resource["Type"] == "AWS::Serverless::Function":
            properties["CodeUri"] = "s3://bucket/functions.zip"
        if resource["Type"] == "AWS::Serverless::Api":
            properties["DefinitionBody"] = yaml.safe_load(GATEWAY.read_text())
    output = subprocess.run(
        [paths.SAM.with_name("python"), "-c", _TRANSLATE],
        input=json.dumps(template),
        capture_output=True,
        text=True,
        check=True,
        env={"AWS_DEFAULT_REGION": "us-east-1"},
    ).stdout
    # SAM can print notices after the first line.
    expanded: dict[str, Any] = json.loads(output.splitlines()[0])
    return expanded


@dataclass
class Resolver:
    """Replaces the intrinsics of an expanded template by the values that a stack would have."""

    template: dict[str, Any]
    stack: str
    region: str
    account: str
    partition: str = "aws"
    parameters: dict[str, str] = field(default_factory=dict)

    def resolve(self, value: Any) -> Any:  # noqa: PLR0911 - one case per function
        """Return the value without intrinsics. Raises ValueError for one that it does not know."""
        match value:
            case {"Ref": "AWS::NoValue"}:
                return None
            case {"Ref": str(name)}:
                return self._ref(name)
            case {"Fn::GetAtt": [str(name), str(attribute)]}:
                return self._attribute(name, attribute)
            case {"Fn::GetAtt": str(text)}:
                return self._attribute(*text.split(".", 1))
            case {"Fn::Sub": str(text)}:
                return re.sub(r"\${([^!}]+)}", lambda match: str(self._named(match[1])), text)
            case {"Fn::If": [str(condition), then, otherwise]}:
                return self.resolve(then if self.holds(condition) else otherwise)
            case {"Fn::Join": [str(separator), parts]}:
                return separator.join(map(str, self.resolve(parts)))
            case {"Fn::FindInMap": [name, key, attribute]}:
                key, attribute = self.resolve(key), self.resolve(attribute)
                return self.template["Mappings"][name][key][attribute]
            case dict() if any(key.startswith("Fn::") for key in value):
                raise ValueError(f"cannot resolve {value}")
            case dict():
                resolved = {key: self.resolve(inner) for key, inner in value.items()}
                return {key: inner for key, inner in resolved.items() if inner is not None}
            case list():
                items = [self.resolve(inner) for inner in value]
                return [item for item in items if item is not None]
        return copy.deepcopy(value)

    def holds(self, condition: str) -> bool:
        """Return whether a condition of the template is true."""
        return self._evaluate(self.template["Conditions"][condition])

    @cached_property
    def _values(self) -> dict[str, str]:
        defaults = {
            name: parameter.get("Default", "") for name, parameter in self._parameters.items()
        }
        return {name: str(value) for name, value in (defaults | self.parameters).items()}

    @property
    def _parameters(self) -> dict[str, Any]:
        parameters: dict[str, Any] = self.template["Parameters"]
        return parameters

    def _named(self, name: str) -> Any:
        name, _, attribute = name.partition(".")
        return self._attribute(name, attribute) if attribute else self._ref(name)

    def _ref(self, name: str) -> Any:
        pseudo = {
            "AWS::Partition": self.partition,
            "AWS::Region": self.region,
            "AWS::AccountId": self.account,
            "AWS::StackName": self.stack,
            "AWS::URLSuffix": "amazonaws.com",
        }
        if name in pseudo:
            return pseudo[name]
        if name in self._values:
            value = self._values[name]
            is_list = self._parameters[name]["Type"] == "CommaDelimitedList"
            return value.split(",") if is_list else value
        return self._attribute(name, "Ref")

    def _attribute(self, resource: str, attribute: str) -> str:
        document = self.template["Resources"][resource]
        kind = document["Type"]
        is_arn = kind in _REF_IS_ARN if attribute in ("Ref", "Id") else attribute == "Arn"
        given = document.get("Properties", {}).get(_NAMES.get(kind, ""))
        name = self.resolve(given) if given else f"{self.stack}-{resource}"
        return (_ARNS[kind] if is_arn else "{name}").format(
            partition=self.partition,
            region=self.region,
            account=self.account,
            name=name,
            lower=name.lower(),
        )

    def _evaluate(self, expression: Any) -> bool:
        match expression:
            case {"Fn::Equals": [left, right]}:
                return bool(self.resolve(left) == self.resolve(right))
            case {"Fn::Not": [inner]}:
                return not self._evaluate(inner)
            case {"Fn::And": list(parts)}:
                return all(map(self._evaluate, parts))
            case {"Fn::Or": list(parts)}:
                return any(map(self._evaluate, parts))
            case {"Condition": str(name)}:
                return self.holds(name)
        raise ValueError(f"cannot evaluate {expression}")
