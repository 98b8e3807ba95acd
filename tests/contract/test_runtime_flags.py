"""The owner's switches out of Systems Manager (moto): read again within seconds."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import boto3
import pytest
from aws_lambda_powertools.utilities.parameters import base
from botocore.exceptions import ClientError

from darkroom.adapters.runtime_flags import ParameterFlags
from darkroom.ports import RuntimeFlags
from tests.infra.template import properties

if TYPE_CHECKING:
    from mypy_boto3_ssm import SSMClient

PREFIX = "/darkroom/switches"
URL = "https://abc123.execute-api.eu-central-1.amazonaws.com/prod"


class Clock:
    """The time that the cache sees."""

    time = datetime(2026, 11, 22, 12)  # noqa: DTZ001 - as the cache has it

    def now(self) -> datetime:
        return self.time


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    monkeypatch.setattr(base, "datetime", found)
    return found


@pytest.fixture
def client(aws: None) -> "SSMClient":
    """Systems Manager with the template's parameters as they are at first."""
    client = boto3.client("ssm")
    for name in ("SubmitsFlag", "WebhooksFlag"):
        told = properties(name)
        place = told["Name"]["Fn::Sub"].replace("${AWS::StackName}", "darkroom")
        value = told["Value"] if isinstance(told["Value"], str) else "off"
        client.put_parameter(Name=place, Value=value, Type=told["Type"])
    return client


def turn(client: "SSMClient", name: str, value: str) -> None:
    client.put_parameter(Name=f"{PREFIX}/{name}", Value=value, Type="String", Overwrite=True)


def read(client: "SSMClient") -> RuntimeFlags:
    """What a function sees that has just started."""
    return ParameterFlags(client, PREFIX).read()


def test_at_first_jobs_are_submitted_and_nobody_is_called(client: "SSMClient") -> None:
    assert read(client) == RuntimeFlags(submits=True, webhook_url=None)


@pytest.mark.parametrize("word", ["off", "OFF", "Off", " off\n"])
def test_off_is_off_however_it_is_written(client: "SSMClient", word: str) -> None:
    turn(client, "submits", word)
    turn(client, "webhooks", word)

    assert read(client) == RuntimeFlags(submits=False, webhook_url=None)


@pytest.mark.parametrize("word", ["on", "ON", "yes", "offline"])
def test_whatever_else_it_says_jobs_are_submitted(client: "SSMClient", word: str) -> None:
    turn(client, "submits", word)

    assert read(client).submits is True


@pytest.mark.parametrize("url", [URL, f"{URL}/", f" {URL}/\n"])
def test_the_providers_way_to_us_is_a_url_without_a_slash_at_its_end(
    client: "SSMClient", url: str
) -> None:
    turn(client, "webhooks", url)

    assert read(client) == RuntimeFlags(submits=True, webhook_url=URL)


def test_a_switch_is_looked_at_again_after_some_seconds_and_not_before(
    client: "SSMClient", clock: Clock
) -> None:
    flags = ParameterFlags(client, PREFIX)
    seen = [flags.read()]
    turn(client, "submits", "off")
    turn(client, "webhooks", URL)

    for seconds in (0, 5, 1):
        clock.time += timedelta(seconds=seconds)
        seen.append(flags.read())

    old, new = RuntimeFlags(), RuntimeFlags(submits=False, webhook_url=URL)
    assert seen == [old, old, old, new]


def test_a_switch_that_cannot_be_read_is_a_crash(client: "SSMClient") -> None:
    client.delete_parameter(Name=f"{PREFIX}/submits")

    with pytest.raises(Exception, match="ParameterNotFound") as caught:
        read(client)

    assert isinstance(caught.value.__cause__ or caught.value.__context__, ClientError)
