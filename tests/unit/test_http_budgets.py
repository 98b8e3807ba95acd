"""Budgets over HTTP: a job's price is reserved first; a 402 has the remaining money."""

from datetime import timedelta
from typing import Any

import pytest

from darkroom.domain.errors import Code
from darkroom.domain.steps import Outcome
from darkroom.ports import Failed, Quote, Refused
from tests.fakes.signals import START
from tests.fakes.world import TEXT_TO_IMAGE, World
from tests.unit.http import V1_JOBS, Client, complete_job, error_message, submit_job

PRICE = 60_000  # of TEXT_TO_IMAGE, in micro-USD
OTHER: dict[str, Any] = {"model": "maker/other", "input": {"prompt": "x"}}
T2I, UNPRICED = "/api/v3/openai/gpt-image-2/text-to-image", "/api/v3/maker/other"
INPUT = {"prompt": "a lighthouse in fog"}
KEY = {"Idempotency_Key": "order-4711"}


def balance(client: Client) -> float:
    """Return the remaining budget in USD from the WaveSpeed-compatible balance endpoint."""
    dollars: float = client.get("/api/v3/balance").json["data"]["balance"]
    return dollars


def money(problem: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in problem.items() if name.endswith("_micro_usd")}


def test_job_over_budget_returns_402_with_the_remaining_money() -> None:
    ada = Client(daily_budget=100_000)
    ada.accept_job()

    response = ada.post(V1_JOBS, TEXT_TO_IMAGE)

    assert (response.status, response.headers["Content-Type"]) == (402, "application/problem+json")
    assert response.json == {
        "type": "urn:darkroom:problem:budget-exceeded",
        "title": "Budget exceeded",
        "status": 402,
        "detail": (
            "Not enough budget: this costs $0.06, $0.04 is left today. Resets at midnight UTC."
        ),
        "errors": [],
        "budget_micro_usd": 100_000,
        "left_micro_usd": 40_000,
        "cost_micro_usd": PRICE,
    }


def test_job_over_budget_creates_nothing() -> None:
    ada = Client(daily_budget=100_000)
    first = ada.accept_job()
    world = ada.world

    assert ada.post(V1_JOBS, TEXT_TO_IMAGE, **KEY).status == 402
    error_message(ada.post(T2I, INPUT), 402)

    assert list(world.jobs.records) == world.workflow.started == [first.job_id]
    assert world.provider.posts == []
    assert world.metrics.total("JobsAccepted") == 1
    assert world.metrics.total("BudgetExceeded") == 2
    assert balance(ada) == 0.04


@pytest.mark.parametrize("daily", [0, 1, PRICE - 1])
def test_first_job_of_a_day_can_exceed_the_budget(daily: int) -> None:
    ada = Client(daily_budget=daily)

    response = ada.post(V1_JOBS, TEXT_TO_IMAGE)

    assert (response.status, response.json["left_micro_usd"]) == (402, daily)
    assert ada.world.jobs.records == {}


def test_budget_can_be_spent_completely() -> None:
    ada = Client(daily_budget=2 * PRICE)

    assert [ada.post(V1_JOBS, TEXT_TO_IMAGE).status for _ in range(3)] == [202, 202, 402]
    assert balance(ada) == 0
    assert ada.post(V1_JOBS, TEXT_TO_IMAGE | {"quality": "low"}).status == 402


def test_repeated_request_is_accepted_without_remaining_budget() -> None:
    ada = Client(daily_budget=PRICE)
    job = ada.accept_job(**KEY)

    second = ada.post(V1_JOBS, TEXT_TO_IMAGE, **KEY)

    assert (second.status, second.json["job_id"]) == (202, job.job_id)
    assert balance(ada) == 0


def test_refused_request_is_accepted_the_next_day() -> None:
    ada = Client(daily_budget=PRICE)
    ada.accept_job()
    assert ada.post(V1_JOBS, TEXT_TO_IMAGE, **KEY).status == 402

    ada.world.clock.advance(86_400)

    assert ada.post(V1_JOBS, TEXT_TO_IMAGE, **KEY).status == 202


def test_wavespeed_api_refuses_in_its_own_envelope() -> None:
    ada = Client(daily_budget=PRICE)
    ada.accept_job()

    message = error_message(ada.post(T2I, INPUT), 402)

    assert message == (
        "Not enough budget: this costs $0.06, $0.00 is left today. Resets at midnight UTC."
    )


def test_job_without_a_price_is_refused_under_a_budget() -> None:
    ada = Client(daily_budget=10**9)

    response = ada.post(V1_JOBS, OTHER)
    message = error_message(ada.post(UNPRICED, OTHER["input"]), 402)

    assert (response.status, response.json["detail"]) == (402, message)
    assert "The price of this request is not known" in message
    assert response.json["budget_micro_usd"] == 10**9
    assert response.json.get("cost_micro_usd") is None
    assert ada.world.jobs.records == {}


