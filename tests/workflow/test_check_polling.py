"""In-function polling: without webhooks, Check polls until the job ends or its time is over."""

import pytest

from tests.workflow.cloud import CHECK, FAIL, FINALIZE, REQUEST, SUBMIT, SUCCESS_PATH, Cloud
from tests.workflow.lambdas import Fault
from tests.workflow.responses import completed, html, status_response

POLL_SECONDS = 300


@pytest.fixture
def polling_cloud(cloud: Cloud) -> Cloud:
    """Return the deployment with the default CheckPollSeconds."""
    cloud.configure(CHECK_POLL_SECONDS=str(POLL_SECONDS))
    return cloud


@pytest.mark.parametrize("duration", [1, 24, 40, 60, 200])
def test_job_takes_eight_transitions_for_any_duration(
    polling_cloud: Cloud, duration: float
) -> None:
    polling_cloud.provider.set_duration(duration)

    run = polling_cloud.run()

    assert run.outcome == ("SUCCEEDED", None)
    assert run.states == SUCCESS_PATH
    assert len(run.states) == 8
    assert run.job.provider_completed_at is not None
    assert run.job.submitted_at is not None
    detected_after = (run.job.provider_completed_at - run.job.submitted_at).total_seconds()
    assert detected_after - max(duration, polling_cloud.clock.waits[0]) <= (
        1.25 if duration <= 60 else 30
    )
    assert run.job.checks == len(polling_cloud.clock.sleeps) + 1


def test_provider_duration_is_measured_to_half_a_poll_interval(polling_cloud: Cloud) -> None:
    polling_cloud.provider.set_duration(40)

    run = polling_cloud.run()

    assert run.job.took_seconds == pytest.approx(40, abs=0.7)


def test_long_prediction_is_polled_by_a_second_check(polling_cloud: Cloud) -> None:
    polling_cloud.provider.set_duration(500)

    run = polling_cloud.run()

    assert run.outcome == ("SUCCEEDED", None)
    assert run.states == [*SUBMIT, *CHECK * 2, *FINALIZE, "Done"]
    assert sum(polling_cloud.clock.sleeps) <= 2 * POLL_SECONDS


def test_last_poll_is_at_the_deadline(polling_cloud: Cloud) -> None:
    polling_cloud.provider.script_polls(status_response("processing"))

    run = polling_cloud.run({**REQUEST, "deadline_seconds": 120})

    assert run.outcome == ("FAILED", "deadline_exceeded")
    assert run.states == [*SUBMIT, *CHECK, *FAIL]
    assert run.job.submitted_at is not None
    assert run.job.ended_at is not None
    assert (run.job.ended_at - run.job.submitted_at).total_seconds() == pytest.approx(120)


def test_unreadable_polls_are_retried_within_the_check(polling_cloud: Cloud) -> None:
    polling_cloud.provider.script_polls(
        html(502), html(502), status_response("processing"), completed()
    )

    run = polling_cloud.run()

    assert run.states == SUCCESS_PATH
    assert polling_cloud.clock.sleeps[:2] == [2, 4]


def test_unreadable_provider_fails_the_job_within_the_check(polling_cloud: Cloud) -> None:
    polling_cloud.provider.script_polls(html(502))

    run = polling_cloud.run()

    assert run.outcome == ("FAILED", "provider_unavailable")
    assert run.states == [*SUBMIT, *CHECK, *FAIL]
    assert 120 <= sum(polling_cloud.clock.sleeps) <= POLL_SECONDS


def test_crashed_check_is_repeated_without_a_second_submit(polling_cloud: Cloud) -> None:
    polling_cloud.provider.set_duration(60)
    polling_cloud.lambdas.faults("CheckFunction", [Fault.CRASH_AFTER])

    run = polling_cloud.run()

    assert run.outcome == ("SUCCEEDED", None)
    assert len(run.posts) == 1


def test_check_does_not_poll_with_webhooks(polling_cloud: Cloud) -> None:
    polling_cloud.enable_webhooks()
    polling_cloud.provider.set_duration(60)

    polling_cloud.run()

    assert polling_cloud.clock.sleeps == []


def test_output_of_a_job_canceled_during_polling_is_stored(polling_cloud: Cloud) -> None:
    polling_cloud.provider.set_duration(60)
    job_id = polling_cloud.request()
    polling_cloud.clock.schedule(40, lambda: polling_cloud.cancel(job_id))
    polling_cloud.machine.run_pending()
    polling_cloud.deliver_end_event(job_id)

    run = polling_cloud.inspect(job_id)

    assert run.outcome == ("FAILED", "canceled")
    assert len(run.job.assets) == 1
