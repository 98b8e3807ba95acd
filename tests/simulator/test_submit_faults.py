from typing import Any

import httpx
import pytest

from tests.simulator.client import TEXT, Api

BODY = {"prompt": "x"}


def charge_count(api: Api) -> int:
    return len(api.provider.ledger())


@pytest.mark.parametrize(
    ("how", "error"), [("reset", httpx.ReadError), ("fin", httpx.RemoteProtocolError)]
)
@pytest.mark.parametrize(("fault", "charges"), [("close", 0), ("accept_then_close", 1)])
def test_close_faults_charge_only_when_accepted(
    api: Api, fault: str, charges: int, how: str, error: type[Exception]
) -> None:
    api.provider.fault(f"submit.{fault}", how=how)

    with pytest.raises(error):
        api.post(f"/{TEXT}", BODY)

    assert charge_count(api) == len(api.provider.predictions()) == charges
    [post] = api.provider.submissions()
    assert (post["status"], post["fault"]) == (None, f"submit.{fault}")


@pytest.mark.parametrize(("fault", "charges"), [("hang", 0), ("accept_then_hang", 1)])
def test_hang_faults_last_until_the_client_times_out(api: Api, fault: str, charges: int) -> None:
    api.provider.fault(f"submit.{fault}")

    with pytest.raises(httpx.ReadTimeout):
        api.post(f"/{TEXT}", BODY, timeout=0.3)

    # On a loaded machine the client can time out before the simulator has read the request.
    while not api.provider.submissions() or charge_count(api) < charges:
        continue
    assert charge_count(api) == charges


def test_hang_fault_closes_after_its_seconds(api: Api) -> None:
    api.provider.fault("submit.accept_then_hang", seconds=0.1)

    with pytest.raises(httpx.RemoteProtocolError):
        api.post(f"/{TEXT}", BODY)


@pytest.mark.parametrize("accepted", [True, False])
@pytest.mark.parametrize(
    ("status", "body", "content_type"),
    [
        (500, "json", "application/json"),
        (502, "html", "text/html; charset=utf-8"),
        (504, "empty", None),
    ],
)
def test_http_fault_charges_only_when_accepted(
    api: Api, status: int, body: str, content_type: str | None, accepted: bool
) -> None:
    api.provider.fault("submit.http", status=status, body=body, accepted=accepted)

    response = api.post(f"/{TEXT}", BODY)

    assert (response.status_code, response.headers.get("content-type")) == (status, content_type)
    assert charge_count(api) == int(accepted)


@pytest.mark.parametrize(
    ("params", "status", "body"),
    [
        ({"status": 401}, 401, {"code": 401, "message": "Invalid or missing API key"}),
        (
            {"status": 403, "message": "no role", "error_code": "role_required"},
            403,
            {"code": 403, "message": "no role", "error_code": "role_required"},
        ),
        ({"status": 400, "code": 1401, "message": "bad"}, 400, {"code": 1401, "message": "bad"}),
    ],
)
def test_http_fault_returns_the_given_body(
    api: Api, params: dict[str, Any], status: int, body: dict[str, Any]
) -> None:
    api.provider.fault("submit.http", **params)

    response = api.post(f"/{TEXT}", BODY)

    assert (response.status_code, response.json()) == (status, body)


@pytest.mark.parametrize("retry_after", [None, 3])
def test_429_fault_can_set_retry_after(api: Api, retry_after: int | None) -> None:
    api.provider.fault("submit.http", status=429, retry_after=retry_after)

    response = api.post(f"/{TEXT}", BODY)

    assert response.headers.get("retry-after") == (None if retry_after is None else "3")


def test_body_code_fault_returns_error_in_200(api: Api) -> None:
    api.provider.fault("submit.body_code", code=402, message="insufficient credits", error="why")

    response = api.post(f"/{TEXT}", BODY)

    assert response.status_code == 200
    assert response.json() == {
        "code": 402,
        "message": "insufficient credits",
        "data": {"status": "failed", "error": "why"},
    }


def test_no_id_fault_charges_and_omits_the_id(api: Api) -> None:
    api.provider.fault("submit.no_id")

    data = api.data(api.post(f"/{TEXT}", BODY))

    assert "id" not in data
    assert charge_count(api) == 1


@pytest.mark.parametrize("fault", ["submit.not_json", "submit.truncated"])
def test_invalid_json_response_charges_the_prediction(api: Api, fault: str) -> None:
    api.provider.fault(fault)

    response = api.post(f"/{TEXT}", BODY)

    assert response.status_code == 200
    with pytest.raises(ValueError):
        response.json()
    assert charge_count(api) == 1


def test_slow_fault_delays_the_response(api: Api) -> None:
    api.provider.fault("submit.slow", seconds=0.3)

    response = api.post(f"/{TEXT}", BODY)

    assert response.status_code == 200
    assert response.elapsed.total_seconds() > 0.3


def test_accepted_slow_fault_creates_before_the_delay(api: Api) -> None:
    api.provider.fault("submit.slow", seconds=0.3, accepted=True)

    with pytest.raises(httpx.ReadTimeout):
        api.post(f"/{TEXT}", BODY, timeout=0.1)

    # On a loaded machine the client can time out before the simulator has read the request.
    while charge_count(api) < 1:
        continue
    assert len(api.provider.predictions()) == 1


def test_accepted_fault_does_not_accept_invalid_input(api: Api) -> None:
    api.provider.fault("submit.accept_then_close")

    response = api.post(f"/{TEXT}", {"prompt": ""})

    assert response.status_code == 400
    assert charge_count(api) == 0
