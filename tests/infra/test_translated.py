"""What SAM makes of the template: the permissions that AWS checks and the emulator does not."""

import copy
import json
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest

from tests.infra.template import api, functions, properties, template
from tests.infra.tools import SAM_PYTHON, run

pytestmark = pytest.mark.linters

# By itself, SAM would ask IAM for the ARNs of the managed policies.
_TRANSLATE = """
import json, sys
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
print(json.dumps(Translator({}, Parser()).translate(json.load(sys.stdin), {})))
"""
DOORS = ("ApiFunction", "OnUploadFunction", "OnRequestFunction", "CreateRowsFunction")


@cache
def translated() -> dict[str, dict[str, Any]]:
    """Return the resources that CloudFormation gets."""
    given = json.loads(json.dumps(template()))
    for parameter in given["Parameters"].values():
        parameter.setdefault("Default", "secret")
    # CloudFormation includes the document first, and hands SAM what it has read.
    given["Resources"]["RestApi"]["Properties"]["DefinitionBody"] = api()
    for resource in given["Resources"].values():
        # SAM wants to read these from S3; they are tested by themselves.
        if "DefinitionUri" in resource.get("Properties", {}):
            resource["Properties"]["DefinitionUri"] = "s3://bucket/machine.json"
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = "s3://bucket/functions.zip"
    code, said = run(SAM_PYTHON, "-c", _TRANSLATE, stdin=json.dumps(given))
    assert code == 0, said
    # Behind the line that is ours, SAM may say something of its own features.
    document: dict[str, dict[str, Any]] = json.loads(said.splitlines()[0])["Resources"]
    return document


def of(kind: str) -> dict[str, dict[str, Any]]:
    return {name: r["Properties"] for name, r in translated().items() if r["Type"] == kind}


def needs(part: Any) -> Iterator[str]:
    """Give the logical ids that a part of a template names."""
    match part:
        case {"Ref": str(name)}:
            yield name
        case {"Fn::GetAtt": [name, *_]} | {"Fn::GetAtt": str(name)}:
            yield name.split(".")[0]
        case {"Fn::Sub": str(text)}:
            yield from re.findall(r"\${(\w+)[}.]", text)
        case dict():
            for value in part.values():
                yield from needs(value)
        case list():
            for value in part:
                yield from needs(value)


def circle(resources: dict[str, Any]) -> set[str]:
    """Return the resources that wait for each other, so that none of them can be made."""
    waits: dict[str, set[str]] = {}
    for name, given in resources.items():
        told = given.get("DependsOn", [])
        waits[name] = {*needs(given), *([told] if isinstance(told, str) else told)}
        waits[name] &= set(resources) - {name}
    while ready := [name for name, others in waits.items() if not others & set(waits)]:
        for name in ready:
            del waits[name]
    return set(waits)


def test_no_resource_waits_for_itself_the_apis_document_included() -> None:
    """cfn-lint does not read what is included, and so knows of no way from the API to functions."""
    assert circle(translated()) == set()


def test_a_circle_would_be_seen() -> None:
    """If Submit knew the switches by more than their names."""
    spoilt = copy.deepcopy(translated())
    variables = spoilt["SubmitFunction"]["Properties"]["Environment"]["Variables"]
    variables["RUNTIME_FLAGS"] = {"Ref": "WebhooksFlag"}

    found = circle(spoilt)

    assert {"WebhooksFlag", "RestApi", "OnWebhookFunction", "SubmitFunction"} <= found


def test_every_rule_may_invoke_its_function_and_no_other() -> None:
    rules = of("AWS::Events::Rule")
    permissions = {
        (p["SourceArn"]["Fn::GetAtt"][0], p["FunctionName"]["Ref"]): p
        for p in of("AWS::Lambda::Permission").values()
        if "Fn::GetAtt" in p["SourceArn"]
    }

    assert len(rules) == 7
    for rule, given in rules.items():
        (target,) = given["Targets"]
        function, _ = target["Arn"]["Fn::GetAtt"]
        permission = permissions.pop((rule, function))
        assert permission["Action"] == "lambda:InvokeFunction"
        assert permission["Principal"] == "events.amazonaws.com"
    assert permissions == {}


