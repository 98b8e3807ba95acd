"""What SAM makes of the template: the permissions that AWS checks and the emulator does not."""

import json
from functools import cache
from typing import Any

import pytest

from tests.infra.template import functions, template
from tests.infra.tools import SAM_PYTHON, run

pytestmark = pytest.mark.linters

# By itself, SAM would ask IAM for the ARNs of the managed policies.
_TRANSLATE = """
import json, sys
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
print(json.dumps(Translator({}, Parser()).translate(json.load(sys.stdin), {})))
"""


@cache
def translated() -> dict[str, dict[str, Any]]:
    """Return the resources that CloudFormation gets."""
    given = json.loads(json.dumps(template()))
    for parameter in given["Parameters"].values():
        parameter.setdefault("Default", "secret")
    for resource in given["Resources"].values():
        # SAM wants to read these from S3; they are tested by themselves.
        if "DefinitionUri" in resource.get("Properties", {}):
            resource["Properties"]["DefinitionUri"] = "s3://bucket/machine.json"
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = "s3://bucket/functions.zip"
    code, said = run(SAM_PYTHON, "-c", _TRANSLATE, stdin=json.dumps(given))
    assert code == 0, said
    document: dict[str, dict[str, Any]] = json.loads(said)["Resources"]
    return document


def of(kind: str) -> dict[str, dict[str, Any]]:
    return {name: r["Properties"] for name, r in translated().items() if r["Type"] == kind}


def test_every_rule_may_invoke_its_function_and_no_other() -> None:
    rules = of("AWS::Events::Rule")
    permissions = {
        (p["SourceArn"]["Fn::GetAtt"][0], p["FunctionName"]["Ref"]): p
        for p in of("AWS::Lambda::Permission").values()
    }

    assert len(rules) == 2
    for rule, given in rules.items():
        (target,) = given["Targets"]
        function, _ = target["Arn"]["Fn::GetAtt"]
        permission = permissions.pop((rule, function))
        assert permission["Action"] == "lambda:InvokeFunction"
        assert permission["Principal"] == "events.amazonaws.com"
    assert permissions == {}


@pytest.mark.parametrize("function", functions())
def test_a_functions_role_is_its_own_and_lambdas_only(function: str) -> None:
    role = translated()[function]["Properties"]["Role"]["Fn::GetAtt"][0]
    (statement,) = of("AWS::IAM::Role")[role]["AssumeRolePolicyDocument"]["Statement"]

    assert role == f"{function}Role"
    assert statement["Principal"] == {"Service": ["lambda.amazonaws.com"]}


@pytest.mark.parametrize("function", functions())
def test_a_function_gets_no_managed_policy_but_the_one_for_logs(function: str) -> None:
    (policy,) = of("AWS::IAM::Role")[f"{function}Role"]["ManagedPolicyArns"]

    assert "AWSLambdaBasicExecutionRole" in json.dumps(policy)


@pytest.mark.parametrize("function", ["OnRequestFunction", "OnExecutionEndedFunction"])
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


def test_no_function_version_is_left_behind() -> None:
    assert len(of("AWS::Lambda::Function")) == len(functions())
    assert not of("AWS::Lambda::Version")
