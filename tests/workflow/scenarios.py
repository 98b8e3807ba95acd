"""Scenarios of jobs with all writes of their handlers, for crash tests at each write."""

from collections.abc import Callable
from dataclasses import dataclass

import httpx

from tests.workflow.cloud import Cloud
from tests.workflow.provider import Accepted
from tests.workflow.responses import error_response, failed, html

OK = 204
_ACQUIRE_SLOT = "Submit: TransactWriteItems"  # status `submitting`, out of the queue
_REQUEUE = "Submit: TransactWriteItems"  # status `queued`, into the queue
# Status `submitted`, with its claim.
_RECORD_SUBMIT = ["Submit: TransactWriteItems", "Submit: PutEvents"]
_POST = "Submit: POST"
_BREAKER = "Submit: UpdateItem"
# Found completed, out of flight: without and with a webhook.
_CHECK, _POLL = ["Check: TransactWriteItems"], ["Finalize: TransactWriteItems"]
_STORE = ["Finalize: PutObject", "Finalize: PutObject"]
_END = ["UpdateItem", "PutEvents", "UpdateItem"]  # ended, published, marked as published
CREATE_JOB = ["OnRequest: TransactWriteItems", "OnRequest: StartExecution"]


_SUBMIT = [_ACQUIRE_SLOT, _POST, *_RECORD_SUBMIT]
# The pause or the breaker concerns every job.
_REFUSED_SUBMIT = [_ACQUIRE_SLOT, _POST, _REQUEUE, _BREAKER]
_FINALIZE = [*_STORE, *(f"Finalize: {change}" for change in _END)]
# A failed job leaves the queue as it ends.
_FAIL_JOB = ["Check: UpdateItem", "Fail: TransactWriteItems", "Fail: PutEvents", "Fail: UpdateItem"]
# OnWebhook records the webhook and ends the wait.
_WEBHOOK = ["OnWebhook: UpdateItem", "OnWebhook: SendTaskSuccess"]


def _no_faults(_: Cloud) -> None: ...


def _with_webhook(cloud: Cloud) -> None:
    cloud.enable_webhooks()
    cloud.provider.set_duration(30)
    _schedule_webhook(cloud, 30)


def _schedule_webhook(cloud: Cloud, seconds: float) -> None:
    """Deliver the webhook if there is a prediction; repeat it once if it fails."""

    def call() -> None:
        if cloud.provider.predictions and cloud.deliver_webhook() != OK:
            cloud.deliver_webhook()

    cloud.clock.schedule(seconds, call)


def _failing_prediction(cloud: Cloud) -> None:
    cloud.provider.script_polls(failed("the model broke"))


def _throttled(cloud: Cloud) -> None:
    cloud.provider.script_submits(error_response(429, retry_after="5"), Accepted())


def _no_credit(cloud: Cloud) -> None:
    cloud.provider.script_submits(error_response(402), Accepted())


def _lost_response(cloud: Cloud) -> None:
    cloud.provider.script_submits(Accepted(httpx.ReadTimeout), Accepted())


def _webhook_before_list(cloud: Cloud) -> None:
    """The response is lost, and the webhook arrives before the list can be read."""
    cloud.enable_webhooks()
    cloud.provider.script_submits(Accepted(httpx.ReadTimeout), Accepted())
    cloud.provider.script_lists(html(502), html(502), cloud.provider.listing)
    _schedule_webhook(cloud, 5)


@dataclass(frozen=True)
class Scenario:
    """A scenario; `changes` are all its writes in order, from the request to the end."""

    arrange: Callable[[Cloud], None]
    changes: list[str]
    status: str = "completed"
    is_accepted: bool = True  # whether the provider accepts the first POST

    def is_ambiguous(self, index: int, when: str) -> bool:
        """Return whether a crash leaves status `submitting` without a known prediction."""
        number = 2 * index + (when == "after")
        posts = [2 * n for n, change in enumerate(self.changes) if change == _POST]
        # Until the POST, or until its refusal is recorded.
        ends = [post + (2 if post == posts[0] and not self.is_accepted else 0) for post in posts]
        return any(post - 1 <= number <= end for post, end in zip(posts, ends, strict=True))


SCENARIOS = {
    "success": Scenario(_no_faults, [*CREATE_JOB, *_SUBMIT, *_CHECK, *_FINALIZE]),
    "webhook": Scenario(_with_webhook, [*CREATE_JOB, *_SUBMIT, *_WEBHOOK, *_POLL, *_FINALIZE]),
    "prediction fails": Scenario(
        _failing_prediction, [*CREATE_JOB, *_SUBMIT, *_FAIL_JOB], "failed"
    ),
    "throttled": Scenario(
        _throttled,
        [*CREATE_JOB, *_REFUSED_SUBMIT, *_SUBMIT, *_CHECK, *_FINALIZE],
        is_accepted=False,
    ),
    "no credit": Scenario(
        _no_credit,
        [*CREATE_JOB, *_REFUSED_SUBMIT, *_SUBMIT, _BREAKER, *_CHECK, *_FINALIZE],
        is_accepted=False,
    ),
    "response lost": Scenario(
        _lost_response,
        [*CREATE_JOB, _ACQUIRE_SLOT, _POST, _BREAKER, *_RECORD_SUBMIT, *_CHECK, *_FINALIZE],
    ),
    "webhook before list": Scenario(
        _webhook_before_list,
        [
            *CREATE_JOB,
            _ACQUIRE_SLOT,
            _POST,
            _BREAKER,
            "OnWebhook: TransactWriteItems",
            "OnWebhook: UpdateItem",
            "Submit: PutEvents",
            *_POLL,
            *_FINALIZE,
        ],
    ),
}
