"""Ways that jobs go, each with every change that handlers make on it, for deaths at each moment."""

from collections.abc import Callable
from dataclasses import dataclass

import httpx

from tests.workflow.answers import failed, html, problem
from tests.workflow.cloud import Cloud
from tests.workflow.provider import Taken

OK = 204
_ADMITTED = "Submit: TransactWriteItems"  # `submitting`, and out of the line
_PUT_BACK = "Submit: TransactWriteItems"  # `queued`, and into the line
_RECORDED = ["Submit: TransactWriteItems", "Submit: PutEvents"]  # `submitted`, with its claim
_POST = "Submit: POST"
_BREAKER = "Submit: UpdateItem"
_CHECK = ["Check: TransactWriteItems"]  # seen done, and out of the line
_STORE = ["Finalize: PutObject", "Finalize: PutObject"]
_END = ["UpdateItem", "PutEvents", "UpdateItem"]  # ended, told, marked as told
DOOR = ["OnRequest: TransactWriteItems", "OnRequest: StartExecution"]


_SUBMIT = [_ADMITTED, _POST, *_RECORDED]
_FINALIZE = [*_STORE, *(f"Finalize: {change}" for change in _END)]
# A job that the provider has not made leaves the line as it ends.
_BROKEN = ["Check: UpdateItem", "Fail: TransactWriteItems", "Fail: PutEvents", "Fail: UpdateItem"]
# What a rule finds of a job that has been closed, it leaves.
_WAKE = ["OnWebhook: UpdateItem", "OnWebhook: SendTaskSuccess"]


def _nothing(_: Cloud) -> None: ...


def _listens(cloud: Cloud) -> None:
    cloud.listen()
    cloud.provider.takes(30)
    _calls(cloud, 30)


def _calls(cloud: Cloud, seconds: float) -> None:
    """The provider calls, and once more if nobody answers; if there is a prediction by then."""

    def call() -> None:
        if cloud.provider.made and cloud.call_back() != OK:
            cloud.call_back()

    cloud.clock.at(seconds, call)


def _breaks(cloud: Cloud) -> None:
    cloud.provider.checks(failed("the model broke"))


def _put_off(cloud: Cloud) -> None:
    cloud.provider.submits(problem(429, retry_after="5"), Taken())


def _stopped(cloud: Cloud) -> None:
    cloud.provider.submits(problem(402), Taken())


def _lost(cloud: Cloud) -> None:
    cloud.provider.submits(Taken(httpx.ReadTimeout), Taken())


def _told_of(cloud: Cloud) -> None:
    """The answer is lost, and its webhook comes before the list can be read."""
    cloud.listen()
    cloud.provider.submits(Taken(httpx.ReadTimeout), Taken())
    cloud.provider.lists(html(502), html(502), cloud.provider.listing)
    _calls(cloud, 5)


@dataclass(frozen=True)
class Scenario:
    """One way; `changes` are all of them, in order, from the request to the end."""

    arrange: Callable[[Cloud], None]
    changes: list[str]
    status: str = "completed"
    is_taken: bool = True  # the first POST

    def is_doubtful(self, index: int, when: str) -> bool:
        """Tell whether a death then leaves `submitting`, and nothing that the provider has made."""
        number = 2 * index + (when == "after")
        posts = [2 * n for n, change in enumerate(self.changes) if change == _POST]
        # Up to the POST; up to the note that it was refused.
        ends = [post + (2 if post == posts[0] and not self.is_taken else 0) for post in posts]
        return any(post - 1 <= number <= end for post, end in zip(posts, ends, strict=True))


SCENARIOS = {
    "straight": Scenario(_nothing, [*DOOR, *_SUBMIT, *_CHECK, *_FINALIZE]),
    "listens": Scenario(_listens, [*DOOR, *_SUBMIT, *_WAKE, *_CHECK, *_FINALIZE]),
    "breaks": Scenario(_breaks, [*DOOR, *_SUBMIT, *_BROKEN], "failed"),
    "put off": Scenario(
        _put_off,
        [*DOOR, _ADMITTED, _POST, _PUT_BACK, *_SUBMIT, *_CHECK, *_FINALIZE],
        is_taken=False,
    ),
    "stopped": Scenario(
        _stopped,
        [
            *DOOR,
            _ADMITTED,
            _POST,
            _PUT_BACK,
            *_SUBMIT,
            _BREAKER,
            *_CHECK,
            *_FINALIZE,
        ],
        is_taken=False,
    ),
    "lost": Scenario(_lost, [*DOOR, _ADMITTED, _POST, _BREAKER, *_RECORDED, *_CHECK, *_FINALIZE]),
    "told of": Scenario(
        _told_of,
        [
            *DOOR,
            _ADMITTED,
            _POST,
            _BREAKER,
            "OnWebhook: TransactWriteItems",
            "OnWebhook: UpdateItem",
            "Submit: PutEvents",
            *_CHECK,
            *_FINALIZE,
        ],
    ),
}
