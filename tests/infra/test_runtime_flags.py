"""The runtime flags: two Systems Manager parameters that change without a deployment."""

import re
from typing import Any

import pytest

from darkroom.adapters import runtime_flags
from tests.infra.policies import statements
from tests.infra.template import api, parameters, properties, template

FLAGS = {"submits": "SubmitsFlag", "webhooks": "WebhooksFlag"}
# A parameter name begins with a slash; the ARN has one slash, not two.
ARN = "arn:${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}:parameter"


def webhooks_value(**overrides: str) -> Any:
    """Return the value of the webhooks flag that is deployed with the given parameters."""
    settings = {name: str(p.get("Default", "")) for name, p in parameters().items()} | overrides
    conditions = template()["Conditions"]

    def is_true(condition: Any) -> bool:
        match condition:
            case {"Fn::Equals": [{"Ref": name}, other]}:
                return settings[name] == str(other)
            case {"Fn::Not": [inner]}:
                return not is_true(inner)
            case _:
                raise ValueError(f"cannot evaluate {condition}")

    def resolve(node: Any) -> Any:
        match node:
            case {"Fn::If": [name, then, otherwise]}:
                return resolve(then if is_true(conditions[name]) else otherwise)
            case {"Ref": name}:
                return settings[name]
            case {"Fn::Sub": text}:
                return text
            case _:
                return node

    return resolve(properties("WebhooksFlag")["Value"])


@pytest.mark.parametrize("name", FLAGS)
def test_flag_has_the_name_that_submit_can_read(name: str) -> None:
    prefix = properties("SubmitFunction")["Environment"]["Variables"]["RUNTIME_FLAGS"]["Fn::Sub"]
    (statement,) = [
        statement
        for statement in statements(properties("SubmitFunction")["Policies"])
        if statement.get("Action") == "ssm:GetParameters"
    ]

    parameter_name = properties(FLAGS[name])["Name"]["Fn::Sub"]
    assert parameter_name == f"{prefix}/{name}"
    assert parameter_name.startswith("/")
    assert statement["Resource"] == {"Fn::Sub": f"{ARN}{prefix}/*"}
    assert properties(FLAGS[name])["Type"] == "String"


def test_submits_flag_is_on_by_default_and_accepts_only_on_and_off() -> None:
    settings = properties("SubmitsFlag")

    assert settings["Value"] == "on"
    assert re.fullmatch(settings["AllowedPattern"], runtime_flags.OFF)
    assert re.fullmatch(settings["AllowedPattern"], settings["Value"])
    for mistake in ("", "Off", "offf", "no", "false", "on\n"):
        assert not re.fullmatch(settings["AllowedPattern"], mistake), mistake


def test_webhooks_flag_is_the_stage_url_by_default() -> None:
    stage = properties("RestApi")["StageName"]

    api_url = f"https://${{RestApi}}.execute-api.${{AWS::Region}}.${{AWS::URLSuffix}}/{stage}"
    assert webhooks_value() == api_url == template()["Outputs"]["ApiUrl"]["Value"]["Fn::Sub"]
    own_url = "https://my.example.com/darkroom"
    assert webhooks_value(Webhooks=own_url) == own_url
    assert webhooks_value(Webhooks="off") == runtime_flags.OFF
    assert "/webhooks/wavespeed/{job_id}" in api()["paths"]
