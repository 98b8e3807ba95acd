import httpx
import pytest

from tests.simulator.client import TEXT, Api


def test_polls_can_fail_a_few_times_before_they_succeed(api: Api) -> None:
    prediction = api.submit()
    api.provider.fault("poll.http", status=503, body="html")
    api.provider.fault("poll.http", status=429, retry_after=1)
    api.provider.fault("poll.not_found")

    seen = [api.get(f"/predictions/{prediction['id']}/result").status_code for _ in range(4)]

    assert seen == [503, 429, 404, 200]


@pytest.mark.parametrize("fault", ["poll.not_json", "poll.truncated"])
def test_a_poll_can_be_unreadable(api: Api, fault: str) -> None:
    prediction = api.submit()
    api.provider.fault(fault)

    reply = api.get(f"/predictions/{prediction['id']}/result")

    assert reply.status_code == 200
    with pytest.raises(ValueError):
        reply.json()


def test_a_poll_can_hang_or_break_off(api: Api) -> None:
    prediction = api.submit()
    api.provider.fault("poll.hang")
    api.provider.fault("poll.close")

    with pytest.raises(httpx.ReadTimeout):
        api.get(f"/predictions/{prediction['id']}/result", timeout=0.2)
    with pytest.raises(httpx.ReadError):
        api.get(f"/predictions/{prediction['id']}/result")


def test_a_poll_can_answer_200_with_another_code(api: Api) -> None:
    prediction = api.submit()
    api.provider.fault("poll.body_code", code=500)

    assert api.get(f"/predictions/{prediction['id']}").json()["code"] == 500


def test_a_poll_can_be_behind_the_end(api: Api) -> None:
    done = api.run()
    api.provider.fault("poll.stale", times=2)

    behind, unchanged, caught_up = (api.result(done) for _ in range(3))

    assert behind == unchanged
    assert (behind["status"], behind["outputs"], behind["executionTime"]) == ("processing", [], 0)
    assert caught_up == done


def test_the_secret_can_come_without_an_object_around_it(api: Api) -> None:
    api.provider.fault("secret.plain")

    plain, usual = (api.data(api.get("/webhook/secret")) for _ in range(2))

    assert plain == usual["secret"]


@pytest.mark.parametrize(
    ("method", "path", "point"),
    [
        ("GET", "/balance", "balance"),
        ("POST", "/model/price", "price"),
        ("POST", "/predictions", "list"),
        ("POST", "/billings/search", "billing"),
        ("POST", "/media/uploads", "upload"),
        ("POST", "/predictions/delete", "delete"),
        ("GET", "/models", "models"),
        ("GET", "/webhook/secret", "secret"),
    ],
)
def test_other_calls_can_fail_in_the_same_ways(
    api: Api, method: str, path: str, point: str
) -> None:
    body = {"model_id": TEXT, "ids": [], "filename": "a.png", "size": 3}
    api.provider.fault(f"{point}.http", status=500)
    api.provider.fault(f"{point}.not_json")

    failed, unreadable, fine = (api.http.request(method, path, json=body) for _ in range(3))

    assert (failed.status_code, unreadable.status_code) == (500, 200)
    assert unreadable.headers["content-type"].startswith("text/plain")
    assert fine.status_code == 200
