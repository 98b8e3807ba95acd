"""Webhooks of the provider: the registered URL and the signing secret."""

from collections.abc import Generator
from urllib.parse import urlsplit

import httpx
import pytest

from darkroom.adapters.wavespeed.client import WaveSpeed
from darkroom.adapters.wavespeed.webhook_secrets import WebhookSecrets
from darkroom.domain import webhooks
from darkroom.ports import Accepted
from simulator import testing
from tests.contract.scripted_http import (
    BASE,
    ID,
    Keys,
    ScriptedHttp,
    ScriptedResponse,
    envelope,
)
from tests.contract.scripted_http import provider as scripted_provider
from tests.contract.simulator_calls import INPUT, MODEL, Connect
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


def test_url_is_one_query_value_and_not_in_the_body() -> None:
    http = ScriptedHttp(envelope({"id": ID}))

    scripted_provider(http).submit(
        MODEL, {"prompt": "x"}, "https://api.test/live/x?token=a+b&c=%20#d"
    )

    [request] = http.requests
    assert str(request.url) == (
        f"{BASE}/api/v3/{MODEL}?webhook=https%3A%2F%2Fapi.test%2Flive%2Fx%3Ftoken%3Da%2Bb%26c%3D%2520%23d"
    )
    assert request.content == b'{"prompt":"x"}'


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


def test_secret_request_is_retried_with_a_fresh_key(
    simulator: testing.Provider, connect: Connect
) -> None:
    keys = Keys("wsk_old", simulator.key)

    assert connect(keys).webhook_secret() == simulator.webhook_secret()

    assert keys.reads == [False, True]
    secret_requests = simulator.requests(origin="api", method="GET")
    assert [urlsplit(record["path"]).path for record in secret_requests] == [
        "/api/v3/webhook/secret"
    ] * 2
    assert connect(Keys("wsk_nobodys")).webhook_secret() is None
