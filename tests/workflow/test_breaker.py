"""Answers that the next job would get as well: jobs are put off, not burnt, and one tries."""

import httpx
import pytest

from tests.workflow.answers import ROTATED_KEY, failed, html, problem
from tests.workflow.cloud import DEFER, FAIL, STRAIGHT, SUBMIT, Cloud
from tests.workflow.provider import Taken
from tests.workflow.scenes import finish
from tests.workflow.timeline import START

NO_CREDIT = [problem(402, "no money"), problem(400, "Insufficient credits. Please top up.")]


def made(cloud: Cloud) -> list[float]:
    """When each prediction was made, in seconds from the start."""
    return [(each.at - START).total_seconds() for each in cloud.provider.made]


def test_a_job_that_meets_a_refused_key_is_completed_when_the_key_is_mended(cloud: Cloud) -> None:
    cloud.provider.key = ROTATED_KEY
    job_id = cloud.request()
    cloud.clock.at(20, lambda: cloud.rotate(ROTATED_KEY))

    run = finish(cloud, job_id)

    assert run.end == ("SUCCEEDED", None)
    # Put back, told how long the line stands, and then it tries itself.
    assert run.states == [*DEFER * 2, *STRAIGHT]
    assert cloud.clock.waits[:2] == [1, 29]
    # Each time with the key that is known, and then with the one that is read afresh.
    assert [post.is_proven for post in run.posts] == [True, True, True, False]
    assert cloud.queue().breaker.is_closed


@pytest.mark.parametrize("answer", NO_CREDIT)
def test_an_empty_account_stops_the_line_until_it_is_filled(
    cloud: Cloud, answer: httpx.Response
) -> None:
    cloud.provider.submits(answer, Taken())

    run = cloud.run()

    assert run.end == ("SUCCEEDED", None)
    assert run.states == [*DEFER * 2, *STRAIGHT]


def test_only_one_tries_and_the_others_wait_for_it(cloud: Cloud) -> None:
    cloud.provider.submits(*[NO_CREDIT[0]] * 3, Taken())
    ids = [cloud.request(event_id=f"event-{number}") for number in range(6)]

    cloud.machine.run_pending()

    runs = [cloud.look(job_id) for job_id in ids]
    assert {run.end for run in runs} == {("SUCCEEDED", None)}
    # Open for 30, 60 and 120 seconds, and one POST each time.
    assert min(made(cloud)) >= 30 + 60 + 120
    assert len(cloud.provider.posts) == 3 + 6


def test_while_the_line_stands_nobody_is_sent_who_comes_later(cloud: Cloud) -> None:
    cloud.provider.submits(NO_CREDIT[0], Taken())
    cloud.request(event_id="event-1")
    cloud.clock.at(10, lambda: cloud.request(event_id="event-2"))

    cloud.machine.run_pending()

    assert min(made(cloud)) >= 30
    assert len(cloud.provider.posts) == 3


@pytest.mark.parametrize(("answer", "code"), [(NO_CREDIT[0], "insufficient_credits"),
                                              (problem(401), "unauthorized")])  # fmt: skip
def test_whoever_waits_too_long_for_it_learns_why(
    cloud: Cloud, answer: httpx.Response, code: str
) -> None:
    cloud.provider.submits(answer)

    run = cloud.run()

    assert run.end == ("FAILED", code)
    assert run.states[-4:] == [*SUBMIT, *FAIL]
    assert run.events[-1][1]["charged"] == "no"
    assert run.states.count("WaitForSlot") < 25


def test_a_provider_that_answers_to_nobody_stops_the_line_after_five(cloud: Cloud) -> None:
    cloud.provider.submits(*[httpx.ConnectError] * 8, Taken())
    ids = [cloud.request(event_id=f"event-{number}") for number in range(5)]

    cloud.machine.run_pending()

    assert {cloud.look(job_id).end for job_id in ids} == {("SUCCEEDED", None)}
    assert len(cloud.provider.posts) == 8 + 5
    assert cloud.queue().breaker.is_closed


def test_answers_that_are_lost_count_and_no_job_is_sent_twice(cloud: Cloud) -> None:
    cloud.provider.submits(*[Taken(html(502))] * 5, Taken())
    ids = [cloud.request(event_id=f"event-{number}") for number in range(5)]
    cloud.clock.at(3, lambda: cloud.request(event_id="event-late"))

    cloud.machine.run_pending()

    assert {cloud.look(job_id).end for job_id in ids} == {("SUCCEEDED", None)}
    assert len(cloud.provider.posts) == len(cloud.provider.made) == 6
    assert made(cloud)[-1] >= 30


def test_a_prediction_that_failed_for_want_of_credit_stops_the_line_too(cloud: Cloud) -> None:
    cloud.provider.checks(failed("no credit", code=1407))

    run = cloud.run()

    assert run.end == ("FAILED", "insufficient_credits")
    assert not cloud.queue().breaker.is_closed


def test_a_refusal_of_one_job_stops_nobody_else(cloud: Cloud) -> None:
    cloud.provider.submits(problem(400, "bad"), problem(403, "not this model"), Taken())
    ids = [cloud.request(event_id=f"event-{number}") for number in range(3)]

    cloud.machine.run_pending()

    assert [cloud.look(job_id).job.code for job_id in ids] == [
        "invalid_request", "unauthorized", None,
    ]  # fmt: skip
    assert cloud.queue().breaker.is_closed
