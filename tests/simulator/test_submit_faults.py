"""A fault that accepts the request charges the prediction; every other fault charges nothing."""

from typing import Any

import httpx
import pytest

from tests.simulator.client import TEXT, Api

BODY = {"prompt": "x"}


@pytest.mark.parametrize(
    ("fault", "params", "outcome", "charges"),
    [
        ("close", {"how": "reset"}, httpx.ReadError, 0),
        ("close", {"how": "fin"}, httpx.RemoteProtocolError, 0),
        ("accept_then_close", {"how": "reset"}, httpx.ReadError, 1),
        ("accept_then_close", {"how": "fin"}, httpx.RemoteProtocolError, 1),
        ("hang", {}, httpx.ReadTimeout, 0),
        ("accept_then_hang", {}, httpx.ReadTimeout, 1),
        ("accept_then_hang", {"seconds": 0.1}, httpx.RemoteProtocolError, 1),
        ("slow", {"seconds": 3, "accepted": True}, httpx.ReadTimeout, 1),
        ("slow", {"seconds": 0.1}, 200, 1),
        ("http", {"status": 500}, 500, 0),
        ("http", {"status": 502, "body": "html", "accepted": True}, 502, 1),
        ("http", {"status": 504, "body": "empty", "accepted": True}, 504, 1),
        ("body_code", {"code": 402}, 200, 0),
        ("no_id", {}, 200, 1),
        ("not_json", {}, 200, 1),
        ("truncated", {}, 200, 1),
    ],
)
def test_fault_charges_only_when_accepted(
    api: Api, fault: str, params: dict[str, Any], outcome: int | type[Exception], charges: int
) -> None:
    api.provider.fault(f"submit.{fault}", **params)

    if isinstance(outcome, int):
        assert api.post(f"/{TEXT}", BODY, timeout=1).status_code == outcome
    else:
        with pytest.raises(outcome):
            api.post(f"/{TEXT}", BODY, timeout=1)

    # On a loaded machine the client can time out before the simulator has read the request.
    while not api.provider.submissions() or len(api.provider.ledger()) < charges:
        continue
    assert len(api.provider.ledger()) == len(api.provider.predictions()) == charges
    assert len(api.provider.submissions()) == 1


def test_http_fault_returns_the_given_body_and_header(api: Api) -> None:
    params: dict[str, Any] = {
        "status": 429, "message": "slow down", "error_code": "limit", "retry_after": 3,
    }  # fmt: skip
    api.provider.fault("submit.http", **params)

    response = api.post(f"/{TEXT}", BODY)

    assert response.json() == {"code": 429, "message": "slow down", "error_code": "limit"}
    assert response.headers["retry-after"] == "3"


def test_accepted_fault_does_not_accept_invalid_input(api: Api) -> None:
    api.provider.fault("submit.accept_then_close")

    assert api.post(f"/{TEXT}", {"prompt": ""}).status_code == 400
    assert api.provider.ledger() == []
