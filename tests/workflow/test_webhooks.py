"""Webhooks cut a wait short: first, during it, late, twice, forged or never; a poll decides."""

from typing import Any

import pytest

from tests.workflow.answers import completed, failed, standing
from tests.workflow.cloud import FAIL, FINALIZE, LISTEN, LISTENS, LISTENS_AGAIN, SUBMIT, Cloud
from tests.workflow.scenes import call_at, finish, once

WOKEN = [*SUBMIT, *LISTEN, *FINALIZE, "Done"]


@pytest.mark.parametrize("seconds", [1, 40, 59])
def test_a_webhook_ends_the_wait(wait_for_webhook: Cloud, seconds: int) -> None:
    wait_for_webhook.provider.takes(seconds)
    job_id = wait_for_webhook.request()
    told = call_at(wait_for_webhook, seconds)

    run = finish(wait_for_webhook, job_id)

    assert told == [204]
    assert run.end == ("SUCCEEDED", None)
    assert run.states == WOKEN
    assert wait_for_webhook.clock.waits == [seconds]
    assert run.job.checks == 1


def test_one_that_comes_before_the_wait_begins_is_not_missed(wait_for_webhook: Cloud) -> None:
    """It came after the answer was recorded, and before Listen could leave its token."""
    job_id = wait_for_webhook.request()
    once(wait_for_webhook, "Submit: after PutEvents", wait_for_webhook.call_back)

    run = finish(wait_for_webhook, job_id)

    assert run.states == WOKEN
    assert wait_for_webhook.clock.waits == []
    assert "ConditionalCheckFailed" in run.history
    assert (run.job.woken_at, run.job.wake_token) == (None, None)


def test_one_that_never_comes_is_not_waited_for(wait_for_webhook: Cloud) -> None:
    run = wait_for_webhook.run()

    assert run.end == ("SUCCEEDED", None)
    assert run.states == WOKEN
    assert wait_for_webhook.clock.waits == [LISTENS]


def test_the_provider_is_asked_now_and_then_whatever_becomes_of_webhooks(
    wait_for_webhook: Cloud,
) -> None:
    wait_for_webhook.provider.takes(200)

    run = wait_for_webhook.run()

    assert run.states == [*SUBMIT, *LISTEN * 5, *FINALIZE, "Done"]
    assert wait_for_webhook.clock.waits == [LISTENS, LISTENS_AGAIN, 32, 42, 54]


def test_one_that_comes_during_a_check_is_not_forgotten_by_it(wait_for_webhook: Cloud) -> None:
    """The provider is asked, finishes and calls, and only then what it had answered is recorded."""
    wait_for_webhook.provider.checks(standing("processing"), completed())
    job_id = wait_for_webhook.request()
    once(wait_for_webhook, "Check: after GET", wait_for_webhook.call_back)

    run = finish(wait_for_webhook, job_id)

    assert run.states == [*SUBMIT, *LISTEN * 2, *FINALIZE, "Done"]
    assert wait_for_webhook.clock.waits == [LISTENS]


@pytest.mark.parametrize("moment", ["Check: after TransactWriteItems", "Finalize: after PutObject"])
def test_one_that_comes_when_nothing_waits_changes_nothing(
    wait_for_webhook: Cloud, moment: str
) -> None:
    job_id = wait_for_webhook.request()
    once(wait_for_webhook, moment, wait_for_webhook.call_back)

    run = finish(wait_for_webhook, job_id)

    assert run.end == ("SUCCEEDED", None)
    assert run.states == WOKEN


def test_one_that_comes_after_the_end_changes_nothing(wait_for_webhook: Cloud) -> None:
    before = wait_for_webhook.run()

    assert [wait_for_webhook.call_back(), wait_for_webhook.call_back()] == [204, 204]

    assert wait_for_webhook.job(before.job.job_id) == before.job
    assert wait_for_webhook.events(before.job.job_id) == before.events


def test_twice_the_same_wakes_once(wait_for_webhook: Cloud) -> None:
    wait_for_webhook.provider.checks(standing("processing"), completed())
    job_id = wait_for_webhook.request()
    told = [*[call_at(wait_for_webhook, 10) for _ in range(2)], call_at(wait_for_webhook, 200)]

    run = finish(wait_for_webhook, job_id)

    assert told == [[204]] * 3
    assert run.states == [*SUBMIT, *LISTEN * 2, *FINALIZE, "Done"]
    assert wait_for_webhook.clock.waits == [10, LISTENS - 10]


@pytest.mark.parametrize(
    "forged",
    [
        {"secret": "whsec_of_somebody_else"},
        {"late": 301},
        {"late": -301},
    ],
)
def test_a_forged_or_stale_one_is_refused_and_wakes_nobody(
    wait_for_webhook: Cloud, forged: dict[str, Any]
) -> None:
    job_id = wait_for_webhook.request()
    told = call_at(wait_for_webhook, 5, **forged)

    run = finish(wait_for_webhook, job_id)

    assert told == [401]
    assert wait_for_webhook.clock.waits == [LISTENS]
    assert run.end == ("SUCCEEDED", None)


def test_one_that_lies_wakes_and_decides_nothing(wait_for_webhook: Cloud) -> None:
    wait_for_webhook.provider.takes(200)
    job_id = wait_for_webhook.request()
    call_at(wait_for_webhook, 5)

    run = finish(wait_for_webhook, job_id)

    assert wait_for_webhook.clock.waits[:3] == [5, LISTENS - 5, LISTENS_AGAIN]
    assert run.states == [
        *SUBMIT,
        *LISTEN * len(wait_for_webhook.clock.waits),
        *FINALIZE,
        "Done",
    ]


@pytest.mark.parametrize("said", [{"id": "another"}, {"id": ""}, {"id": None}])
def test_one_about_another_prediction_wakes_nobody(
    wait_for_webhook: Cloud, said: dict[str, object]
) -> None:
    job_id = wait_for_webhook.request()
    told = call_at(wait_for_webhook, 5, **said)

    finish(wait_for_webhook, job_id)

    assert told == [204]
    assert wait_for_webhook.clock.waits == [LISTENS]


def test_a_secret_that_was_changed_is_read_again(wait_for_webhook: Cloud) -> None:
    wait_for_webhook.provider.takes(50)
    first = wait_for_webhook.request(event_id="event-1")
    told = call_at(wait_for_webhook, 50, number=0)
    finish(wait_for_webhook, first)
    wait_for_webhook.provider.secret = "whsec_another"

    second = wait_for_webhook.request(event_id="event-2")
    told_too = call_at(wait_for_webhook, 50)
    run = finish(wait_for_webhook, second)

    assert told == told_too == [204]
    assert run.states == WOKEN
    assert wait_for_webhook.clock.waits == [50, 50]


def test_a_prediction_that_failed_is_told_of_as_well(wait_for_webhook: Cloud) -> None:
    wait_for_webhook.provider.checks(failed("content policy"))
    job_id = wait_for_webhook.request()
    call_at(wait_for_webhook, 20, status="failed", outputs=None)

    run = finish(wait_for_webhook, job_id)

    assert run.end == ("FAILED", "moderated")
    assert run.states == [*SUBMIT, *LISTEN, *FAIL]
    assert wait_for_webhook.clock.waits == [20]
