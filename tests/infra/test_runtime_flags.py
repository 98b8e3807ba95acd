"""What can be switched without a deployment: two parameters in Systems Manager."""

import re
from typing import Any

import pytest

from darkroom.adapters import runtime_flags
from tests.infra.template import api, parameters, properties, resources, template

SWITCHES = {"submits": "SubmitsFlag", "webhooks": "WebhooksFlag"}
# Of a name with a slash in front, the ARN has one slash, not two.
ARN = "arn:${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}:parameter"


def value(**chosen: str) -> Any:
    """Return the webhooks' switch as it is deployed with these parameters."""
    given = {name: str(p.get("Default", "")) for name, p in parameters().items()} | chosen
    conditions = template()["Conditions"]

    def reservations(condition: Any) -> bool:
        match condition:
            case {"Fn::Equals": [{"Ref": name}, other]}:
                return given[name] == str(other)
            case {"Fn::Not": [inner]}:
                return not reservations(inner)
            case _:
                raise ValueError(f"cannot judge {condition}")

    def resolve(part: Any) -> Any:
        match part:
            case {"Fn::If": [name, then, otherwise]}:
                return resolve(then if reservations(conditions[name]) else otherwise)
            case {"Ref": name}:
                return given[name]
            case {"Fn::Sub": text}:
                return text
            case _:
                return part

    return resolve(properties("WebhooksFlag")["Value"])


def test_these_are_the_switches() -> None:
    assert set(resources("AWS::SSM::Parameter")) == set(SWITCHES.values())


@pytest.mark.parametrize("name", SWITCHES)
def test_a_switch_has_the_name_that_submit_reads_and_may_read(name: str) -> None:
    prefix = properties("SubmitFunction")["Environment"]["Variables"]["RUNTIME_FLAGS"]["Fn::Sub"]
    (statement,) = [
        statement
        for policy in properties("SubmitFunction")["Policies"]
        for statement in policy["Statement"]
        if statement.get("Action") == "ssm:GetParameter"
    ]

    named = properties(SWITCHES[name])["Name"]["Fn::Sub"]
    assert named == f"{prefix}/{name}"
    assert named.startswith("/")
    assert statement["Resource"] == {"Fn::Sub": f"{ARN}{prefix}/*"}
    assert properties(SWITCHES[name])["Type"] == "String"


def test_submit_depends_on_no_switch() -> None:
    """By name only: it knows the API, the API the functions, they the machine, and that Submit."""
    assert "Switch" not in str(properties("SubmitFunction"))


def test_submits_are_on_until_somebody_says_off_and_nothing_else_can_be_said() -> None:
    given = properties("SubmitsFlag")

    assert given["Value"] == "on"
    assert re.fullmatch(given["AllowedPattern"], runtime_flags.OFF)
    assert re.fullmatch(given["AllowedPattern"], given["Value"])
    for slip in ("", "Off", "offf", "no", "false", "on\n"):
        assert not re.fullmatch(given["AllowedPattern"], slip), slip


def test_webhooks_lead_to_the_stage_unless_the_owner_says_otherwise() -> None:
    stage = properties("RestApi")["StageName"]

    own = f"https://${{RestApi}}.execute-api.${{AWS::Region}}.${{AWS::URLSuffix}}/{stage}"
    assert value() == own == template()["Outputs"]["ApiUrl"]["Value"]["Fn::Sub"]
    assert value(PublicUrl="https://my.example.com/darkroom") == "https://my.example.com/darkroom"
    assert value(Webhooks="off") == runtime_flags.OFF
    assert value(Webhooks="off", PublicUrl="https://my.example.com") == runtime_flags.OFF
    assert "/webhooks/wavespeed/{job_id}" in api()["paths"]


@pytest.mark.parametrize(
    ("url", "is_good"),
    [
        ("", True),
        ("https://my.example.com", True),
        ("https://my.example.com/darkroom/v2", True),
        ("http://127.0.0.1:4600/restapis/abc/live/_user_request_", True),
        ("https://my.example.com/", False),
        ("https://my.example.com/?a=b", False),
        ("https://my.example.com/#a", False),
        ("my.example.com", False),
        ("off", False),
    ],
)
def test_a_public_url_is_one_that_a_path_can_be_put_behind(url: str, is_good: bool) -> None:
    pattern = parameters()["PublicUrl"]["AllowedPattern"]

    assert bool(re.fullmatch(pattern, url)) is is_good


def test_the_stack_says_what_its_switches_are_called() -> None:
    outputs = template()["Outputs"]

    assert outputs["SubmitsFlagName"]["Value"] == {"Ref": "SubmitsFlag"}
    assert outputs["WebhooksFlagName"]["Value"] == {"Ref": "WebhooksFlag"}
