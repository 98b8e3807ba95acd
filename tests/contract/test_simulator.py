"""The provider and CDN adapters against the simulator, over real sockets."""

import hashlib
import io
import socket
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from PIL import Image

from darkroom.adapters.wavespeed import client as wavespeed
from darkroom.adapters.wavespeed.client import WaveSpeed
from darkroom.domain.errors import Code
from darkroom.ports import (
    Accepted,
    Download,
    NotSent,
    Provider,
    Refused,
    Submission,
    Succeeded,
    Throttled,
    Unknown,
    Unreadable,
)
from simulator import testing
from tests.contract.scripted_http import Keys
from tests.contract.simulator_calls import INPUT, MODEL, Connect, download, finish
from tests.fakes.provider import ScriptedProvider


@pytest.mark.parametrize("kind", ["fake", "simulator"])
def test_submitted_prediction_can_be_polled_until_it_succeeds(
    kind: str, request: pytest.FixtureRequest
) -> None:
    if kind == "fake":
        provider: Provider = ScriptedProvider()
        submission = provider.submit(MODEL, INPUT)
        assert isinstance(submission, Accepted)
        result = provider.check(submission.prediction_id)
    else:
        simulator = request.getfixturevalue("simulator")
        result = finish(simulator, request.getfixturevalue("provider"))

    assert isinstance(result, Succeeded)
    [url] = result.outputs
    assert url.startswith("http")


def test_image_is_downloaded_unchanged(simulator: testing.Provider, provider: WaveSpeed) -> None:
    result = finish(simulator, provider)
    assert isinstance(result, Succeeded)
    [url] = result.outputs

    downloaded, data = download(simulator, url)

    assert isinstance(downloaded, Download)
    [served] = simulator.served()[urlsplit(url).path]
    assert served["sha256"] == downloaded.sha256 == hashlib.sha256(data).hexdigest()
    assert downloaded.dimensions == Image.open(io.BytesIO(data)).size
    assert downloaded.format.extension == "png"
    assert "authorization" not in str(simulator.requests(origin="cdn")).lower()


def test_unknown_prediction_and_unknown_key_are_unreadable(
    provider: WaveSpeed, connect: Connect
) -> None:
    unauthorized = connect(Keys("wsk_unknown"))

    assert provider.check("0" * 32) == Unreadable(Code.PROVIDER_UNAVAILABLE, "HTTP 404")
    assert unauthorized.check("0" * 32) == Unreadable(Code.UNAUTHORIZED, "HTTP 401")
    refused = unauthorized.submit(MODEL, INPUT)
    assert isinstance(refused, Refused)
    assert refused.code is Code.UNAUTHORIZED


def test_refused_connection_is_not_sent() -> None:
    with socket.socket() as unused_socket:
        unused_socket.bind(("127.0.0.1", 0))
        port = unused_socket.getsockname()[1]

    assert WaveSpeed(f"http://127.0.0.1:{port}", Keys()).submit(MODEL, INPUT) == NotSent()


# Faults of the connection; test_wavespeed_submit.py has all responses.
SUBMITS: list[tuple[str, dict[str, Any], Submission | type[Refused], int]] = [
    ("submit.accept_then_close", {}, Unknown(), 1),
    ("submit.accept_then_hang", {"seconds": 0.2}, Unknown(), 1),
    ("submit.truncated", {}, Unknown(), 1),
    ("submit.close", {"how": "reset"}, Unknown(), 0),
    ("submit.close", {"how": "fin"}, Unknown(), 0),
    ("submit.hang", {"seconds": 0.2}, Unknown(), 0),
    ("submit.http", {"status": 502, "body": "html", "accepted": True}, Unknown(), 1),
    ("submit.http", {"status": 429, "retry_after": 9}, Throttled(9), 0),
    ("submit.http", {"status": 403, "error_code": "x"}, Refused, 0),
]


@pytest.mark.parametrize(("fault", "params", "expected", "charges"), SUBMITS)
def test_faulty_submit_is_sent_once_and_classified(
    simulator: testing.Provider,
    provider: WaveSpeed,
    fault: str,
    params: dict[str, Any],
    expected: Submission | type[Refused],
    charges: int,
) -> None:
    simulator.fault(fault, times=0, **params)

    result = provider.submit(MODEL, INPUT)

    assert (type(result) if expected is Refused else result) == expected
    assert len(simulator.submissions()) == 1
    if charges:
        assert len(simulator.ledger()) == charges


def test_submit_without_response_in_time_is_unknown(
    simulator: testing.Provider, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wavespeed, "_SUBMIT_TIMEOUT", httpx.Timeout(10, read=0.3))
    simulator.fault("submit.accept_then_hang", seconds=20)

    assert connect(Keys(simulator.key)).submit(MODEL, INPUT) == Unknown()

    assert len(simulator.submissions()) == len(simulator.ledger()) == 1


@pytest.mark.parametrize("no_credit", [400, 402, 200])
def test_account_without_credit_is_refused_with_insufficient_credits(
    simulator: testing.Provider, provider: WaveSpeed, no_credit: int
) -> None:
    simulator.options(no_credit=no_credit)
    simulator.set_balance(0)

    result = provider.submit(MODEL, INPUT)

    assert isinstance(result, Refused)
    assert (result.code, result.blocks_account) == (Code.INSUFFICIENT_CREDITS, True)
    assert simulator.ledger() == []
