"""Webhook faults that change signatures, timestamps, headers and bodies."""

from typing import Any

import pytest

from tests.simulator.client import Api
from tests.simulator.receiver import Receiver


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


def test_enveloped_webhook_wraps_the_prediction(api: Api, receiver: Receiver) -> None:
    api.provider.fault("webhook.enveloped")

    prediction = receiver.run(api)
    body = receiver.next().prediction

    assert (body["code"], body["message"]) == (200, "success")
    assert body["data"] == api.result(prediction) | {"input": {"prompt": "x"}}


def test_rotated_secret_fault_signs_with_the_new_secret(api: Api, receiver: Receiver) -> None:
    before = api.data(api.get("/webhook/secret"))["secret"]
    api.provider.fault("webhook.rotated_secret")

    receiver.run(api)
    hook = receiver.next()

    after = api.data(api.get("/webhook/secret"))["secret"]
    assert (hook.verdict(before), hook.verdict(after)) == ("forged", "genuine")
    receiver.run(api)
    assert receiver.next().verdict(after) == "genuine"
