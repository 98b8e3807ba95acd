import pytest

from simulator.webhooks import signature
from tests.simulator.client import TEXT, Api
from tests.simulator.receiver import Receiver, receiving, wait_for_deliveries

SECRET = "whsec_simulator_test_secret_0001"
ID, AT = "e6832d4abffb4d79bfbca19783fca133", 1790000000


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (
            b'{"id":"e6832d4abffb4d79bfbca19783fca133","model":"openai/gpt-image-2/edit",'
            b'"status":"completed","outputs":["https://cdn.test/output/a.png"],"error":""}',
            "v3,4ab3b706bcb54bec4db2216ac01c668320c7884d5b6e15379a42ca59a12f3de0",
        ),
        (b'{"a":1}', "v3,9aaa21b9548800e5217625e8b450ccb88b8df6f9832ad758647695278ffe67cd"),
        (b'{"a": 1}', "v3,f27ff55878d3c344fd7a54834e06c66a1d31d1095ae52b731379bede9f2ca405"),
    ],
)
def test_signature_matches_the_published_vectors(body: bytes, expected: str) -> None:
    assert signature(SECRET, ID, AT, body) == expected


@pytest.mark.parametrize("status", ["completed", "failed"])
def test_webhook_is_signed_and_has_no_envelope(api: Api, receiver: Receiver, status: str) -> None:
    if status == "failed":
        api.provider.fault("run.failed")
    prediction = receiver.run(api)
    hook = receiver.next()

    assert hook.verdict(api.data(api.get("/webhook/secret"))["secret"]) == "genuine"
    assert hook.headers["webhook-id"] == prediction["id"]
    assert hook.path == "/hook?job=a%26b"
    assert hook.prediction == api.result(prediction) | {"input": {"prompt": "x"}}
    assert hook.prediction["status"] == status


def test_webhook_is_retried_until_accepted(api: Api, receiver: Receiver) -> None:
    api.provider.options(time_scale=0.01)
    receiver.answers.extend([500, 503])
    receiver.run(api)

    bodies = [receiver.next().body for _ in range(3)]

    assert bodies[0] == bodies[1] == bodies[2]
    deliveries = wait_for_deliveries(api, 3)
    assert [(delivery["attempt"], delivery["status"]) for delivery in deliveries] == [
        (1, 500),
        (2, 503),
        (3, 204),
    ]


def test_webhook_has_at_most_three_attempts(api: Api, receiver: Receiver) -> None:
    api.provider.options(time_scale=0.001)
    receiver.answers.extend([500] * 3)
    receiver.run(api)
    wait_for_deliveries(api, 3)

    later = receiver.run(api)

    assert [delivery["prediction"] for delivery in wait_for_deliveries(api, 4)][3] == later["id"]


def test_replay_sends_the_same_bytes(api: Api, receiver: Receiver) -> None:
    first = receiver.run(api)
    wait_for_deliveries(api, 1)
    second = receiver.run(api)
    [delivery, other_delivery] = wait_for_deliveries(api, 2)
    original = [receiver.next() for _ in range(2)]
    receiver.answers.append(409)

    by_prediction = api.provider.replay(prediction=first["id"])
    by_number = api.provider.replay(number=other_delivery["number"])

    assert [receiver.next() for _ in range(2)] == original
    assert (by_prediction["status"], by_prediction["replay_of"]) == (409, delivery["number"])
    assert (by_number["prediction"], by_number["status"]) == (second["id"], 204)
    deliveries = api.provider.deliveries(prediction=first["id"])
    assert [delivery["number"] for delivery in deliveries] == [1, 3]


def test_invalid_webhook_url_returns_400(api: Api) -> None:
    assert api.post(f"/{TEXT}?webhook=somewhere", {"prompt": "x"}).status_code == 400


def test_unreachable_receiver_is_recorded_without_status(api: Api) -> None:
    api.provider.options(time_scale=0.001)
    with receiving() as stopped:
        pass
    stopped.run(api)

    assert [delivery["status"] for delivery in wait_for_deliveries(api, 3)] == [None, None, None]


def test_replay_of_unknown_delivery_returns_404(api: Api) -> None:
    admin = api.provider.provider_admin_url

    assert api.anonymous.post(f"{admin}/webhooks/replay", json={"number": 1}).status_code == 404
