"""An execution's history holds 25,000 events, and one more ends it: however long a job takes, and
whatever it waits for, it stays below.
"""

from collections.abc import Iterator

import pytest

from darkroom.domain import breaker, polling
from darkroom.domain.durations import Expected, published
from darkroom.domain.requests import Quality, Resolution
from darkroom.domain.submit_queue import AHEAD
from darkroom.usecases import submit_job
from tests.infra.template import definition, parameters

MOST = 25_000
# On AWS, for a visit of each kind of state: entered, exited, and what happens in between.
EVENTS = {"Task": 5, "WaitForWebhook": 6, "Wait": 2, "Choice": 2, "Succeed": 2, "Fail": 1}
# Besides waiting: a submit, copies of the output with their waits, an end; and every retry once.
REST = 2_000
KINDS = [{"quality": q, "resolution": r} for q in Quality for r in Resolution]


def limit(name: str, bound: str) -> int:
    return int(parameters()[name][bound])


def events(*names: str) -> int:
    states = definition()["States"]
    return sum(
        EVENTS["WaitForWebhook" if n == "WaitForWebhook" else states[n]["Type"]] for n in names
    )


PUT_OFF = events("Submit", "SubmitResult", "WaitForSlot")
LOOKED = events("WaitBeforeCheck", "Check", "CheckResult")
LISTENED = events("WaitForWebhook", "Check", "CheckResult")


def stopped_for(base: int) -> float:
    """The mean wait of a job behind a breaker that never closes: open, and then somebody tries."""
    opened = base * breaker._MOST
    tries = breaker._PROBE_SECONDS  # for so long at the most
    turns = 1 + tries / breaker._LOOK_SECONDS
    return (opened + tries) / turns


# What a job may meet each time that it asks to be sent, for as long as it may queue.
WAITS = {
    "switched off": submit_job._STOPPED_WAIT,
    "throttled": polling.throttled_wait(None),
    "breaker": stopped_for(limit("BreakerSeconds", "Default")),
    "no connection": polling.unsent_wait(100),
}
# Shorter ones, that only a job's patience keeps from filling its history.
SHORT_WAITS = {
    "throttled for a second": polling.throttled_wait(1),
    "a full house of many": AHEAD + 1,
    "a breaker of a second": stopped_for(limit("BreakerSeconds", "MinValue")),
}


def turns(wait: float) -> int:
    """How often a job asks that is put off so long each time, until it may not queue any more."""
    count, queued = 0, 0
    while queued < limit("MaxQueueSeconds", "MaxValue"):
        queued += polling.patient_wait(int(wait), count)
        count += 1
    return count


def looks(deadline: int) -> Iterator[float]:
    """Give the waits of a job that never ends, each look a check, every other one unreadable."""
    elapsed, checks = 0.0, 0
    while elapsed < deadline:
        wait = polling.next_wait(elapsed, deadline - elapsed)
        if checks % 2:
            wait = min(wait, polling.unreadable_wait(1))
        yield wait
        elapsed, checks = elapsed + wait, checks + 1


def listens(kind: Expected, deadline: int) -> Iterator[float]:
    """Give the waits of a job whose webhook never comes."""
    elapsed = 0.0
    while elapsed < deadline:
        wait = polling.webhook_wait(elapsed, kind, deadline - elapsed)
        yield wait
        elapsed += wait


def worst_of_looks() -> int:
    return LOOKED * len(list(looks(limit("MaxDeadlineSeconds", "MaxValue"))))


@pytest.mark.parametrize(
    "wait", [pytest.param(w, id=name) for name, w in (WAITS | SHORT_WAITS).items()]
)
def test_the_longest_queue_and_the_longest_deadline_fit_into_a_history(wait: float) -> None:
    assert PUT_OFF * turns(wait) + worst_of_looks() + REST < MOST


@pytest.mark.parametrize("bound", ["Default", "MinValue", "MaxValue"])
def test_the_longest_deadline_takes_a_small_part_of_a_history(bound: str) -> None:
    scale = float(parameters()["DurationScale"][bound])
    deadline = limit("MaxDeadlineSeconds", "MaxValue")

    assert worst_of_looks() < MOST / 5
    for kind in KINDS:
        assert LISTENED * len(list(listens(published(kind, scale), deadline))) < MOST / 5


def test_an_unanswered_submit_is_looked_for_a_bounded_time() -> None:
    for scale in (0.01, 1, 100):
        searched, turns = 0.0, 0
        while (wait := polling.search_wait(searched, scale, was_read=False)) is not None:
            searched, turns = searched + wait, turns + 1
        assert turns * PUT_OFF < MOST / 5


def test_a_turn_is_what_step_functions_writes_of_it() -> None:
    assert (PUT_OFF, LOOKED, LISTENED) == (9, 9, 13)