def test_job_without_a_price_is_accepted_without_a_budget() -> None:
    assert Client().post(V1_JOBS, OTHER).json["estimated_cost_micro_usd"] is None


def test_stack_budget_applies_to_all_callers_together() -> None:
    world = World(stack_budget=2 * PRICE)
    ada, bob = Client(world), Client(world, "bob", daily_budget=10**9)
    ada.accept_job()
    bob.accept_job()

    responses = [client.post(V1_JOBS, TEXT_TO_IMAGE) for client in (ada, bob)]

    assert [response.status for response in responses] == [402, 402]
    assert money(responses[0].json) == {
        "budget_micro_usd": 2 * PRICE, "left_micro_usd": 0, "cost_micro_usd": PRICE,
    }  # fmt: skip
    # A job refused by the stack budget reserves nothing of the caller's budget.
    assert balance(bob) == (10**9 - PRICE) / 1_000_000


def test_keys_with_one_name_share_a_budget() -> None:
    ada = Client(daily_budget=PRICE)
    second, bob = (Client(ada.world, name, daily_budget=PRICE) for name in ("ada", "bob"))
    ada.accept_job()

    assert second.post(V1_JOBS, TEXT_TO_IMAGE).status == 402
    assert bob.post(V1_JOBS, TEXT_TO_IMAGE).status == 202


def test_provider_quote_is_reserved_and_returned() -> None:
    ada = Client(daily_budget=100_000)
    ada.world.prices.quotes["openai/gpt-image-2/text-to-image"] = Quote(45_000, "2026-11-20")

    estimate = ada.post("/v1/estimates", TEXT_TO_IMAGE).json
    ada.accept_job()

    assert (estimate["estimated_cost_micro_usd"], estimate["priced_as_of"]) == (
        45_000,
        "2026-11-20",
    )
    assert balance(ada) == 0.055


def test_balance_without_a_daily_budget_is_a_million() -> None:
    response = Client(role="read").get("/api/v3/balance")

    assert response.json == {"code": 200, "message": "success", "data": {"balance": 1_000_000}}


def test_balance_excludes_open_and_charged_jobs_of_today() -> None:
    ada = Client(daily_budget=500_000)
    balances = [balance(ada)]
    first = ada.accept_job()
    balances.append(balance(ada))
    ada.as_("bob").accept_job()
    complete_job(ada.world, first.job_id)
    ada.accept_job(TEXT_TO_IMAGE | {"quality": "high"})
    balances.append(balance(ada))

    assert balances == [0.5, 0.44, 0.22]


def test_budget_day_ends_at_midnight_utc() -> None:
    ada = Client(daily_budget=500_000)
    ada.world.clock.time = START.replace(hour=23, minute=59, second=59)
    ada.accept_job()
    balances = [balance(ada)]
    ada.world.clock.advance(1)
    balances.append(balance(ada))

    assert balances == [0.44, 0.5]


def test_uncharged_canceled_job_releases_its_reservation_once() -> None:
    ada = Client(daily_budget=500_000)
    path = f"{V1_JOBS}/{ada.accept_job().job_id}"

    for _ in range(2):
        assert ada.delete(path).status == 200

    assert balance(ada) == 0.5


def test_reservation_is_released_on_the_day_of_the_reservation() -> None:
    ada = Client(daily_budget=500_000)
    job = ada.accept_job()
    ada.world.clock.advance(timedelta(days=1).total_seconds())

    ada.delete(f"{V1_JOBS}/{job.job_id}")

    assert balance(ada) == 0.5
    ada.world.clock.time = START
    assert balance(ada) == 0.5


@pytest.mark.parametrize(
    ("result", "expected_balance"),
    [(Refused(Code.INVALID_REQUEST, "no"), 0.5), (Failed(Code.PROVIDER_FAILED, "no"), 0.5),
     (Failed(Code.MODERATED, "no"), 0.44)],
)  # fmt: skip
def test_uncharged_failed_job_releases_its_reservation(
    result: Refused | Failed, expected_balance: float
) -> None:
    ada = Client(daily_budget=500_000)
    job = ada.accept_job()
    if isinstance(result, Refused):
        ada.world.provider.submissions = [result]
        step = submit_job(ada.world, job.job_id)
    else:
        ada.world.provider.predictions = [result]
        step = ada.world.check_job()(submit_job(ada.world, job.job_id))
    assert step.outcome is Outcome.FAILED

    ada.world.end_job().fail(job.job_id, step.code or Code.INTERNAL_ERROR)

    assert balance(ada) == expected_balance
