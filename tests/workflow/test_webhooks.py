"""Webhooks that arrive early, during the wait, late, twice, forged or never; a poll decides."""

from typing import Any

import pytest

from tests.workflow.actions import deliver_webhook_at, finish, run_once_at
from tests.workflow.cloud import (
    AWAIT_WEBHOOK,
    FAIL,
    NEXT_WEBHOOK_WAIT,
    SUBMIT,
    WEBHOOK_PATH,
    WEBHOOK_WAIT,
    Cloud,
)
from tests.workflow.responses import completed, failed, status_response


@pytest.mark.parametrize("seconds", [1, 40, 59])
def test_webhook_ends_the_wait(webhook_cloud: Cloud, seconds: int) -> None:
    webhook_cloud.provider.set_duration(seconds)
    job_id = webhook_cloud.request()
    statuses = deliver_webhook_at(webhook_cloud, seconds)

    run = finish(webhook_cloud, job_id)

    assert statuses == [204]
    assert run.outcome == ("SUCCEEDED", None)
    assert run.states == WEBHOOK_PATH
    assert webhook_cloud.clock.waits == [seconds]
    assert run.job.checks == 1


def test_webhook_before_the_wait_skips_the_wait(webhook_cloud: Cloud) -> None:
    """The webhook arrives after the submit and before WaitForWebhook has written its token."""
    job_id = webhook_cloud.request()
    run_once_at(webhook_cloud, "Submit: after PutEvents", webhook_cloud.deliver_webhook)

    run = finish(webhook_cloud, job_id)

    assert run.states == WEBHOOK_PATH
    assert webhook_cloud.clock.waits == []
    assert "ConditionalCheckFailed" in run.history
    assert (run.job.woken_at, run.job.wake_token) == (None, None)


def test_missing_webhook_is_replaced_by_a_poll(webhook_cloud: Cloud) -> None:
    run = webhook_cloud.run()

    assert run.outcome == ("SUCCEEDED", None)
    assert run.states == WEBHOOK_PATH
    assert webhook_cloud.clock.waits == [WEBHOOK_WAIT]


def test_provider_is_polled_repeatedly_without_a_webhook(
    webhook_cloud: Cloud,
) -> None:
    webhook_cloud.provider.set_duration(200)

    run = webhook_cloud.run()

    assert run.states == [*SUBMIT, *AWAIT_WEBHOOK * 5, "Done"]
    assert webhook_cloud.clock.waits == [WEBHOOK_WAIT, NEXT_WEBHOOK_WAIT, 32, 42, 54]


def test_webhook_during_a_poll_causes_another_poll(webhook_cloud: Cloud) -> None:
    """The webhook arrives after the poll response and before Finalize has recorded it."""
    webhook_cloud.provider.script_polls(status_response("processing"), completed())
    job_id = webhook_cloud.request()
    run_once_at(webhook_cloud, "Finalize: after GET", webhook_cloud.deliver_webhook)

    run = finish(webhook_cloud, job_id)

    assert run.states == [*SUBMIT, *AWAIT_WEBHOOK * 2, "Done"]
    assert webhook_cloud.clock.waits == [WEBHOOK_WAIT]


@pytest.mark.parametrize(
    "point", ["Finalize: after TransactWriteItems", "Finalize: after PutObject"]
)
def test_webhook_without_a_wait_changes_nothing(webhook_cloud: Cloud, point: str) -> None:
    job_id = webhook_cloud.request()
    run_once_at(webhook_cloud, point, webhook_cloud.deliver_webhook)

    run = finish(webhook_cloud, job_id)

    assert run.outcome == ("SUCCEEDED", None)
    assert run.states == WEBHOOK_PATH


def test_webhook_after_the_end_changes_nothing(webhook_cloud: Cloud) -> None:
    run_before = webhook_cloud.run()

    assert [webhook_cloud.deliver_webhook(), webhook_cloud.deliver_webhook()] == [204, 204]

    assert webhook_cloud.job(run_before.job.job_id) == run_before.job
    assert webhook_cloud.events(run_before.job.job_id) == run_before.events


