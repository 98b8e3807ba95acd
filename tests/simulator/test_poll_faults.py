import httpx
import pytest

from tests.simulator.client import TEXT, Api


def test_poll_faults_apply_once_each(api: Api) -> None:
    prediction = api.submit()
    api.provider.fault("poll.http", status=503, body="html")
    api.provider.fault("poll.http", status=429, retry_after=1)
    api.provider.fault("poll.not_found")

    statuses = [api.get(f"/predictions/{prediction['id']}/result").status_code for _ in range(4)]

    assert statuses == [503, 429, 404, 200]


@pytest.mark.parametrize("fault", ["poll.not_json", "poll.truncated"])
def test_poll_response_can_be_invalid_json(api: Api, fault: str) -> None:
    prediction = api.submit()
    api.provider.fault(fault)

    response = api.get(f"/predictions/{prediction['id']}/result")

    assert response.status_code == 200
    with pytest.raises(ValueError):
        response.json()


def test_hang_and_close_faults_break_polls(api: Api) -> None:
    prediction = api.submit()
    api.provider.fault("poll.hang")
    api.provider.fault("poll.close")

    with pytest.raises(httpx.ReadTimeout):
        api.get(f"/predictions/{prediction['id']}/result", timeout=0.2)
    with pytest.raises(httpx.ReadError):
        api.get(f"/predictions/{prediction['id']}/result")


def test_poll_body_code_differs_from_status(api: Api) -> None:
    prediction = api.submit()
    api.provider.fault("poll.body_code", code=500)

    assert api.get(f"/predictions/{prediction['id']}").json()["code"] == 500


def test_stale_poll_returns_a_running_prediction(api: Api) -> None:
    done = api.run()
    api.provider.fault("poll.stale", times=2)

    behind, unchanged, caught_up = (api.result(done) for _ in range(3))

    assert behind == unchanged
    assert (behind["status"], behind["outputs"], behind["executionTime"]) == ("processing", [], 0)
    assert caught_up == done


def test_plain_secret_fault_returns_a_string(api: Api) -> None:
    api.provider.fault("secret.plain")

    plain, normal = (api.data(api.get("/webhook/secret")) for _ in range(2))

    assert plain == normal["secret"]


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
def test_http_faults_apply_to_all_calls(api: Api, method: str, path: str, point: str) -> None:
    body = {"model_id": TEXT, "ids": [], "filename": "a.png", "size": 3}
    api.provider.fault(f"{point}.http", status=500)
    api.provider.fault(f"{point}.not_json")

    failed, invalid, normal = (api.http.request(method, path, json=body) for _ in range(3))

    assert (failed.status_code, invalid.status_code) == (500, 200)
    assert invalid.headers["content-type"].startswith("text/plain")
    assert normal.status_code == 200
