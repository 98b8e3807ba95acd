"""Runtime flags in Systems Manager (moto), cached for a few seconds."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import boto3
import pytest
from aws_lambda_powertools.utilities.parameters import base

from darkroom.adapters.runtime_flags import ParameterFlags
from darkroom.ports import RuntimeFlags
from tests.infra.template import properties

if TYPE_CHECKING:
    from mypy_boto3_ssm import SSMClient

PREFIX = "/darkroom/switches"
URL = "https://abc123.execute-api.eu-central-1.amazonaws.com/prod"


class Clock:
    """The clock of the parameter cache."""

    time = datetime(2026, 11, 22, 12)  # noqa: DTZ001 - the cache uses naive times

    def now(self) -> datetime:
        return self.time


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    fake_clock = Clock()
    monkeypatch.setattr(base, "datetime", fake_clock)
    return fake_clock


@pytest.fixture
def client(aws: None) -> "SSMClient":
    """Return a Systems Manager client with the initial parameters of the template."""
    client = boto3.client("ssm")
    for name in ("SubmitsFlag", "WebhooksFlag"):
        parameter = properties(name)
        path = parameter["Name"]["Fn::Sub"].replace("${AWS::StackName}", "darkroom")
        value = parameter["Value"] if isinstance(parameter["Value"], str) else "off"
        client.put_parameter(Name=path, Value=value, Type=parameter["Type"])
    return client


def set_flag(client: "SSMClient", name: str, value: str) -> None:
    client.put_parameter(Name=f"{PREFIX}/{name}", Value=value, Type="String", Overwrite=True)


def read(client: "SSMClient") -> RuntimeFlags:
    """Read the flags without a cached value, as a new function instance does."""
    return ParameterFlags(client, PREFIX).read()


def test_initial_flags_enable_submits_and_disable_webhooks(client: "SSMClient") -> None:
    assert read(client) == RuntimeFlags(submits=True, webhook_url=None)


@pytest.mark.parametrize("value_text", ["off", "OFF", "Off", " off\n"])
def test_off_ignores_case_and_white_space(client: "SSMClient", value_text: str) -> None:
    set_flag(client, "submits", value_text)
    set_flag(client, "webhooks", value_text)

    assert read(client) == RuntimeFlags(submits=False, webhook_url=None)


@pytest.mark.parametrize("value_text", ["on", "ON", "yes", "offline"])
def test_any_other_value_enables_submits(client: "SSMClient", value_text: str) -> None:
    set_flag(client, "submits", value_text)

    assert read(client).submits is True


@pytest.mark.parametrize("url", [URL, f"{URL}/", f" {URL}/\n"])
def test_webhook_url_has_no_trailing_slash(client: "SSMClient", url: str) -> None:
    set_flag(client, "webhooks", url)

    assert read(client) == RuntimeFlags(submits=True, webhook_url=URL)


def test_flags_are_cached_for_five_seconds(client: "SSMClient", clock: Clock) -> None:
    flags = ParameterFlags(client, PREFIX)
    flag_history = [flags.read()]
    set_flag(client, "submits", "off")
    set_flag(client, "webhooks", URL)

    for seconds in (0, 5, 1):
        clock.time += timedelta(seconds=seconds)
        flag_history.append(flags.read())

    old, new = RuntimeFlags(), RuntimeFlags(submits=False, webhook_url=URL)
    assert flag_history == [old, old, old, new]
