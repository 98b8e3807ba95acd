"""Runtime flags in Systems Manager (moto), cached for a few seconds."""

from datetime import UTC
from typing import TYPE_CHECKING, Any
from unittest.mock import Mock

import boto3
import pytest
from botocore.exceptions import ClientError

from darkroom.adapters.runtime_flags import MAX_AGE, ParameterFlags
from darkroom.domain.callers import Role, of_key
from darkroom.domain.keys import Creator
from darkroom.ports import RuntimeFlags
from tests.fakes.signals import StoppedClock
from tests.infra.template import properties

if TYPE_CHECKING:
    from mypy_boto3_ssm import SSMClient

PREFIX = "/darkroom/switches"
URL = "https://abc123.execute-api.eu-central-1.amazonaws.com/prod"


@pytest.fixture
def client(aws: None) -> "SSMClient":
    """Return a Systems Manager client with the initial parameters of the template."""
    client = boto3.client("ssm")
    for name in ("SubmitsFlag", "SubmitsChanged", "WebhooksFlag"):
        parameter = properties(name)
        path = parameter["Name"]["Fn::Sub"].replace("${AWS::StackName}", "darkroom")
        value = parameter["Value"] if isinstance(parameter["Value"], str) else "off"
        client.put_parameter(Name=path, Value=value, Type=parameter["Type"])
    return client


def set_flag(client: "SSMClient", name: str, value: str) -> None:
    client.put_parameter(Name=f"{PREFIX}/{name}", Value=value, Type="String", Overwrite=True)


class Flags:
    """The flags of one function instance, with its clock and the reported errors."""

    def __init__(self, client: "SSMClient") -> None:
        self.clock = StoppedClock()
        self.reported: list[Exception] = []
        self._flags = ParameterFlags(client, PREFIX, self.clock, self.reported.append)

    def read(self, after: float = 0) -> RuntimeFlags:
        self.clock.advance(after)
        return self._flags.read()


def read(client: "SSMClient") -> RuntimeFlags:
    """Read the flags without a cached value, as a new function instance does."""
    return Flags(client).read()


def throttle(client: "SSMClient", monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Refuse every read; return the list of refused reads."""
    refused: list[Any] = []

    def refuse(**request: Any) -> None:
        refused.append(request)
        raise ClientError({"Error": {"Code": "ThrottlingException"}}, "GetParameters")

    monkeypatch.setattr(client, "get_parameters", refuse)
    return refused


def test_initial_flags_enable_submits_and_disable_webhooks(client: "SSMClient") -> None:
    assert read(client) == RuntimeFlags(submits=True, webhook_url=None)


@pytest.mark.parametrize("value_text", ["off", "OFF", "Off", " off\n"])
def test_off_ignores_case_and_white_space(client: "SSMClient", value_text: str) -> None:
    set_flag(client, "submits", value_text)
    set_flag(client, "webhooks", value_text)

    flags = read(client)
    assert (flags.submits, flags.webhook_url) == (False, None)


@pytest.mark.parametrize("value_text", ["on", "ON", "yes", "offline"])
def test_any_other_value_enables_submits(client: "SSMClient", value_text: str) -> None:
    set_flag(client, "submits", value_text)

    assert read(client).submits is True


@pytest.mark.parametrize("url", [URL, f"{URL}/", f" {URL}/\n"])
def test_webhook_url_has_no_trailing_slash(client: "SSMClient", url: str) -> None:
    set_flag(client, "webhooks", url)

    assert read(client) == RuntimeFlags(submits=True, webhook_url=URL)


def test_one_call_reads_both_flags(client: "SSMClient") -> None:
    called: list[str] = []
    client.meta.events.register("before-call.ssm", lambda model, **_: called.append(model.name))

    read(client)

    assert called == ["GetParameters"]


def test_pause_through_the_api_names_its_key_until_the_flag_is_set_otherwise(
    client: "SSMClient",
) -> None:
    boss = of_key("boss", Role.ADMIN, key_id="0123456789ab")
    flags = ParameterFlags(client, PREFIX, StoppedClock(), Mock())

    flags.set_submits(boss, submits=False)

    paused = read(client)
    assert (paused.submits, paused.paused_by) == (False, Creator.of(boss))
    assert paused.paused_at is not None
    assert paused.paused_at.tzinfo is UTC
    flags.set_submits(boss, submits=True)
    assert read(client) == RuntimeFlags()
    set_flag(client, "submits", "off")
    assert read(client).paused_by == Creator(name="aws")


def test_flags_are_cached_for_ten_seconds(client: "SSMClient") -> None:
    flags = Flags(client)
    flag_history = [flags.read()]
    set_flag(client, "submits", "off")
    set_flag(client, "webhooks", URL)

    flag_history += [flags.read(after=seconds) for seconds in (0, 9, 1)]

    old, new = (True, None), (False, URL)
    assert [(f.submits, f.webhook_url) for f in flag_history] == [old, old, old, new]


def test_400_busy_functions_stay_below_the_default_throughput_of_parameter_store() -> None:
    assert 400 / MAX_AGE.total_seconds() <= 40


def test_flags_stay_in_use_while_reads_are_throttled(
    client: "SSMClient", monkeypatch: pytest.MonkeyPatch
) -> None:
    set_flag(client, "submits", "off")
    flags = Flags(client)
    flags.read()
    with monkeypatch.context() as patch:
        refused = throttle(client, patch)

        assert [flags.read(after=seconds).submits for seconds in (10, 4, 1)] == [False] * 3
        assert len(refused) == len(flags.reported) == 2  # at once, and 5 seconds later
    set_flag(client, "submits", "on")

    assert flags.read(after=5) == RuntimeFlags(submits=True)


def test_first_read_must_succeed(client: "SSMClient", monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a known value, Submit crashes and is retried: submission may be disabled."""
    throttle(client, monkeypatch)

    with pytest.raises(ClientError):
        read(client)


def test_missing_parameter_raises(client: "SSMClient") -> None:
    client.delete_parameter(Name=f"{PREFIX}/submits")

    with pytest.raises(KeyError):
        read(client)
