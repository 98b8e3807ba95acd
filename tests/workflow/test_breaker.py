"""Circuit breaker: failures of the account or provider defer jobs, and one job probes."""

import boto3
import httpx
import pytest

from darkroom.adapters.dynamodb.queue import QueueTable
from tests.workflow.actions import finish
from tests.workflow.clock import START
from tests.workflow.cloud import DEFER, FAIL, SUBMIT, SUCCESS_PATH, Cloud
from tests.workflow.deployment import TABLE
from tests.workflow.provider import Accepted
from tests.workflow.responses import ROTATED_KEY, error_response, failed, html

NO_CREDIT = [
    error_response(402, "no money"),
    error_response(400, "Insufficient credits. Please top up."),
]


def is_closed(cloud: Cloud) -> bool:
    """Return whether the circuit breaker is closed."""
    return QueueTable(boto3.client("dynamodb"), TABLE).read_provider().is_closed


def creation_times(cloud: Cloud) -> list[float]:
    """Return the creation time of each prediction, in seconds from the start."""
    return [
        (prediction.created_at - START).total_seconds() for prediction in cloud.provider.predictions
    ]


def test_job_with_a_refused_key_completes_after_the_key_is_replaced(cloud: Cloud) -> None:
    cloud.provider.key = ROTATED_KEY
    job_id = cloud.request()
    cloud.clock.schedule(20, lambda: cloud.rotate_key(ROTATED_KEY))

    run = finish(cloud, job_id)

    assert run.outcome == ("SUCCEEDED", None)
    # Requeued, deferred until the breaker period is over, then submitted as the probe.
    assert run.states == [*DEFER * 2, *SUCCESS_PATH]
    assert cloud.clock.waits[:2] == [1, 29]
    # Each attempt uses the cached key and then a fresh one.
    assert [post.is_proven for post in run.posts] == [True, True, True, False]
    assert is_closed(cloud)


@pytest.mark.parametrize("response", NO_CREDIT)
def test_missing_credit_stops_the_queue_until_it_is_added(
    cloud: Cloud, response: httpx.Response
) -> None:
    cloud.provider.script_submits(response, Accepted())

    run = cloud.run()

    assert run.outcome == ("SUCCEEDED", None)
    assert run.states == [*DEFER * 2, *SUCCESS_PATH]


def test_only_one_job_probes_an_open_breaker(cloud: Cloud) -> None:
    cloud.provider.script_submits(*[NO_CREDIT[0]] * 3, Accepted())
    ids = [cloud.request(event_id=f"event-{number}") for number in range(6)]

    cloud.machine.run_pending()

    runs = [cloud.inspect(job_id) for job_id in ids]
    assert {run.outcome for run in runs} == {("SUCCEEDED", None)}
    # The breaker is open for 30, 60 and 120 s, with one POST after each period.
    assert min(creation_times(cloud)) >= 30 + 60 + 120
    assert len(cloud.provider.posts) == 3 + 6


def test_later_jobs_wait_while_the_breaker_is_open(cloud: Cloud) -> None:
    cloud.provider.script_submits(NO_CREDIT[0], Accepted())
    cloud.request(event_id="event-1")
    cloud.clock.schedule(10, lambda: cloud.request(event_id="event-2"))

    cloud.machine.run_pending()

    assert min(creation_times(cloud)) >= 30
    assert len(cloud.provider.posts) == 3


@pytest.mark.parametrize(("response", "code"), [(NO_CREDIT[0], "insufficient_credits"),
                                              (error_response(401), "unauthorized")])  # fmt: skip
def test_job_that_waits_too_long_fails_with_the_code_of_the_breaker(
    cloud: Cloud, response: httpx.Response, code: str
) -> None:
    cloud.provider.script_submits(response)

    run = cloud.run()

    assert run.outcome == ("FAILED", code)
    assert run.states[-4:] == [*SUBMIT, *FAIL]
    assert run.events[-1][1]["charged"] == "no"
    assert run.states.count("WaitForSlot") < 25


def test_five_failed_connections_open_the_breaker(cloud: Cloud) -> None:
    cloud.provider.script_submits(*[httpx.ConnectError] * 8, Accepted())
    ids = [cloud.request(event_id=f"event-{number}") for number in range(5)]

    cloud.machine.run_pending()

    assert {cloud.inspect(job_id).outcome for job_id in ids} == {("SUCCEEDED", None)}
    assert len(cloud.provider.posts) == 8 + 5
    assert is_closed(cloud)


def test_lost_responses_open_the_breaker_without_duplicate_submits(cloud: Cloud) -> None:
    cloud.provider.script_submits(*[Accepted(html(502))] * 5, Accepted())
    ids = [cloud.request(event_id=f"event-{number}") for number in range(5)]
    cloud.clock.schedule(3, lambda: cloud.request(event_id="event-late"))

    cloud.machine.run_pending()

    assert {cloud.inspect(job_id).outcome for job_id in ids} == {("SUCCEEDED", None)}
    assert len(cloud.provider.posts) == len(cloud.provider.predictions) == 6
    assert creation_times(cloud)[-1] >= 30


def test_prediction_failed_for_missing_credit_opens_the_breaker(cloud: Cloud) -> None:
    cloud.provider.script_polls(failed("no credit", code=1407))

    run = cloud.run()

    assert run.outcome == ("FAILED", "insufficient_credits")
    assert not is_closed(cloud)


def test_refusal_of_one_job_keeps_the_breaker_closed(cloud: Cloud) -> None:
    cloud.provider.script_submits(
        error_response(400, "bad"), error_response(403, "not this model"), Accepted()
    )
    ids = [cloud.request(event_id=f"event-{number}") for number in range(3)]

    cloud.machine.run_pending()

    assert [cloud.inspect(job_id).job.code for job_id in ids] == [
        "invalid_request", "unauthorized", None,
    ]  # fmt: skip
    assert is_closed(cloud)
