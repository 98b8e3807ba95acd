"""The longest job and batch stay below 25,000 events, the limit of an execution's history."""

from collections.abc import Iterator

import pytest

from darkroom import app
from darkroom.domain import breaker, polling
from darkroom.domain.batch import collect_interval
from darkroom.domain.durations import ExpectedDuration, published
from darkroom.domain.requests import MAX_DEADLINE_SECONDS, Quality, Resolution
from darkroom.domain.submit_queue import AHEAD
from darkroom.usecases.jobs import submit_job
from tests.infra.template import definition, parameters
from tests.infra.test_batch_machine import COLLECT_BRANCH, MACHINE

MAX_EVENTS = 25_000
# Events that AWS writes per visit of a state, by state type.
EVENTS = {"Task": 5, "WaitForWebhook": 6, "Wait": 2, "Choice": 2, "Succeed": 2, "Fail": 1}
# Events outside the loops: submit, output copies with their waits, the end, and each retry once.
OTHER_EVENTS = 2_000
IMAGE_KINDS = [{"quality": q, "resolution": r} for q in Quality for r in Resolution]


def limit(name: str, bound: str) -> int:
    return int(parameters()[name][bound])


def events(*names: str) -> int:
    states = definition()["States"]
    return sum(
        EVENTS["WaitForWebhook" if n == "WaitForWebhook" else states[n]["Type"]] for n in names
    )


DEFERRED_EVENTS = events("Submit", "SubmitResult", "WaitForSlot")
POLL_EVENTS = events("WaitBeforeCheck", "Check", "CheckResult")
WEBHOOK_WAIT_EVENTS = events("WaitForWebhook", "Finalize", "FinalizeResult")


# One round of the branch that collects a batch: all of its states but the end.
COLLECT_EVENTS = sum(
    EVENTS[state["Type"]]
    for state in COLLECT_BRANCH["States"].values()
    if state["Type"] != "Succeed"
)


def breaker_wait(base: float) -> float:
    """Return the mean wait, in seconds, of a job behind a circuit breaker that never closes."""
    open_seconds = base * breaker._MAX_BACKOFF
    probe_seconds = breaker.PROBE_SECONDS  # maximum duration of a probe
    attempts = 1 + probe_seconds / breaker._PROBE_POLL_SECONDS
    return (open_seconds + probe_seconds) / attempts


# Waits that can repeat at each submit attempt for the whole queue time, in seconds.
WAITS = {
    "submits disabled": submit_job._DISABLED_WAIT,
    "throttled": polling.throttled_wait(None),
    "breaker": breaker_wait(app.BREAKER_SECONDS),
    "no connection": polling.unsent_wait(100),
}
# Shorter waits, which the growing minimum wait keeps from filling the history.
SHORT_WAITS = {
    "throttled for one second": polling.throttled_wait(1),
    "in-flight limit reached": AHEAD + 1,
    "breaker at the fastest scale": breaker_wait(
        app.BREAKER_SECONDS * parameters()["DurationScale"]["MinValue"]
    ),
}


def deferral_count(wait: float) -> int:
    """Return how often a job is deferred by `wait` seconds until its queue time is over."""
    count, queued = 0, 0
    while queued < limit("MaxQueueSeconds", "MaxValue"):
        queued += polling.deferral_wait(int(wait), count)
        count += 1
    return count


def poll_waits(deadline: int) -> Iterator[float]:
    """Yield the waits of a job that never ends and whose every second poll is unreadable."""
    elapsed, checks = 0.0, 0
    while elapsed < deadline:
        wait = polling.next_wait(elapsed, deadline - elapsed)
        if checks % 2:
            wait = min(wait, polling.unreadable_wait(1))
        yield wait
        elapsed, checks = elapsed + wait, checks + 1


def webhook_waits(kind: ExpectedDuration, deadline: int) -> Iterator[float]:
    """Yield the waits of a job whose webhook never arrives."""
    elapsed = 0.0
    while elapsed < deadline:
        wait = polling.webhook_wait(elapsed, kind, deadline - elapsed)
        yield wait
        elapsed += wait


def most_poll_events() -> int:
    return POLL_EVENTS * len(list(poll_waits(MAX_DEADLINE_SECONDS)))


@pytest.mark.parametrize(
    "wait", [pytest.param(w, id=name) for name, w in (WAITS | SHORT_WAITS).items()]
)
def test_longest_queue_time_and_deadline_fit_into_the_history(wait: float) -> None:
    assert DEFERRED_EVENTS * deferral_count(wait) + most_poll_events() + OTHER_EVENTS < MAX_EVENTS


@pytest.mark.parametrize("bound", ["Default", "MinValue", "MaxValue"])
def test_longest_deadline_takes_less_than_a_fifth_of_the_history(bound: str) -> None:
    scale = float(parameters()["DurationScale"][bound])
    deadline = MAX_DEADLINE_SECONDS

    assert most_poll_events() < MAX_EVENTS / 5
    for kind in IMAGE_KINDS:
        assert (
            WEBHOOK_WAIT_EVENTS * len(list(webhook_waits(published(kind, scale), deadline)))
            < MAX_EVENTS / 5
        )


def test_recovery_of_an_ambiguous_submit_is_bounded() -> None:
    for scale in (0.01, 1, 100):
        searched, attempts = 0.0, 0
        while (wait := polling.search_wait(searched, scale, was_read=False)) is not None:
            searched, attempts = searched + wait, attempts + 1
        assert attempts * DEFERRED_EVENTS < MAX_EVENTS / 5


def test_batch_with_one_slow_row_fits_into_the_history_until_its_timeout() -> None:
    """The worst case: each estimate says that the last row ends at once."""
    elapsed, rounds = 0, 0
    while elapsed < MACHINE["TimeoutSeconds"]:
        elapsed, rounds = elapsed + collect_interval(0, elapsed), rounds + 1

    assert rounds * COLLECT_EVENTS + OTHER_EVENTS < MAX_EVENTS
