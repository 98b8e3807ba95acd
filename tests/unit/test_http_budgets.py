"""Budgets over HTTP: a job's price is reserved first; a 402 has the remaining money."""

from typing import Any

from tests.fakes.world import TEXT_TO_IMAGE
from tests.unit.http import V1_JOBS, Client, complete_job, error_message

PRICE = 60_000  # of TEXT_TO_IMAGE, in micro-USD
OTHER: dict[str, Any] = {"model": "maker/other", "input": {"prompt": "x"}}
T2I, UNPRICED = "/api/v3/openai/gpt-image-2/text-to-image", "/api/v3/maker/other"
INPUT = {"prompt": "a lighthouse in fog"}
KEY = {"Idempotency_Key": "order-4711"}


def balance(client: Client) -> float:
    """Return the remaining budget in USD from the WaveSpeed-compatible balance endpoint."""
    dollars: float = client.get("/api/v3/balance").json["data"]["balance"]
    return dollars


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
    assert error_message(ada.post(T2I, INPUT), 402) == (
        "Not enough budget: this costs $0.06, $0.04 is left today. Resets at midnight UTC."
    )

    assert list(world.jobs.records) == world.workflow.started == [first.job_id]
    assert world.provider.posts == []
    assert world.metrics.total("JobsAccepted") == 1
    assert world.metrics.total("BudgetExceeded") == 2
    assert balance(ada) == 0.04


def test_job_without_a_price_is_refused_under_a_budget() -> None:
    ada = Client(daily_budget=10**9)

    response = ada.post(V1_JOBS, OTHER)
    message = error_message(ada.post(UNPRICED, OTHER["input"]), 402)

    assert (response.status, response.json["detail"]) == (402, message)
    assert "The price of this request is not known" in message
    assert response.json["budget_micro_usd"] == 10**9
    assert response.json.get("cost_micro_usd") is None
    assert ada.world.jobs.records == {}


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
