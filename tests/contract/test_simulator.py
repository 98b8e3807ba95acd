"""The provider's and the CDN's adapters against the simulator, over real sockets."""

import hashlib
import io
import socket
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from PIL import Image

from darkroom.adapters import wavespeed
from darkroom.adapters.wavespeed import WaveSpeed
from darkroom.domain.errors import Code
from darkroom.ports import (
    Accepted,
    Download,
    Failed,
    NotSent,
    Provider,
    Refused,
    Running,
    Submission,
    Succeeded,
    Throttled,
    Unknown,
    Unreadable,
)
from local.provider import testing
from tests.contract.scripted_http import Keys
from tests.contract.simulated import INPUT, MODEL, Connect, download, finish
from tests.fakes.provider import ScriptedProvider


@pytest.mark.parametrize("kind", ["fake", "simulator"])
def test_what_is_submitted_can_be_checked_to_its_end(
    kind: str, request: pytest.FixtureRequest
) -> None:
    if kind == "fake":
        provider: Provider = ScriptedProvider()
        submission = provider.submit(MODEL, INPUT)
        assert isinstance(submission, Accepted)
        found = provider.check(submission.prediction_id)
    else:
        simulator = request.getfixturevalue("simulator")
        found = finish(simulator, request.getfixturevalue("provider"))

    assert isinstance(found, Succeeded)
    [url] = found.outputs
    assert url.startswith("http")


def test_a_picture_arrives_as_the_cdn_served_it(
    simulator: testing.Provider, provider: WaveSpeed
) -> None:
    found = finish(simulator, provider)
    assert isinstance(found, Succeeded)
    [url] = found.outputs

    got, data = download(simulator, url)

    assert isinstance(got, Download)
    [served] = simulator.served()[urlsplit(url).path]
    assert served["sha256"] == got.sha256 == hashlib.sha256(data).hexdigest()
    assert got.dimensions == Image.open(io.BytesIO(data)).size
    assert got.format.extension == "png"
    assert "authorization" not in str(simulator.requests(origin="cdn")).lower()


def test_one_job_is_one_charge(simulator: testing.Provider, provider: WaveSpeed) -> None:
    finish(simulator, provider)

    assert len(simulator.submissions()) == len(simulator.ledger()) == 1


def test_a_prediction_under_way_is_running(
    simulator: testing.Provider, provider: WaveSpeed
) -> None:
    simulator.options(time_scale=1)
    submission = provider.submit(MODEL, INPUT)
    assert isinstance(submission, Accepted)

    assert provider.check(submission.prediction_id) == Running("created", known=True)


def test_an_unknown_prediction_and_an_unknown_key_are_unreadable(
    provider: WaveSpeed, connect: Connect
) -> None:
    stranger = connect(Keys("wsk_unknown"))

    assert provider.check("0" * 32) == Unreadable(Code.PROVIDER_UNAVAILABLE, "HTTP 404")
    assert stranger.check("0" * 32) == Unreadable(Code.UNAUTHORIZED, "HTTP 401")
    refused = stranger.submit(MODEL, INPUT)
    assert isinstance(refused, Refused)
    assert refused.code is Code.UNAUTHORIZED


def test_a_rotated_key_works_at_once(simulator: testing.Provider, connect: Connect) -> None:
    keys = Keys("wsk_revoked", simulator.key)

    assert isinstance(connect(keys).submit(MODEL, INPUT), Accepted)

    assert len(simulator.ledger()) == 1


def test_nobody_at_the_port_means_not_sent() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    assert WaveSpeed(f"http://127.0.0.1:{port}", Keys()).submit(MODEL, INPUT) == NotSent()


SUBMITS: list[tuple[str, dict[str, Any], Submission | type[Refused], int]] = [
    ("submit.accept_then_close", {}, Unknown(), 1),
    ("submit.accept_then_hang", {"seconds": 0.2}, Unknown(), 1),
    ("submit.no_id", {}, Unknown(), 1),
    ("submit.not_json", {}, Unknown(), 0),
    ("submit.truncated", {}, Unknown(), 1),
    ("submit.close", {"how": "reset"}, Unknown(), 0),
    ("submit.close", {"how": "fin"}, Unknown(), 0),
    ("submit.hang", {"seconds": 0.2}, Unknown(), 0),
    ("submit.http", {"status": 500}, Unknown(), 0),
    ("submit.http", {"status": 502, "body": "html", "accepted": True}, Unknown(), 1),
    ("submit.http", {"status": 504, "body": "empty", "accepted": True}, Unknown(), 1),
    ("submit.http", {"status": 429}, Throttled(None), 0),
    ("submit.http", {"status": 429, "retry_after": 9}, Throttled(9), 0),
    ("submit.http", {"status": 403, "error_code": "x"}, Refused, 0),
    ("submit.body_code", {"code": 400, "message": "bad"}, Refused, 0),
    ("submit.body_code", {"code": 500}, Unknown(), 0),
]


@pytest.mark.parametrize(("fault", "params", "expected", "charges"), SUBMITS)
def test_a_faulty_submit_is_sent_once_and_never_taken_for_what_it_is_not(
    simulator: testing.Provider,
    provider: WaveSpeed,
    fault: str,
    params: dict[str, Any],
    expected: Submission | type[Refused],
    charges: int,
) -> None:
    simulator.fault(fault, times=0, **params)

    found = provider.submit(MODEL, INPUT)

    assert (type(found) if expected is Refused else found) == expected
    assert len(simulator.submissions()) == 1
    if charges:
        assert len(simulator.ledger()) == charges


def test_a_submit_without_an_answer_in_time_is_unknown(
    simulator: testing.Provider, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wavespeed, "_SUBMIT_TIMEOUT", httpx.Timeout(10, read=0.3))
    simulator.fault("submit.accept_then_hang", seconds=20)

    assert connect(Keys(simulator.key)).submit(MODEL, INPUT) == Unknown()

    assert len(simulator.submissions()) == len(simulator.ledger()) == 1


@pytest.mark.parametrize("no_credit", [400, 402, 200])
def test_an_account_without_credit_is_told_apart(
    simulator: testing.Provider, provider: WaveSpeed, no_credit: int
) -> None:
    simulator.options(no_credit=no_credit)
    simulator.set_balance(0)

    found = provider.submit(MODEL, INPUT)

    assert isinstance(found, Refused)
    assert found.code is Code.INSUFFICIENT_CREDITS


@pytest.mark.parametrize(
    ("fault", "params", "code"),
    [
        ("run.failed", {"code": 1403}, Code.PROVIDER_FAILED),
        ("run.failed", {"code": 1407}, Code.INSUFFICIENT_CREDITS),
        ("run.moderated", {}, Code.MODERATED),
        ("run.hiccup", {}, Code.PROVIDER_FAILED),
        ("run.cancelled", {}, Code.PROVIDER_FAILED),
        ("run.timeout", {}, Code.PROVIDER_FAILED),
        ("run.empty_outputs", {}, Code.PROVIDER_FAILED),
        ("run.null_outputs", {}, Code.PROVIDER_FAILED),
        ("run.no_outputs", {}, Code.PROVIDER_FAILED),
    ],
)
def test_a_run_that_fails_is_broken(
    simulator: testing.Provider,
    provider: WaveSpeed,
    fault: str,
    params: dict[str, Any],
    code: Code,
) -> None:
    simulator.fault(fault, **params)

    found = finish(simulator, provider)

    assert isinstance(found, Failed)
    assert found.code is code
