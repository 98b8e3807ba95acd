import pytest

from local.provider.webhooks import signature
from tests.simulator.client import TEXT, Api
from tests.simulator.receiver import Receiver, posted, receiving

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
def test_the_signature_agrees_with_the_published_vectors(body: bytes, expected: str) -> None:
    assert signature(SECRET, ID, AT, body) == expected


@pytest.mark.parametrize("status", ["completed", "failed"])
def test_the_end_of_a_prediction_is_posted_bare_and_signed(
    api: Api, receiver: Receiver, status: str
) -> None:
    if status == "failed":
        api.provider.fault("run.failed")
    prediction = receiver.run(api)
    hook = receiver.next()

    assert hook.verdict(api.data(api.get("/webhook/secret"))["secret"]) == "genuine"
    assert hook.headers["webhook-id"] == prediction["id"]
    assert hook.path == "/hook?job=a%26b"
    assert hook.prediction == api.result(prediction) | {"input": {"prompt": "x"}}
    assert hook.prediction["status"] == status


def test_a_webhook_is_tried_again_until_it_is_taken(api: Api, receiver: Receiver) -> None:
    api.provider.options(time_scale=0.01)
    receiver.answers.extend([500, 503])
    receiver.run(api)

    bodies = [receiver.next().body for _ in range(3)]

    assert bodies[0] == bodies[1] == bodies[2]
    seen = posted(api, 3)
    assert [(each["attempt"], each["status"]) for each in seen] == [(1, 500), (2, 503), (3, 204)]


def test_a_webhook_is_given_up_after_three_tries(api: Api, receiver: Receiver) -> None:
    api.provider.options(time_scale=0.001)
    receiver.answers.extend([500] * 3)
    receiver.run(api)
    posted(api, 3)

    later = receiver.run(api)

    assert [each["prediction"] for each in posted(api, 4)][3] == later["id"]


def test_nobody_at_the_webhooks_address_is_an_attempt_without_a_status(api: Api) -> None:
    api.provider.options(time_scale=0.001)
    with receiving() as gone:
        pass
    gone.run(api)

    assert [each["status"] for each in posted(api, 3)] == [None, None, None]


def test_a_recorded_webhook_is_replayed_byte_for_byte(api: Api, receiver: Receiver) -> None:
    first = receiver.run(api)
    posted(api, 1)
    second = receiver.run(api)
    [one, two] = posted(api, 2)
    original = [receiver.next() for _ in range(2)]
    receiver.answers.append(409)

    again = api.provider.replay(prediction=first["id"])
    by_number = api.provider.replay(number=two["number"])

    assert [receiver.next() for _ in range(2)] == original
    assert (again["status"], again["replay_of"]) == (409, one["number"])
    assert (by_number["prediction"], by_number["status"]) == (second["id"], 204)
    mine = api.provider.deliveries(prediction=first["id"])
    assert [each["number"] for each in mine] == [1, 3]


def test_nothing_is_replayed_that_was_not_recorded(api: Api) -> None:
    admin = api.provider.provider_admin_url

    assert api.anyone.post(f"{admin}/webhooks/replay", json={"number": 1}).status_code == 404


def test_a_secret_is_read_and_rotated_by_the_admin(
    api: Api, other_api: Api, receiver: Receiver
) -> None:
    key = other_api.http.headers["authorization"].split()[1]
    before, other = api.provider.webhook_secret(), api.provider.webhook_secret(key)

    fresh = api.provider.rotate_webhook_secret()
    chosen = api.provider.rotate_webhook_secret(SECRET, key)
    receiver.run(other_api)

    assert len({before, other, fresh, chosen}) == 4
    assert api.data(api.get("/webhook/secret"))["secret"] == fresh
    assert chosen == SECRET
    assert receiver.next().verdict(SECRET) == "genuine"


def test_each_key_has_a_secret_of_its_own(api: Api, other_api: Api) -> None:
    one, other = (each.data(each.get("/webhook/secret"))["secret"] for each in (api, other_api))

    assert one.startswith("whsec_")
    assert one != other


def test_a_webhook_must_be_a_url(api: Api) -> None:
    assert api.post(f"/{TEXT}?webhook=somewhere", {"prompt": "x"}).status_code == 400
