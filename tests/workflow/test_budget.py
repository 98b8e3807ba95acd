"""Budgets: a job that costs more than is left is refused and not started."""

import json

import boto3
import httpx
import pytest

from tests.workflow.actions import finish, sweep_for
from tests.workflow.clock import START
from tests.workflow.cloud import REQUEST, Cloud
from tests.workflow.provider import Accepted
from tests.workflow.responses import error_response, failed, status_response

PRICE = 60_000  # micro-USD
SMALL_BUDGET = {"DAILY_BUDGET_USD": "0.15"}


def reserved(cloud: Cloud, scope: str = "STACK") -> int:
    return cloud.budgets.reserved(START.date(), scope).micro_usd


def create_job(cloud: Cloud, budget: int | None, name: str = "A") -> tuple[int, dict[str, object]]:
    response = cloud.call("POST", "/v1/jobs", body={**REQUEST, "prompt": name}, budget=budget)
    return response["statusCode"], json.loads(response["body"])


def executions() -> int:
    machines = boto3.client("stepfunctions").list_state_machines()["stateMachines"]
    arn = machines[0]["stateMachineArn"]
    listed = boto3.client("stepfunctions").list_executions(stateMachineArn=arn)
    return len(listed["executions"])


def test_exhausted_key_budget_returns_402_and_starts_nothing(
    cloud: Cloud,
) -> None:
    cap = 2 * PRICE + 1
    responses = [create_job(cloud, cap, name) for name in "ABC"]

    assert [status for status, _ in responses] == [202, 202, 402]
    assert responses[2][1]["type"] == "urn:darkroom:problem:budget-exceeded"
    assert len(cloud.jobs()) == executions() == 2
    cloud.machine.run_pending()
    assert len(cloud.provider.posts) == 2
    assert reserved(cloud, "key:owner") == 2 * PRICE


@pytest.mark.parametrize("cap", [1, PRICE - 1])
def test_budget_smaller_than_the_first_job_returns_402(cloud: Cloud, cap: int) -> None:
    status, _ = create_job(cloud, cap)

    assert status == 402
    assert cloud.jobs() == []
    assert executions() == 0
    assert reserved(cloud, "key:owner") == 0


def test_stack_budget_applies_to_every_entry_point(cloud: Cloud) -> None:
    cloud.configure(**SMALL_BUDGET)
    cloud.request(event_id="event-1")
    assert create_job(cloud, None)[0] == 202

    event = {"caller": "events", "can_read_all": True, "id": "event-3", "detail": REQUEST}
    result = cloud.lambdas.deliver("OnRequestFunction", event)

    assert result == {"job_id": None}
    assert create_job(cloud, 10 * PRICE)[0] == 402
    assert len(cloud.jobs()) == executions() == 2
    rejected = [detail for name, detail in cloud.events(None) if name == "JobRejected"]
    assert [detail["code"] for detail in rejected] == ["budget_exceeded"]
    assert reserved(cloud) == 2 * PRICE


def test_budget_threshold_event_is_published_once(cloud: Cloud) -> None:
    cloud.configure(DAILY_BUDGET_USD="0.2")
    for name in "ABC":
        assert create_job(cloud, None, name)[0] == 202

    published = [detail for name, detail in cloud.events(None) if name == "BudgetThresholdReached"]
    assert [(detail["caller"], detail["reserved_micro_usd"]) for detail in published] == [
        ("STACK", 3 * PRICE)
    ]


def test_unknown_price_returns_402(cloud: Cloud) -> None:
    cloud.configure(**SMALL_BUDGET)
    cloud.provider.price = None

    response = cloud.call("POST", "/v1/jobs", body={"model": "any/model", "input": {"prompt": "A"}})

    assert response["statusCode"] == 402
    assert cloud.jobs() == []


@pytest.mark.parametrize(
    ("submit", "check", "is_reserved"),
    [
        (Accepted(), None, True),
        (Accepted(), failed("the model broke"), False),
        (Accepted(), failed("content policy"), True),  # unknown whether the charge is refunded
        (error_response(400, "bad"), None, False),
        (httpx.ReadTimeout, None, True),  # it may be charged
    ],
)
def test_uncharged_amount_is_released(
    cloud: Cloud, submit: Accepted, check: httpx.Response | None, is_reserved: bool
) -> None:
    cloud.configure(DAILY_BUDGET_USD="1")
    cloud.provider.script_submits(submit)
    if check is not None:
        cloud.provider.script_polls(check)

    run = cloud.run()

    assert run.job.reservations
    assert reserved(cloud) == (PRICE if is_reserved else 0)


def test_canceled_queued_job_releases_its_reservation(cloud: Cloud) -> None:
    cloud.configure(DAILY_BUDGET_USD="1")
    cloud.set_submits("off")
    job_id = cloud.request()
    before = reserved(cloud)
    cloud.clock.schedule(10, lambda: cloud.cancel(job_id))

    finish(cloud, job_id)

    assert (before, reserved(cloud)) == (PRICE, 0)


def test_failed_prediction_of_an_ended_job_releases_its_reservation(cloud: Cloud) -> None:
    cloud.provider.script_polls(status_response("processing"))
    job_id = cloud.request({**REQUEST, "deadline_seconds": 60})
    finish(cloud, job_id)
    before = reserved(cloud)
    cloud.provider.script_polls(failed("the model broke"))

    sweep_for(cloud, 5)

    assert cloud.job(job_id).charge == "no"
    assert (before, reserved(cloud)) == (PRICE, 0)


def test_repeated_request_reserves_once(cloud: Cloud) -> None:
    cloud.configure(DAILY_BUDGET_USD="1")

    assert cloud.request() == cloud.request()

    assert reserved(cloud) == PRICE


def test_quote_of_the_provider_is_reserved(cloud: Cloud) -> None:
    cloud.configure(DAILY_BUDGET_USD="1")
    cloud.provider.price = 0.0123456789

    job_id = cloud.request()

    assert reserved(cloud) == cloud.job(job_id).estimated_cost_micro_usd == 12_346
