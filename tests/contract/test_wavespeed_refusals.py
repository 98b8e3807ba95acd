"""Refused submits: refusals that concern the account stop the queue, others do not."""

import pytest

from darkroom.adapters.wavespeed.client import WaveSpeed
from darkroom.domain.errors import Code
from darkroom.ports import Refused, Submission
from simulator import testing
from tests.contract.scripted_http import Keys, ScriptedResponse, envelope, error, html
from tests.contract.simulator_calls import INPUT, MODEL, Connect
from tests.contract.test_wavespeed_submit import FLAGGED, NO_CREDIT, submit


def refusal(submission: Submission) -> tuple[Code, bool]:
    assert isinstance(submission, Refused)
    return submission.code, submission.blocks_account


@pytest.mark.parametrize(
    ("response", "code"),
    [
        (error(401, "bad key"), Code.UNAUTHORIZED),
        (html(401), Code.UNAUTHORIZED),
        (envelope(None, code=401, message="bad key"), Code.UNAUTHORIZED),
        (error(402), Code.INSUFFICIENT_CREDITS),
        (html(402), Code.INSUFFICIENT_CREDITS),
        (envelope(None, code=402, message="insufficient credits"), Code.INSUFFICIENT_CREDITS),
        (error(400, NO_CREDIT), Code.INSUFFICIENT_CREDITS),
        (error(403, NO_CREDIT), Code.INSUFFICIENT_CREDITS),
        (envelope(None, code=400, message=NO_CREDIT), Code.INSUFFICIENT_CREDITS),
    ],
    ids=repr,
)
def test_refusal_of_the_account_stops_the_queue(response: ScriptedResponse, code: Code) -> None:
    assert refusal(submit(response)) == (code, True)


@pytest.mark.parametrize(
    ("response", "code"),
    [
        (error(400, "prompt is required"), Code.INVALID_REQUEST),
        (error(400, FLAGGED), Code.MODERATED),
        (html(400), Code.INVALID_REQUEST),
        (error(403, "this key may not use this model"), Code.UNAUTHORIZED),
        (html(403), Code.UNAUTHORIZED),
        (error(404, "unknown model"), Code.INVALID_REQUEST),
        (error(409), Code.REJECTED),
        (error(413), Code.INVALID_REQUEST),
        (error(422), Code.INVALID_REQUEST),
        (envelope(None, code=403, message="no"), Code.UNAUTHORIZED),
        (envelope(None, code=400, message="bad enum"), Code.INVALID_REQUEST),
    ],
    ids=repr,
)
def test_refusal_of_one_job_does_not_stop_the_queue(response: ScriptedResponse, code: Code) -> None:
    assert refusal(submit(response)) == (code, False)


def test_unknown_key_stops_the_queue(simulator: testing.Provider, connect: Connect) -> None:
    submission = connect(Keys("wsk_nobodys")).submit(MODEL, INPUT)

    assert refusal(submission) == (Code.UNAUTHORIZED, True)
    assert simulator.predictions() == []


@pytest.mark.parametrize("no_credit", [400, 402, 200])
def test_account_without_credit_stops_the_queue(
    simulator: testing.Provider, provider: WaveSpeed, no_credit: int
) -> None:
    simulator.options(no_credit=no_credit)
    simulator.set_balance(0)

    submission = provider.submit(MODEL, INPUT)

    assert refusal(submission) == (Code.INSUFFICIENT_CREDITS, True)
    assert simulator.ledger() == []


@pytest.mark.parametrize(("status", "code"), [
    (400, Code.INVALID_REQUEST), (403, Code.UNAUTHORIZED), (404, Code.INVALID_REQUEST),
])  # fmt: skip
def test_refused_job_does_not_stop_the_queue(
    simulator: testing.Provider, provider: WaveSpeed, status: int, code: Code
) -> None:
    simulator.fault("submit.http", status=status)

    assert refusal(provider.submit(MODEL, INPUT)) == (code, False)


def test_invalid_request_does_not_stop_the_queue(provider: WaveSpeed) -> None:
    assert refusal(provider.submit(MODEL, INPUT | {"quality": "best"})) == (
        Code.INVALID_REQUEST, False,
    )  # fmt: skip
