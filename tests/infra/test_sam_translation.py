"""The template after SAM translation: roles and permissions that the emulator does not check."""

import copy
import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.expand import expand
from tests.infra.template import ROOT, functions, properties, template

pytestmark = pytest.mark.linters


@cache
def expanded() -> dict[str, Any]:
    """Return the template that CloudFormation receives from SAM."""
    return expand()


def translated() -> dict[str, dict[str, Any]]:
    """Return the resources of the expanded template."""
    resources: dict[str, dict[str, Any]] = expanded()["Resources"]
    return resources


LOGS = "logs.amazonaws.com"


def resources_of(kind: str) -> dict[str, dict[str, Any]]:
    return {name: r["Properties"] for name, r in translated().items() if r["Type"] == kind}


def references(part: Any) -> Iterator[str]:
    """Yield the logical ids that a part of a template references."""
    match part:
        case {"Ref": str(name)}:
            yield name
        case {"Fn::GetAtt": [name, *_]} | {"Fn::GetAtt": str(name)}:
            yield name.split(".")[0]
        case {"Fn::Sub": str(text)}:
            yield from re.findall(r"\${(\w+)[}.]", text)
        case dict():
            for value in part.values():
                yield from references(value)
        case list():
            for value in part:
                yield from references(value)


def circular_dependencies(resources: dict[str, Any]) -> set[str]:
    """Return the resources with circular dependencies."""
    dependencies: dict[str, set[str]] = {}
    for name, document in resources.items():
        depends_on = document.get("DependsOn", [])
        dependencies[name] = {
            *references(document),
            *([depends_on] if isinstance(depends_on, str) else depends_on),
        }
        dependencies[name] &= set(resources) - {name}
    while ready := [
        name for name, others in dependencies.items() if not others & set(dependencies)
    ]:
        for name in ready:
            del dependencies[name]
    return set(dependencies)


def test_resources_have_no_circular_dependency() -> None:
    """cfn-lint does not read the included document, so it does not see dependencies of the API."""
    assert circular_dependencies(translated()) == set()


def test_circular_dependency_is_detected() -> None:
    """A reference from Submit to a flag would be circular."""
    circular = copy.deepcopy(translated())
    variables = circular["SubmitFunction"]["Properties"]["Environment"]["Variables"]
    variables["RUNTIME_FLAGS"] = {"Ref": "WebhooksFlag"}

    cycle = circular_dependencies(circular)

    assert {"WebhooksFlag", "RestApi", "ApiFunction", "SubmitFunction"} <= cycle


def test_each_rule_can_invoke_only_its_function() -> None:
    rules = resources_of("AWS::Events::Rule")
    permissions = {
        (p["SourceArn"]["Fn::GetAtt"][0], p["FunctionName"]["Ref"]): p
        for p in resources_of("AWS::Lambda::Permission").values()
        if "Fn::GetAtt" in p["SourceArn"]
    }

    del rules["CallbacksRule"]  # its target is a queue
    assert len(rules) == 9
    for rule, document in rules.items():
        (target,) = document["Targets"]
        function, _ = target["Arn"]["Fn::GetAtt"]
        permission = permissions.pop((rule, function))
        assert permission["Action"] == "lambda:InvokeFunction"
        assert permission["Principal"] == "events.amazonaws.com"
    assert permissions == {}


def test_only_rules_and_the_api_can_invoke_functions() -> None:
    permissions = [
        permission
        for permission in resources_of("AWS::Lambda::Permission").values()
        if permission["Principal"] != LOGS
    ]

    others = [
        (name["Ref"] if "Ref" in name else name["Fn::If"][2]["Ref"], permission)
        for permission in permissions
        for name in (permission["FunctionName"],)
        if "Fn::Sub" in permission["SourceArn"]
    ]
    rules = set(resources_of("AWS::Events::Rule")) - {"CallbacksRule"}
    assert len(permissions) == len(rules) + len(others)
    assert {function for function, _ in others} == {
        "ApiFunction", "AuthorizerFunction", "CallbackSecretsFunction", "EraseFunction",
        "KeysFunction", "OnWebhookFunction", "SettingsFunction",
    }  # fmt: skip
    for _, permission in others:
        assert permission["Principal"] == "apigateway.amazonaws.com"
        assert "${RestApi}" in permission["SourceArn"]["Fn::Sub"]


def test_api_has_only_the_stage_live() -> None:
    """By default, SAM would add a second stage named Stage without throttling."""
    ((_, stage),) = resources_of("AWS::ApiGateway::Stage").items()
    ((deployment_id, deployment),) = resources_of("AWS::ApiGateway::Deployment").items()

    assert stage["StageName"] == "live"
    assert stage["DeploymentId"] == {"Ref": deployment_id}
    assert stage["MethodSettings"] == properties("RestApi")["MethodSettings"]
    assert "StageName" not in deployment


def test_api_refuses_old_versions_of_tls() -> None:
    """API Gateway accepts TLS 1.0 by default, also at a custom domain with a stricter policy."""
    ((_, api),) = resources_of("AWS::ApiGateway::RestApi").items()

    assert api["SecurityPolicy"] == "SecurityPolicy_TLS13_1_2_2021_06"
    assert api["EndpointAccessMode"] == "BASIC"  # API Gateway refuses the policy without a mode


def test_documented_private_api_has_a_policy_that_api_gateway_accepts(tmp_path: Path) -> None:
    """API Gateway deploys no private API without a policy, and no policy above 8,192 characters."""
    page = (ROOT / "docs/security.md").read_text()
    (block,) = re.findall(r"^```yaml\n(EndpointConfiguration.*?)^```", page, re.M | re.S)
    changed = copy.deepcopy(template())
    changed["Resources"]["RestApi"]["Properties"] |= yaml.safe_load(block)
    path = tmp_path / "template.yaml"
    path.write_text(json.dumps(changed, default=str))

    api = expand(path)["Resources"]["RestApi"]["Properties"]

    assert api["EndpointConfiguration"]["Types"] == ["PRIVATE"]
    policy = api["Body"]["x-amazon-apigateway-policy"]
    (statement,) = policy["Statement"]
    assert statement["Effect"] == "Allow"
    (endpoint,) = api["EndpointConfiguration"]["VpcEndpointIds"]
    assert statement["Condition"] == {"StringEquals": {"aws:SourceVpce": endpoint}}
    assert len(json.dumps(policy)) < 8192


@pytest.mark.parametrize("function", [f for f in functions() if "Events" in properties(f)])
def test_asynchronous_function_can_send_to_the_dead_letter_queue(function: str) -> None:
    policies = resources_of("AWS::IAM::Role")[f"{function}Role"]["Policies"]
    send_statements = [
        statement
        for policy in policies
        for statement in policy["PolicyDocument"]["Statement"]
        if statement.get("Action") == "sqs:SendMessage"
    ]

    assert [statement["Resource"] for statement in send_statements] == [
        {"Fn::GetAtt": ["DeadLetters", "Arn"]}
    ]
