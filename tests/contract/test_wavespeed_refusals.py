"""Refusals of a submit: which of them the next job would get as well, and so stop the line."""

import pytest

from darkroom.adapters.wavespeed import WaveSpeed
from darkroom.domain.errors import Code
from darkroom.ports import Refused, Submission
from local.provider import testing
from tests.contract.scripted_http import Answer, Keys, envelope, error, html
from tests.contract.simulated import INPUT, MODEL, Connect
from tests.contract.test_wavespeed_submit import CREDIT, TOUCHY, submit


def refusal(found: Submission) -> tuple[Code, bool]:
    assert isinstance(found, Refused)
    return found.code, found.stops


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (error(401, "bad key"), Code.UNAUTHORIZED),
        (html(401), Code.UNAUTHORIZED),
        (envelope(None, code=401, message="bad key"), Code.UNAUTHORIZED),
        (error(402), Code.INSUFFICIENT_CREDITS),
        (html(402), Code.INSUFFICIENT_CREDITS),
        (envelope(None, code=402, message="insufficient credits"), Code.INSUFFICIENT_CREDITS),
        (error(400, CREDIT), Code.INSUFFICIENT_CREDITS),
        (error(403, CREDIT), Code.INSUFFICIENT_CREDITS),
        (envelope(None, code=400, message=CREDIT), Code.INSUFFICIENT_CREDITS),
    ],
    ids=repr,
)
def test_what_is_about_the_account_stops_the_line(answer: Answer, code: Code) -> None:
    assert refusal(submit(answer)) == (code, True)


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (error(400, "prompt is required"), Code.INVALID_REQUEST),
        (error(400, TOUCHY), Code.MODERATED),
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
def test_what_is_about_one_job_does_not(answer: Answer, code: Code) -> None:
    assert refusal(submit(answer)) == (code, False)


def test_a_key_that_the_provider_does_not_know_stops_the_line(
    simulator: testing.Provider, connect: Connect
) -> None:
    found = connect(Keys("wsk_nobodys")).submit(MODEL, INPUT)

    assert refusal(found) == (Code.UNAUTHORIZED, True)
    assert simulator.predictions() == []


@pytest.mark.parametrize("how", [400, 402, 200])
def test_an_empty_account_stops_the_line_however_the_provider_says_it(
    simulator: testing.Provider, provider: WaveSpeed, how: int
) -> None:
    simulator.options(no_credit=how)
    simulator.set_balance(0)

    found = provider.submit(MODEL, INPUT)

    assert refusal(found) == (Code.INSUFFICIENT_CREDITS, True)
    assert simulator.ledger() == []


@pytest.mark.parametrize(("status", "code"), [
    (400, Code.INVALID_REQUEST), (403, Code.UNAUTHORIZED), (404, Code.INVALID_REQUEST),
])  # fmt: skip
def test_a_refusal_of_this_job_leaves_the_line_alone(
    simulator: testing.Provider, provider: WaveSpeed, status: int, code: Code
) -> None:
    simulator.fault("submit.http", status=status)

    assert refusal(provider.submit(MODEL, INPUT)) == (code, False)


def test_a_bad_request_leaves_the_line_alone(provider: WaveSpeed) -> None:
    assert refusal(provider.submit(MODEL, INPUT | {"quality": "best"})) == (
        Code.INVALID_REQUEST, False,
    )  # fmt: skip
