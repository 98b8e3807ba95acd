"""Budgets over HTTP: what a job may cost is held before it is made; a 402 says what is left."""

from datetime import timedelta
from typing import Any

import pytest

from darkroom.domain.errors import Code
from darkroom.domain.steps import Outcome
from darkroom.ports import Failed, Quote, Refused
from tests.fakes.signals import START
from tests.fakes.world import TEXT_TO_IMAGE, World
from tests.unit.http import V1_JOBS, Client, finished, refused, submitted

PRICE = 60_000  # of TEXT_TO_IMAGE, in micro-USD
OTHER: dict[str, Any] = {"model": "maker/other", "input": {"prompt": "x"}}
T2I, UNPRICED = "/api/v3/openai/gpt-image-2/text-to-image", "/api/v3/maker/other"
INPUT = {"prompt": "a lighthouse in fog"}
KEY = {"Idempotency_Key": "order-4711"}


def balance(client: Client) -> float:
    """What is left, as the provider's own wire format tells it."""
    found: float = client.get("/api/v3/balance").json["data"]["balance"]
    return found


def money(problem: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in problem.items() if name.endswith("_micro_usd")}


def test_a_job_that_the_budget_does_not_hold_is_a_402_that_says_what_is_left() -> None:
    ada = Client(daily_budget=100_000)
    ada.accepted()

    answer = ada.post(V1_JOBS, TEXT_TO_IMAGE)

    assert (answer.status, answer.headers["Content-Type"]) == (402, "application/problem+json")
    assert answer.json == {
        "type": "urn:darkroom:problem:budget-exceeded",
        "title": "Budget exceeded",
        "status": 402,
        "detail": (
            "the job's price is $0.0600; the daily budget of key:ada is $0.1000, of which $0.0400"
            " is left until midnight UTC"
        ),
        "errors": [],
        "budget_micro_usd": 100_000,
        "left_micro_usd": 40_000,
        "cost_micro_usd": PRICE,
    }


def test_a_job_that_the_budget_does_not_hold_leaves_nothing_behind() -> None:
    ada = Client(daily_budget=100_000)
    first = ada.accepted()
    world = ada.world

    assert ada.post(V1_JOBS, TEXT_TO_IMAGE, **KEY).status == 402
    refused(ada.post(T2I, INPUT), 402)

    assert list(world.jobs.records) == world.workflow.started == [first.job_id]
    assert world.provider.posts == []
    assert world.metrics.total("JobsAccepted") == 1
    assert world.metrics.total("BudgetExceeded") == 2
    assert balance(ada) == 0.04


@pytest.mark.parametrize("daily", [0, 1, PRICE - 1])
def test_already_the_first_job_of_a_day_can_be_too_dear(daily: int) -> None:
    ada = Client(daily_budget=daily)

    answer = ada.post(V1_JOBS, TEXT_TO_IMAGE)

    assert (answer.status, answer.json["left_micro_usd"]) == (402, daily)
    assert ada.world.jobs.records == {}


def test_a_budget_can_be_spent_to_the_last_of_it() -> None:
    ada = Client(daily_budget=2 * PRICE)

    assert [ada.post(V1_JOBS, TEXT_TO_IMAGE).status for _ in range(3)] == [202, 202, 402]
    assert balance(ada) == 0
    assert ada.post(V1_JOBS, TEXT_TO_IMAGE | {"quality": "low"}).status == 402


def test_a_request_that_was_accepted_is_accepted_again_whatever_is_left() -> None:
    ada = Client(daily_budget=PRICE)
    job = ada.accepted(**KEY)

    again = ada.post(V1_JOBS, TEXT_TO_IMAGE, **KEY)

    assert (again.status, again.json["job_id"]) == (202, job.job_id)
    assert balance(ada) == 0


def test_a_request_that_was_refused_can_be_made_when_there_is_money_again() -> None:
    ada = Client(daily_budget=PRICE)
    ada.accepted()
    assert ada.post(V1_JOBS, TEXT_TO_IMAGE, **KEY).status == 402

    ada.world.clock.advance(86_400)

    assert ada.post(V1_JOBS, TEXT_TO_IMAGE, **KEY).status == 202


def test_the_wire_format_refuses_in_its_own_envelope() -> None:
    ada = Client(daily_budget=PRICE)
    ada.accepted()

    words = refused(ada.post(T2I, INPUT), 402)

    assert words.startswith("the job's price is $0.0600; the daily budget of key:ada is $0.0600")
    assert "$0.0000 is left" in words


def test_what_has_no_known_price_fits_into_no_budget() -> None:
    ada = Client(daily_budget=10**9)

    answer = ada.post(V1_JOBS, OTHER)
    words = refused(ada.post(UNPRICED, OTHER["input"]), 402)

    assert (answer.status, answer.json["detail"]) == (402, words)
    assert "the job's price is not known" in words
    assert answer.json["budget_micro_usd"] == 10**9
    assert answer.json.get("cost_micro_usd") is None
    assert ada.world.jobs.records == {}