def test_repeated_webhook_ends_one_wait(webhook_cloud: Cloud) -> None:
    webhook_cloud.provider.script_polls(status_response("processing"), completed())
    job_id = webhook_cloud.request()
    statuses = [
        *[deliver_webhook_at(webhook_cloud, 10) for _ in range(2)],
        deliver_webhook_at(webhook_cloud, 200),
    ]

    run = finish(webhook_cloud, job_id)

    assert statuses == [[204]] * 3
    assert run.states == [*SUBMIT, *AWAIT_WEBHOOK * 2, "Done"]
    assert webhook_cloud.clock.waits == [10, WEBHOOK_WAIT - 10]


@pytest.mark.parametrize(
    "forged",
    [
        {"secret": "whsec_of_another_account"},
        {"age_seconds": 301},
        {"age_seconds": -301},
    ],
)
def test_forged_or_stale_webhook_returns_401_and_ends_no_wait(
    webhook_cloud: Cloud, forged: dict[str, Any]
) -> None:
    job_id = webhook_cloud.request()
    statuses = deliver_webhook_at(webhook_cloud, 5, **forged)

    run = finish(webhook_cloud, job_id)

    assert statuses == [401]
    assert webhook_cloud.clock.waits == [WEBHOOK_WAIT]
    assert run.outcome == ("SUCCEEDED", None)


def test_premature_webhook_ends_the_wait_but_not_the_job(webhook_cloud: Cloud) -> None:
    webhook_cloud.provider.set_duration(200)
    job_id = webhook_cloud.request()
    deliver_webhook_at(webhook_cloud, 5)

    run = finish(webhook_cloud, job_id)

    assert webhook_cloud.clock.waits[:3] == [5, WEBHOOK_WAIT - 5, NEXT_WEBHOOK_WAIT]
    assert run.states == [*SUBMIT, *AWAIT_WEBHOOK * len(webhook_cloud.clock.waits), "Done"]


@pytest.mark.parametrize("fields", [{"id": "another"}, {"id": ""}, {"id": None}])
def test_webhook_of_another_prediction_ends_no_wait(
    webhook_cloud: Cloud, fields: dict[str, object]
) -> None:
    job_id = webhook_cloud.request()
    statuses = deliver_webhook_at(webhook_cloud, 5, **fields)

    finish(webhook_cloud, job_id)

    assert statuses == [204]
    assert webhook_cloud.clock.waits == [WEBHOOK_WAIT]


def test_rotated_secret_is_read_again(webhook_cloud: Cloud) -> None:
    webhook_cloud.provider.set_duration(50)
    first = webhook_cloud.request(event_id="event-1")
    statuses = deliver_webhook_at(webhook_cloud, 50, number=0)
    finish(webhook_cloud, first)
    webhook_cloud.provider.secret = "whsec_another"

    second = webhook_cloud.request(event_id="event-2")
    second_statuses = deliver_webhook_at(webhook_cloud, 50)
    run = finish(webhook_cloud, second)

    assert statuses == second_statuses == [204]
    assert run.states == WEBHOOK_PATH
    assert webhook_cloud.clock.waits == [50, 50]


def test_webhook_of_a_failed_prediction_fails_the_job(webhook_cloud: Cloud) -> None:
    webhook_cloud.provider.script_polls(failed("content policy"))
    job_id = webhook_cloud.request()
    deliver_webhook_at(webhook_cloud, 20, status="failed", outputs=None)

    run = finish(webhook_cloud, job_id)

    assert run.outcome == ("FAILED", "moderated")
    assert run.states == [*SUBMIT, *AWAIT_WEBHOOK, *FAIL]
    assert webhook_cloud.clock.waits == [20]
