"""Webhook faults that change signatures, timestamps, headers and bodies."""

from typing import Any

import pytest

from tests.simulator.client import Api
from tests.simulator.receiver import Receiver, wait_for_deliveries


@pytest.mark.parametrize(
    ("fault", "params", "verdict"),
    [
        ("webhook.tampered", {}, "forged"),
        ("webhook.wrong_secret", {}, "forged"),
        ("webhook.wrong_secret", {"secret": "whsec_expired"}, "forged"),
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
def test_webhook_faults_change_the_signature_verdict(
    api: Api, receiver: Receiver, fault: str, params: dict[str, Any], verdict: str
) -> None:
    api.provider.fault(fault, **params)

    prediction = receiver.run(api)

    assert receiver.next().verdict(api.provider.webhook_secret()) == verdict
    assert api.result(prediction)["status"] == "completed"
    assert api.provider.predictions()[0]["faults"] == [fault]


def test_tampered_webhook_reports_a_foreign_output(api: Api, receiver: Receiver) -> None:
    api.provider.fault("run.failed")
    api.provider.fault("webhook.tampered", origin="https://evil.example")

    prediction = receiver.run(api)
    reported = receiver.next().prediction

    assert (reported["id"], reported["status"]) == (prediction["id"], "completed")
    assert reported["outputs"] == ["https://evil.example/output/tampered.png"]
    assert api.result(prediction)["status"] == "failed"


def test_enveloped_webhook_wraps_the_prediction(api: Api, receiver: Receiver) -> None:
    api.provider.fault("webhook.enveloped")

    prediction = receiver.run(api)
    body = receiver.next().prediction

    assert (body["code"], body["message"]) == (200, "success")
    assert body["data"] == api.result(prediction) | {"input": {"prompt": "x"}}


def test_event_id_fault_keeps_one_id_across_retries(api: Api, receiver: Receiver) -> None:
    api.provider.options(time_scale=0.001)
    api.provider.fault("webhook.event_id")
    receiver.answers.append(503)

    prediction = receiver.run(api)
    first, second = (receiver.next().headers["webhook-id"] for _ in range(2))

    assert first == second != prediction["id"]


def test_rotated_secret_fault_signs_with_the_new_secret(api: Api, receiver: Receiver) -> None:
    before = api.data(api.get("/webhook/secret"))["secret"]
    api.provider.fault("webhook.rotated_secret")

    receiver.run(api)
    hook = receiver.next()

    after = api.data(api.get("/webhook/secret"))["secret"]
    assert (hook.verdict(before), hook.verdict(after)) == ("forged", "genuine")
    receiver.run(api)
    assert receiver.next().verdict(after) == "genuine"


def test_webhook_markers_apply_to_every_prediction(api: Api, receiver: Receiver) -> None:
    prompt = "x [[fault webhook.duplicated count=2]][[fault webhook.old_timestamp seconds=400]]"

    for count in (2, 4):
        receiver.run(api, prompt)
        wait_for_deliveries(api, count)

    verdicts = {receiver.next().verdict(api.provider.webhook_secret()) for _ in range(4)}
    assert verdicts == {"stale"}


def test_submit_without_webhook_does_not_consume_webhook_rules(
    api: Api, receiver: Receiver
) -> None:
    api.provider.fault("webhook.wrong_secret")
    api.submit()

    receiver.run(api)

    assert receiver.next().verdict(api.provider.webhook_secret()) == "forged"
