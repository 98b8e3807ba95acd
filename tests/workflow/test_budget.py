"""Budgets: what would cost more than is left is refused, and nothing of it is started."""

import json

import boto3
import httpx
import pytest

from tests.workflow.answers import failed, problem, standing
from tests.workflow.cloud import REQUEST, Cloud
from tests.workflow.provider import Taken
from tests.workflow.scenes import finish, sweep_for
from tests.workflow.timeline import START

PRICE = 60_000  # micro-USD
POOR = {"DAILY_BUDGET_USD": "0.15"}


def reserved(cloud: Cloud, scope: str = "STACK") -> int:
    return cloud.budgets.reserved(START.date(), scope).micro_usd


def ask(cloud: Cloud, budget: int | None, name: str = "A") -> tuple[int, dict[str, object]]:
    answer = cloud.call("POST", "/v1/jobs", body={**REQUEST, "prompt": name}, budget=budget)
    return answer["statusCode"], json.loads(answer["body"])


def executions() -> int:
    machines = boto3.client("stepfunctions").list_state_machines()["stateMachines"]
    arn = machines[0]["stateMachineArn"]
    found = boto3.client("stepfunctions").list_executions(stateMachineArn=arn)
    return len(found["executions"])


def test_a_key_that_has_spent_its_day_is_refused_with_402_and_nothing_is_started(
    cloud: Cloud,
) -> None:
    cap = 2 * PRICE + 1
    answers = [ask(cloud, cap, name) for name in "ABC"]

    assert [status for status, _ in answers] == [202, 202, 402]
    assert answers[2][1]["type"] == "urn:darkroom:problem:budget-exceeded"
    assert len(cloud.jobs()) == executions() == 2
    cloud.machine.run_pending()
    assert len(cloud.provider.posts) == 2
    assert reserved(cloud, "key:owner") == 2 * PRICE


@pytest.mark.parametrize("cap", [1, PRICE - 1])
def test_a_budget_that_is_smaller_than_the_first_job_of_the_day_refuses_it(
    cloud: Cloud, cap: int
) -> None:
    status, _ = ask(cloud, cap)

    assert status == 402
    assert cloud.jobs() == []
    assert executions() == 0
    assert reserved(cloud, "key:owner") == 0


def test_the_stacks_budget_binds_every_door(cloud: Cloud) -> None:
    cloud.configure(**POOR)
    cloud.request(event_id="event-1")
    assert ask(cloud, None)[0] == 202

    event = {"caller": "events", "can_read_all": True, "id": "event-3", "detail": REQUEST}
    told = cloud.lambdas.deliver("OnRequestFunction", event)

    assert told == {"job_id": None}
    assert ask(cloud, 10 * PRICE)[0] == 402
    assert len(cloud.jobs()) == executions() == 2
    rejected = [detail for name, detail in cloud.events(None) if name == "JobRejected"]
    assert [detail["code"] for detail in rejected] == ["budget_exceeded"]
    assert reserved(cloud) == 2 * PRICE


def test_the_owner_is_told_once_when_most_of_it_is_gone(cloud: Cloud) -> None:
    cloud.configure(DAILY_BUDGET_USD="0.2")
    for name in "ABC":
        assert ask(cloud, None, name)[0] == 202

    told = [detail for name, detail in cloud.events(None) if name == "BudgetThresholdReached"]
    assert [(detail["caller"], detail["reserved_micro_usd"]) for detail in told] == [
        ("STACK", 3 * PRICE)
    ]


def test_a_price_that_nobody_knows_fits_into_no_budget(cloud: Cloud) -> None:
    cloud.configure(**POOR)
    cloud.provider.price = None

    answer = cloud.call("POST", "/v1/jobs", body={"model": "any/model", "input": {"prompt": "A"}})

    assert answer["statusCode"] == 402
    assert cloud.jobs() == []


@pytest.mark.parametrize(
    ("submit", "check", "is_kept"),
    [
        (Taken(), None, True),
        (Taken(), failed("the model broke"), False),
        (Taken(), failed("content policy"), True),  # nobody says whether it is given back
        (problem(400, "bad"), None, False),
        (httpx.ReadTimeout, None, True),  # it may be paid for
    ],
)
def test_what_was_not_charged_is_free_again(
    cloud: Cloud, submit: Taken, check: httpx.Response | None, is_kept: bool
) -> None:
    cloud.configure(DAILY_BUDGET_USD="1")
    cloud.provider.submits(submit)
    if check is not None:
        cloud.provider.checks(check)

    run = cloud.run()

    assert run.job.reservations
    assert reserved(cloud) == (PRICE if is_kept else 0)


def test_a_job_that_is_canceled_in_the_line_gives_back_what_it_held(cloud: Cloud) -> None:
    cloud.configure(DAILY_BUDGET_USD="1")
    cloud.submits("off")
    job_id = cloud.request()
    before = reserved(cloud)
    cloud.clock.at(10, lambda: cloud.cancel(job_id))

    finish(cloud, job_id)

    assert (before, reserved(cloud)) == (PRICE, 0)


def test_a_job_that_was_given_up_and_then_broke_gives_back_what_it_held(cloud: Cloud) -> None:
    cloud.provider.checks(standing("processing"))
    job_id = cloud.request({**REQUEST, "deadline_seconds": 60})
    finish(cloud, job_id)
    before = reserved(cloud)
    cloud.provider.checks(failed("the model broke"))

    sweep_for(cloud, 5)

    assert cloud.job(job_id).charge == "no"
    assert (before, reserved(cloud)) == (PRICE, 0)


def test_the_same_request_twice_is_held_once(cloud: Cloud) -> None:
    cloud.configure(DAILY_BUDGET_USD="1")

    assert cloud.request() == cloud.request()

    assert reserved(cloud) == PRICE


def test_what_the_provider_quotes_is_what_is_held(cloud: Cloud) -> None:
    cloud.configure(DAILY_BUDGET_USD="1")
    cloud.provider.price = 0.0123456789

    job_id = cloud.request()

    assert reserved(cloud) == cloud.job(job_id).estimated_cost_micro_usd == 12_346