def test_beside_rules_only_the_api_may_invoke_functions() -> None:
    permissions = of("AWS::Lambda::Permission").values()

    others = {
        name["Ref"] if "Ref" in name else name["Fn::If"][2]["Ref"]: permission
        for permission in permissions
        for name in (permission["FunctionName"],)
        if "Fn::Sub" in permission["SourceArn"]
    }
    assert len(permissions) == len(of("AWS::Events::Rule")) + len(others)
    assert set(others) == {"ApiFunction", "AuthorizerFunction", "OnWebhookFunction"}
    for permission in others.values():
        assert permission["Principal"] == "apigateway.amazonaws.com"
        assert "${RestApi}" in permission["SourceArn"]["Fn::Sub"]


def test_what_a_rule_makes_of_an_event_reaches_its_target() -> None:
    made = {
        target["Arn"]["Fn::GetAtt"][0]: target.get("InputTransformer")
        for rule in of("AWS::Events::Rule").values()
        for target in rule["Targets"]
    }

    asked = properties("OnRequestFunction")["Events"]["JobRequested"]["Properties"]
    assert made == {
        "OnRequestFunction": asked["InputTransformer"],
        "OnUploadFunction": None,
        "SweepFunction": None,
        "ReconcileFunction": None,
        "OnExecutionEndedFunction": None,
        "RecordStatsFunction": None,
        "ThumbnailFunction": None,
    }


def test_the_api_has_one_stage_and_it_is_the_one_that_is_told() -> None:
    """Left alone, SAM would deploy a second one, named Stage, without limits."""
    ((_, stage),) = of("AWS::ApiGateway::Stage").items()
    ((deployed, deployment),) = of("AWS::ApiGateway::Deployment").items()

    assert stage["StageName"] == "live"
    assert stage["DeploymentId"] == {"Ref": deployed}
    assert stage["MethodSettings"] == properties("RestApi")["MethodSettings"]
    assert "StageName" not in deployment


def test_the_api_keeps_its_document_as_it_is() -> None:
    body = of("AWS::ApiGateway::RestApi")["RestApi"]["Body"]

    assert body["paths"].keys() == api()["paths"].keys()
    assert body["components"].keys() == api()["components"].keys()
    responses = "x-amazon-apigateway-gateway-responses"
    assert body[responses].keys() == api()[responses].keys()


@pytest.mark.parametrize("function", functions())
def test_a_functions_role_is_its_own_and_lambdas_only(function: str) -> None:
    role = translated()[function]["Properties"]["Role"]["Fn::GetAtt"][0]
    (statement,) = of("AWS::IAM::Role")[role]["AssumeRolePolicyDocument"]["Statement"]

    assert role == f"{function}Role"
    assert statement["Principal"] == {"Service": ["lambda.amazonaws.com"]}


@pytest.mark.parametrize("function", functions())
def test_a_function_gets_no_managed_policy_but_the_one_for_logs_and_a_door_ours(
    function: str,
) -> None:
    logs, *ours = of("AWS::IAM::Role")[f"{function}Role"]["ManagedPolicyArns"]

    assert "AWSLambdaBasicExecutionRole" in json.dumps(logs)
    assert ours == ([{"Ref": "CreateJobPolicy"}] if function in DOORS else [])


@pytest.mark.parametrize("function", [f for f in functions() if "Events" in properties(f)])
def test_an_asynchronous_function_may_send_to_the_queue(function: str) -> None:
    policies = of("AWS::IAM::Role")[f"{function}Role"]["Policies"]
    sending = [
        statement
        for policy in policies
        for statement in policy["PolicyDocument"]["Statement"]
        if statement.get("Action") == "sqs:SendMessage"
    ]

    assert [statement["Resource"] for statement in sending] == [
        {"Fn::GetAtt": ["DeadLetters", "Arn"]}
    ]


def test_the_machines_role_is_for_step_functions_only() -> None:
    (statement,) = of("AWS::IAM::Role")["ImageJobStateMachineRole"]["AssumeRolePolicyDocument"][
        "Statement"
    ]

    assert statement["Principal"] == {"Service": ["states.amazonaws.com"]}


def test_a_deployment_leaves_no_version_behind_unless_snapshots_are_taken() -> None:
    """A version is named by Release, which stays as it is unless somebody changes it."""
    kept = {name for name in functions() if "SnapStart" in of("AWS::Lambda::Function")[name]}

    assert kept == {"ApiFunction", "AuthorizerFunction"}
    for name in kept:
        function = of("AWS::Lambda::Function")[name]
        assert function["SnapStart"] == {
            "ApplyOn": {"Fn::If": ["SnapStartEnabled", "PublishedVersions", "None"]}
        }
        assert properties(name)["AutoPublishCodeSha256"] == {"Ref": "Release"}
    assert len(of("AWS::Lambda::Version")) == len(kept)
