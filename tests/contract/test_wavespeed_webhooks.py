"""Webhooks of the provider: the registered URL and the signing secret."""

from collections.abc import Generator

import httpx
import pytest

from darkroom.adapters.wavespeed.client import WaveSpeed
from darkroom.adapters.wavespeed.webhook_secrets import WebhookSecrets
from darkroom.domain import webhooks
from darkroom.ports import Accepted
from simulator import testing
from tests.contract.scripted_http import (
    ScriptedHttp,
    ScriptedResponse,
    envelope,
)
from tests.contract.scripted_http import provider as scripted_provider
from tests.contract.simulator_calls import INPUT, MODEL
from tests.simulator.receiver import Receiver, receiving

PATH = "/live/webhooks/wavespeed/va25h4nuse5chs5cqgiu6rb6gm"
# The second token contains URL syntax, which must be escaped.
TOKENS = ["0123456789abcdef", "a%26b=c+d%20e&f=%C3%96#g"]


@pytest.fixture
def receiver() -> Generator[Receiver]:
    with receiving() as webhook_receiver:
        yield webhook_receiver


def base_url(receiver: Receiver) -> str:
    return receiver.url.partition("/hook")[0]


@pytest.mark.parametrize("token", TOKENS)
def test_provider_calls_the_registered_url(
    simulator: testing.Provider, provider: WaveSpeed, receiver: Receiver, token: str
) -> None:
    url = f"{base_url(receiver)}{PATH}?token={token}"
    submission = provider.submit(MODEL, INPUT, url)
    assert isinstance(submission, Accepted)
    simulator.advance(3600)

    hook = receiver.next()

    assert hook.path == f"{PATH}?token={token}".partition("#")[0]
    assert webhooks.prediction_id(hook.body) == submission.prediction_id
    [post] = simulator.submissions()
    assert post["query"] == {"webhook": url}
    assert post["body"] == INPUT


def test_webhook_signature_is_valid_for_the_secret_of_the_provider(
    simulator: testing.Provider, provider: WaveSpeed, receiver: Receiver
) -> None:
    provider.submit(MODEL, INPUT, f"{base_url(receiver)}{PATH}?token=t")
    simulator.advance(3600)
    hook = receiver.next()
    now = float(hook.headers["webhook-timestamp"])

    secrets = WebhookSecrets(provider).read(300)

    assert webhooks.is_genuine(hook.headers, hook.body, secrets, now)
    assert not webhooks.is_genuine(hook.headers, hook.body + b" ", secrets, now)


def test_submit_without_a_url_sends_no_webhook(
    simulator: testing.Provider, provider: WaveSpeed
) -> None:
    provider.submit(MODEL, INPUT)
    simulator.advance(3600)

    [post] = simulator.submissions()
    assert post["query"] == {}
    assert simulator.deliveries() == []


def test_secret_is_read_from_an_object(simulator: testing.Provider, provider: WaveSpeed) -> None:
    assert provider.webhook_secret() == simulator.webhook_secret()


def test_secret_can_be_plain_text(simulator: testing.Provider, provider: WaveSpeed) -> None:
    simulator.fault("secret.plain")

    assert provider.webhook_secret() == simulator.webhook_secret()


@pytest.mark.parametrize(
    "response",
    [
        envelope(""), envelope(["whsec_x"]),
        envelope({}), envelope({"secret": ""}), envelope({"secret": None}),
        envelope({"secret": {"secret": "whsec_x"}}), httpx.Response(200, text="whsec_x"),
    ],
    ids=repr,
)  # fmt: skip
def test_invalid_secret_response_is_none(response: ScriptedResponse) -> None:
    assert scripted_provider(ScriptedHttp(response)).webhook_secret() is None