def test_what_has_no_known_price_is_made_where_nothing_limits_it() -> None:
    assert Client().post(V1_JOBS, OTHER).json["estimated_cost_micro_usd"] is None


def test_the_deployments_budget_holds_for_everybody_together() -> None:
    world = World(stack_budget=2 * PRICE)
    ada, bob = Client(world), Client(world, "bob", daily_budget=10**9)
    ada.accepted()
    bob.accepted()

    answers = [client.post(V1_JOBS, TEXT_TO_IMAGE) for client in (ada, bob)]

    assert [answer.status for answer in answers] == [402, 402]
    assert money(answers[0].json) == {
        "budget_micro_usd": 2 * PRICE, "left_micro_usd": 0, "cost_micro_usd": PRICE,
    }  # fmt: skip
    # What the whole deployment refuses takes nothing of the caller's own.
    assert balance(bob) == (10**9 - PRICE) / 1_000_000


def test_keys_of_one_name_share_a_budget_and_other_names_have_their_own() -> None:
    ada = Client(daily_budget=PRICE)
    second, bob = (Client(ada.world, name, daily_budget=PRICE) for name in ("ada", "bob"))
    ada.accepted()

    assert second.post(V1_JOBS, TEXT_TO_IMAGE).status == 402
    assert bob.post(V1_JOBS, TEXT_TO_IMAGE).status == 202


def test_the_providers_own_quote_is_what_is_held_and_told() -> None:
    ada = Client(daily_budget=100_000)
    ada.world.prices.quotes["openai/gpt-image-2/text-to-image"] = Quote(45_000, "2026-11-20")

    told = ada.post("/v1/estimates", TEXT_TO_IMAGE).json
    ada.accepted()

    assert (told["estimated_cost_micro_usd"], told["priced_as_of"]) == (45_000, "2026-11-20")
    assert balance(ada) == 0.055


def test_without_a_daily_budget_the_balance_is_a_million() -> None:
    answer = Client(role="read").get("/api/v3/balance")

    assert answer.json == {"code": 200, "message": "success", "data": {"balance": 1_000_000}}


def test_a_balance_shrinks_by_what_is_open_or_charged_today() -> None:
    ada = Client(daily_budget=500_000)
    left = [balance(ada)]
    first = ada.accepted()
    left.append(balance(ada))
    ada.as_("bob").accepted()
    finished(ada.world, first.job_id)
    ada.accepted(TEXT_TO_IMAGE | {"quality": "high"})
    left.append(balance(ada))

    assert left == [0.5, 0.44, 0.22]


def test_a_day_ends_at_midnight_utc() -> None:
    ada = Client(daily_budget=500_000)
    ada.world.clock.time = START.replace(hour=23, minute=59, second=59)
    ada.accepted()
    left = [balance(ada)]
    ada.world.clock.advance(1)
    left.append(balance(ada))

    assert left == [0.44, 0.5]


def test_a_job_that_is_canceled_in_time_gives_its_money_back_once() -> None:
    ada = Client(daily_budget=500_000)
    path = f"{V1_JOBS}/{ada.accepted().job_id}"

    for _ in range(2):
        assert ada.delete(path).status == 200

    assert balance(ada) == 0.5


def test_a_job_that_ends_tomorrow_gives_its_money_back_to_the_day_that_it_took_it_from() -> None:
    ada = Client(daily_budget=500_000)
    job = ada.accepted()
    ada.world.clock.advance(timedelta(days=1).total_seconds())

    ada.delete(f"{V1_JOBS}/{job.job_id}")

    assert balance(ada) == 0.5
    ada.world.clock.time = START
    assert balance(ada) == 0.5


@pytest.mark.parametrize(
    ("end", "left"),
    [(Refused(Code.INVALID_REQUEST, "no"), 0.5), (Failed(Code.PROVIDER_FAILED, "no"), 0.5),
     (Failed(Code.MODERATED, "no"), 0.44)],
)  # fmt: skip
def test_a_failed_job_gives_its_money_back_if_nothing_was_charged(
    end: Refused | Failed, left: float
) -> None:
    ada = Client(daily_budget=500_000)
    job = ada.accepted()
    if isinstance(end, Refused):
        ada.world.provider.submissions = [end]
        step = submitted(ada.world, job.job_id)
    else:
        ada.world.provider.predictions = [end]
        step = ada.world.check_job()(submitted(ada.world, job.job_id))
    assert step.outcome is Outcome.FAILED

    ada.world.end_job().fail(job.job_id, step.code or Code.INTERNAL_ERROR)

    assert balance(ada) == left
