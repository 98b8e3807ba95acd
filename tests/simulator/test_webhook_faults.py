"""How webhooks can be forged, stale or odd."""

from typing import Any

import pytest

from tests.simulator.client import Api
from tests.simulator.receiver import Receiver, posted


@pytest.mark.parametrize(
    ("fault", "params", "verdict"),
    [
        ("webhook.tampered", {}, "forged"),
        ("webhook.wrong_secret", {}, "forged"),
        ("webhook.wrong_secret", {"secret": "whsec_of_an_older_day"}, "forged"),
        ("webhook.old_timestamp", {}, "stale"),
        ("webhook.old_timestamp", {"seconds": -900}, "stale"),
        ("webhook.old_timestamp", {"seconds": 200}, "genuine"),
        ("webhook.missing_headers", {}, "without webhook-id"),
        ("webhook.missing_headers", {"names": "webhook-signature"}, "without webhook-signature"),
        ("webhook.missing_headers", {"names": "webhook-timestamp, content-type"},
         "without webhook-timestamp"),
        ("webhook.enveloped", {}, "genuine"),
        ("webhook.event_id", {}, "genuine"),
        ("webhook.duplicated", {}, "genuine"),
    ],
)  # fmt: skip
def test_a_signature_is_as_good_as_the_fault_lets_it_be(
    api: Api, receiver: Receiver, fault: str, params: dict[str, Any], verdict: str
) -> None:
    api.provider.fault(fault, **params)

    prediction = receiver.run(api)

    assert receiver.next().verdict(api.provider.webhook_secret()) == verdict
    assert api.result(prediction)["status"] == "completed"
    assert api.provider.predictions()[0]["faults"] == [fault]


def test_a_tampered_webhook_promises_another_picture(api: Api, receiver: Receiver) -> None:
    api.provider.fault("run.failed")
    api.provider.fault("webhook.tampered", origin="https://evil.example")

    prediction = receiver.run(api)
    told = receiver.next().prediction

    assert (told["id"], told["status"]) == (prediction["id"], "completed")
    assert told["outputs"] == ["https://evil.example/output/tampered.png"]
    assert api.result(prediction)["status"] == "failed"


def test_a_webhook_can_come_in_an_envelope(api: Api, receiver: Receiver) -> None:
    api.provider.fault("webhook.enveloped")

    prediction = receiver.run(api)
    body = receiver.next().prediction

    assert (body["code"], body["message"]) == (200, "success")
    assert body["data"] == api.result(prediction) | {"input": {"prompt": "x"}}


def test_an_event_id_is_not_the_predictions_and_stays_through_all_tries(
    api: Api, receiver: Receiver
) -> None:
    api.provider.options(time_scale=0.001)
    api.provider.fault("webhook.event_id")
    receiver.answers.append(503)

    prediction = receiver.run(api)
    first, second = (receiver.next().headers["webhook-id"] for _ in range(2))

    assert first == second != prediction["id"]


def test_a_secret_can_be_rotated_just_before_a_delivery(api: Api, receiver: Receiver) -> None:
    before = api.data(api.get("/webhook/secret"))["secret"]
    api.provider.fault("webhook.rotated_secret")

    receiver.run(api)
    hook = receiver.next()

    after = api.data(api.get("/webhook/secret"))["secret"]
    assert (hook.verdict(before), hook.verdict(after)) == ("forged", "genuine")
    receiver.run(api)
    assert receiver.next().verdict(after) == "genuine"


def test_a_prompt_can_combine_faults_for_each_of_its_predictions(
    api: Api, receiver: Receiver
) -> None:
    prompt = "x [[fault webhook.duplicated count=2]][[fault webhook.old_timestamp seconds=400]]"

    for count in (2, 4):
        receiver.run(api, prompt)
        posted(api, count)

    verdicts = {receiver.next().verdict(api.provider.webhook_secret()) for _ in range(4)}
    assert verdicts == {"stale"}


def test_a_submit_without_a_webhook_uses_no_fault_up(api: Api, receiver: Receiver) -> None:
    api.provider.fault("webhook.wrong_secret")
    api.submit()

    receiver.run(api)

    assert receiver.next().verdict(api.provider.webhook_secret()) == "forged"
