from typing import Any

import httpx
import pytest

from tests.simulator.client import TEXT, Api

BODY = {"prompt": "x"}


def charged(api: Api) -> int:
    return len(api.provider.ledger())


@pytest.mark.parametrize(
    ("how", "error"), [("reset", httpx.ReadError), ("fin", httpx.RemoteProtocolError)]
)
@pytest.mark.parametrize(("fault", "charges"), [("close", 0), ("accept_then_close", 1)])
def test_a_connection_is_closed_before_or_after_the_task_was_created(
    api: Api, fault: str, charges: int, how: str, error: type[Exception]
) -> None:
    api.provider.fault(f"submit.{fault}", how=how)

    with pytest.raises(error):
        api.post(f"/{TEXT}", BODY)

    assert charged(api) == len(api.provider.predictions()) == charges
    [post] = api.provider.submissions()
    assert (post["status"], post["fault"]) == (None, f"submit.{fault}")


@pytest.mark.parametrize(("fault", "charges"), [("hang", 0), ("accept_then_hang", 1)])
def test_silence_lasts_until_the_client_gives_up(api: Api, fault: str, charges: int) -> None:
    api.provider.fault(f"submit.{fault}")

    with pytest.raises(httpx.ReadTimeout):
        api.post(f"/{TEXT}", BODY, timeout=0.3)

    # On a busy machine the client may have given up before the simulator has read the request.
    while not api.provider.submissions() or charged(api) < charges:
        continue
    assert charged(api) == charges


def test_silence_is_bounded(api: Api) -> None:
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
def test_an_error_answer_leaves_open_whether_the_task_exists(
    api: Api, status: int, body: str, content_type: str | None, accepted: bool
) -> None:
    api.provider.fault("submit.http", status=status, body=body, accepted=accepted)

    reply = api.post(f"/{TEXT}", BODY)

    assert (reply.status_code, reply.headers.get("content-type")) == (status, content_type)
    assert charged(api) == int(accepted)


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
def test_an_error_says_what_it_is_told_to(
    api: Api, params: dict[str, Any], status: int, body: dict[str, Any]
) -> None:
    api.provider.fault("submit.http", **params)

    reply = api.post(f"/{TEXT}", BODY)

    assert (reply.status_code, reply.json()) == (status, body)


@pytest.mark.parametrize("retry_after", [None, 3])
def test_a_429_may_say_when_to_come_back(api: Api, retry_after: int | None) -> None:
    api.provider.fault("submit.http", status=429, retry_after=retry_after)

    reply = api.post(f"/{TEXT}", BODY)

    assert reply.headers.get("retry-after") == (None if retry_after is None else "3")


def test_a_200_can_carry_another_code(api: Api) -> None:
    api.provider.fault("submit.body_code", code=402, message="insufficient credits", error="why")

    reply = api.post(f"/{TEXT}", BODY)

    assert reply.status_code == 200
    assert reply.json() == {
        "code": 402,
        "message": "insufficient credits",
        "data": {"status": "failed", "error": "why"},
    }


def test_a_200_can_lack_the_id_of_a_task_that_was_charged(api: Api) -> None:
    api.provider.fault("submit.no_id")

    data = api.data(api.post(f"/{TEXT}", BODY))

    assert "id" not in data
    assert charged(api) == 1


@pytest.mark.parametrize("fault", ["submit.not_json", "submit.truncated"])
def test_a_200_can_be_unreadable_though_the_task_was_charged(api: Api, fault: str) -> None:
    api.provider.fault(fault)

    reply = api.post(f"/{TEXT}", BODY)

    assert reply.status_code == 200
    with pytest.raises(ValueError):
        reply.json()
    assert charged(api) == 1


def test_an_answer_can_be_slow(api: Api) -> None:
    api.provider.fault("submit.slow", seconds=0.3)

    reply = api.post(f"/{TEXT}", BODY)

    assert reply.status_code == 200
    assert reply.elapsed.total_seconds() > 0.3


def test_a_slow_answer_can_be_about_a_task_that_exists_by_then(api: Api) -> None:
    api.provider.fault("submit.slow", seconds=0.3, accepted=True)

    with pytest.raises(httpx.ReadTimeout):
        api.post(f"/{TEXT}", BODY, timeout=0.1)

    # On a busy machine the client may have given up before the simulator has read the request.
    while charged(api) < 1:
        continue
    assert len(api.provider.predictions()) == 1


def test_an_invalid_request_is_never_accepted(api: Api) -> None:
    api.provider.fault("submit.accept_then_close")

    reply = api.post(f"/{TEXT}", {"prompt": ""})

    assert reply.status_code == 400
    assert charged(api) == 0
