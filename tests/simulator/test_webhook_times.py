"""Webhook faults that change the time, the number and the order of deliveries."""

import threading
from typing import Any

import pytest

from tests.simulator.client import AFTER_ANY_RUN, Api
from tests.simulator.receiver import Receiver, wait_for_deliveries


def test_early_webhook_arrives_before_the_submit_response(api: Api, receiver: Receiver) -> None:
    states: list[Any] = []

    def record_state() -> None:
        [prediction] = api.provider.predictions()
        [submission] = api.provider.submissions()
        states.append((prediction["status"], submission["status"]))

    receiver.before_answer = record_state
    api.provider.fault("webhook.early")

    prediction = receiver.submit(api)

    assert states == [("completed", None)]
    assert prediction["status"] == "created"
    hook = receiver.hooks.get_nowait()
    assert hook.verdict(api.provider.webhook_secret()) == "genuine"
    assert hook.prediction == api.result(prediction) | {"input": {"prompt": "x"}}
    assert api.download(hook.prediction).status_code == 200


def test_late_fault_delays_the_webhook(api: Api, receiver: Receiver) -> None:
    api.provider.fault("run.duration", times=2, seconds=10)
    api.provider.fault("webhook.late", seconds=500)
    late, on_time = receiver.submit(api), receiver.submit(api)

    api.provider.advance(11)
    assert receiver.next().prediction["id"] == on_time["id"]
    assert api.result(late)["status"] == "completed"
    assert len(wait_for_deliveries(api, 1)) == 1

    api.provider.advance(500)
    assert receiver.next().prediction["id"] == late["id"]


def test_lost_webhook_can_be_replayed(api: Api, receiver: Receiver) -> None:
    api.provider.fault("webhook.lost")
    prediction = receiver.run(api)

    [lost] = wait_for_deliveries(api, 1)

    assert (lost["attempt"], lost["status"]) == (0, None)
    assert receiver.hooks.empty()
    assert api.provider.replay(prediction=prediction["id"])["status"] == 204
    hook = receiver.next()
    assert hook.body.decode() == lost["body"]
    assert hook.verdict(api.provider.webhook_secret()) == "genuine"


def test_duplicates_can_be_concurrent(api: Api, receiver: Receiver) -> None:
    all_received = threading.Barrier(3)
    receiver.before_answer = lambda: all_received.wait(5)
    api.provider.fault("webhook.duplicated", count=3, together=True)

    receiver.run(api)

    assert [delivery["status"] for delivery in wait_for_deliveries(api, 3)] == [204] * 3


def test_reordered_fault_sends_processing_after_completed(api: Api, receiver: Receiver) -> None:
    api.provider.fault("webhook.reordered")
    prediction = receiver.run(api)

    hooks = [receiver.next() for _ in range(2)]

    assert [hook.prediction["status"] for hook in hooks] == ["completed", "processing"]
    assert [len(hook.prediction["outputs"]) for hook in hooks] == [1, 0]
    assert {hook.verdict(api.provider.webhook_secret()) for hook in hooks} == {"genuine"}
    assert {hook.prediction["id"] for hook in hooks} == {prediction["id"]}


def test_held_webhook_follows_that_of_another_prediction(api: Api, receiver: Receiver) -> None:
    api.provider.fault("run.duration", seconds=10)
    api.provider.fault("run.duration", match={"nth": 2}, seconds=30)
    api.provider.fault("webhook.reordered", how="held", seconds=AFTER_ANY_RUN)
    first, second = receiver.submit(api), receiver.submit(api)

    api.provider.advance(20)
    assert (api.result(first)["status"], api.result(second)["status"]) == (
        "completed",
        "processing",
    )
    api.provider.advance(20)

    assert [receiver.next().prediction["id"] for _ in range(2)] == [second["id"], first["id"]]


@pytest.mark.parametrize(("faults", "statuses"), [([], []), (["webhook.any_end"], ["cancelled"])])
def test_cancelled_sends_a_webhook_only_with_any_end(
    api: Api, receiver: Receiver, faults: list[str], statuses: list[str]
) -> None:
    for fault in ["run.cancelled", *faults]:
        api.provider.fault(fault)
    receiver.run(api)
    wait_for_deliveries(api, len(statuses))

    last = receiver.run(api)

    received = [receiver.next().prediction for _ in range(len(statuses) + 1)]
    assert [prediction["status"] for prediction in received] == [*statuses, "completed"]
    assert received[-1]["id"] == last["id"]
