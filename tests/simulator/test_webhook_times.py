"""When webhooks come, how often, and in which order."""

import threading
from typing import Any

import httpx
import pytest

from tests.simulator.client import LONG_ENOUGH, TEXT, Api
from tests.simulator.receiver import Receiver, posted


def test_a_webhook_can_come_before_its_submit_is_answered(api: Api, receiver: Receiver) -> None:
    seen: list[Any] = []

    def look() -> None:
        [prediction] = api.provider.predictions()
        [submission] = api.provider.submissions()
        seen.append((prediction["status"], submission["status"]))

    receiver.before_answer = look
    api.provider.fault("webhook.early")

    prediction = receiver.submit(api)

    assert seen == [("completed", None)]
    assert prediction["status"] == "created"
    hook = receiver.hooks.get_nowait()
    assert hook.verdict(api.provider.webhook_secret()) == "genuine"
    assert hook.prediction == api.result(prediction) | {"input": {"prompt": "x"}}
    assert api.download(hook.prediction).status_code == 200


def test_an_early_webhook_holds_its_submit_up_for_a_bounded_time(
    api: Api, receiver: Receiver
) -> None:
    is_answered = threading.Event()
    receiver.before_answer = is_answered.wait
    api.provider.fault("webhook.early", seconds=0.05)

    prediction = receiver.submit(api)

    assert api.provider.deliveries() == []
    is_answered.set()
    assert posted(api, 1)[0]["prediction"] == prediction["id"]


def test_an_early_webhook_can_be_all_that_is_heard_of_a_submit(
    api: Api, receiver: Receiver
) -> None:
    prompt = "x [[fault submit.accept_then_close]][[fault webhook.early]]"

    with pytest.raises(httpx.ReadError):
        receiver.submit(api, prompt)

    [prediction] = api.provider.predictions()
    assert receiver.hooks.get_nowait().prediction["id"] == prediction["id"]


def test_a_prediction_that_never_ends_has_no_early_webhook(api: Api, receiver: Receiver) -> None:
    api.provider.fault("run.stuck_processing")
    api.provider.fault("webhook.early")

    prediction = receiver.submit(api)

    assert api.finish(prediction)["status"] == "processing"
    assert api.provider.deliveries() == []


def test_a_webhook_can_be_late(api: Api, receiver: Receiver) -> None:
    api.provider.fault("run.duration", times=2, seconds=10)
    api.provider.fault("webhook.late", seconds=500)
    late, on_time = receiver.submit(api), receiver.submit(api)

    api.provider.advance(11)
    assert receiver.next().prediction["id"] == on_time["id"]
    assert api.result(late)["status"] == "completed"
    assert len(posted(api, 1)) == 1

    api.provider.advance(500)
    assert receiver.next().prediction["id"] == late["id"]


def test_a_webhook_can_be_lost_and_found_again(api: Api, receiver: Receiver) -> None:
    api.provider.fault("webhook.lost")
    prediction = receiver.run(api)

    [lost] = posted(api, 1)

    assert (lost["attempt"], lost["status"]) == (0, None)
    assert receiver.hooks.empty()
    assert api.provider.replay(prediction=prediction["id"])["status"] == 204
    hook = receiver.next()
    assert hook.body.decode() == lost["body"]
    assert hook.verdict(api.provider.webhook_secret()) == "genuine"


def test_a_webhook_can_be_sent_several_times(api: Api, receiver: Receiver) -> None:
    api.provider.fault("webhook.duplicated", count=3)
    receiver.run(api)

    first, *others = (receiver.next() for _ in range(3))

    assert others == [first, first]
    seen = posted(api, 3)
    assert [(each["attempt"], each["status"]) for each in seen] == [(1, 204)] * 3


def test_duplicates_can_come_together(api: Api, receiver: Receiver) -> None:
    all_here = threading.Barrier(3)
    receiver.before_answer = lambda: all_here.wait(5)
    api.provider.fault("webhook.duplicated", count=3, together=True)

    receiver.run(api)

    assert [each["status"] for each in posted(api, 3)] == [204] * 3


def test_a_webhook_can_be_tried_again_though_it_was_taken(api: Api, receiver: Receiver) -> None:
    api.provider.options(time_scale=0.001)
    api.provider.fault("webhook.retried")
    receiver.run(api)

    bodies = {receiver.next().body for _ in range(3)}

    assert len(bodies) == 1
    seen = posted(api, 3)
    assert [(each["attempt"], each["status"]) for each in seen] == [(1, 204), (2, 204), (3, 204)]


def test_a_webhook_can_say_that_it_runs_after_it_has_said_that_it_ended(
    api: Api, receiver: Receiver
) -> None:
    api.provider.fault("webhook.reordered")
    prediction = receiver.run(api)

    hooks = [receiver.next() for _ in range(2)]

    assert [hook.prediction["status"] for hook in hooks] == ["completed", "processing"]
    assert [len(hook.prediction["outputs"]) for hook in hooks] == [1, 0]
    assert {hook.verdict(api.provider.webhook_secret()) for hook in hooks} == {"genuine"}
    assert {hook.prediction["id"] for hook in hooks} == {prediction["id"]}


def test_webhooks_of_two_predictions_can_change_places(api: Api, receiver: Receiver) -> None:
    api.provider.fault("run.duration", seconds=10)
    api.provider.fault("run.duration", match={"nth": 2}, seconds=30)
    api.provider.fault("webhook.reordered", how="held", seconds=LONG_ENOUGH)
    first, second = receiver.submit(api), receiver.submit(api)

    api.provider.advance(20)
    assert (api.result(first)["status"], api.result(second)["status"]) == (
        "completed",
        "processing",
    )
    api.provider.advance(20)

    assert [receiver.next().prediction["id"] for _ in range(2)] == [second["id"], first["id"]]


def test_a_held_webhook_is_not_held_for_ever(api: Api, receiver: Receiver) -> None:
    api.provider.fault("webhook.reordered", how="held", seconds=0)

    prediction = receiver.run(api)

    assert receiver.next().prediction["id"] == prediction["id"]


@pytest.mark.parametrize(("faults", "told"), [([], []), (["webhook.any_end"], ["cancelled"])])
def test_only_success_and_failure_are_told_unless_a_fault_wants_more(
    api: Api, receiver: Receiver, faults: list[str], told: list[str]
) -> None:
    for fault in ["run.cancelled", *faults]:
        api.provider.fault(fault)
    receiver.run(api)
    posted(api, len(told))

    last = receiver.run(api)

    told_of = [receiver.next().prediction for _ in range(len(told) + 1)]
    assert [each["status"] for each in told_of] == [*told, "completed"]
    assert told_of[-1]["id"] == last["id"]


def test_a_webhook_is_decided_by_the_prompt_or_the_model_too(api: Api, receiver: Receiver) -> None:
    match = {"prompt": "fox", "model": TEXT}
    api.provider.fault("webhook.wrong_secret", match=match)
    receiver.run(api, "a hen")
    posted(api, 1)
    receiver.run(api, "a fox")

    verdicts = [receiver.next().verdict(api.provider.webhook_secret()) for _ in range(2)]

    assert verdicts == ["genuine", "forged"]
