"""Budget reservations are written together with a job, and their sum never exceeds a cap."""

from datetime import timedelta
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mypy_boto3_dynamodb import DynamoDBClient

from darkroom.domain.errors import BudgetExceededError
from darkroom.domain.job import OPEN, Job, Reservation, Status
from darkroom.ports import Conflict, Release, Reserved
from tests.contract.conftest import TABLE
from tests.contract.stores import DAY, Stores, dynamodb_stores, job, reservation
from tests.profiles import examples

TOMORROW = DAY + timedelta(days=1)


def create(
    stores: Stores, reservations: list[Reservation], caps: list[int], job_id: str = "j"
) -> bool:
    return stores.jobs.create(job(job_id=job_id, reservations=reservations), caps)


def refused_scope(
    stores: Stores, reservations: list[Reservation], caps: list[int], job_id: str = "j"
) -> str:
    """Assert that creation exceeds a budget; return the scope of that budget."""
    with pytest.raises(BudgetExceededError) as caught:
        create(stores, reservations, caps, job_id)
    error = caught.value
    expected = {
        reservation.scope: (reservation.micro_usd, cap)
        for reservation, cap in zip(reservations, caps, strict=True)
    }
    assert (error.cost, error.cap) == expected[error.scope]
    return error.scope


def test_job_reserves_its_price_in_each_budget(stores: Stores) -> None:
    assert create(stores, [reservation(60, "ada"), reservation(60, "STACK")], [100, 1000])

    assert (stores.reserved("ada"), stores.reserved("STACK"), stores.reserved("bob")) == (60, 60, 0)
    assert stores.job().reservations == (reservation(60, "ada"), reservation(60, "STACK"))


def test_repeated_creation_reserves_once(stores: Stores) -> None:
    assert create(stores, [reservation(60)], [1000])

    assert not create(stores, [reservation(60)], [1000])
    assert not create(stores, [reservation(70)], [1000])
    assert not create(stores, [reservation(60)], [0])

    assert stores.reserved("tests") == 60


def test_lowered_cap_applies_immediately(stores: Stores) -> None:
    assert create(stores, [reservation(60)], [100], "first")

    assert refused_scope(stores, [reservation(1)], [50]) == "tests"
    assert create(stores, [reservation(40)], [100])


def test_each_day_has_its_own_budget(stores: Stores) -> None:
    assert create(stores, [reservation(60)], [60], "first")
    later = Reservation(day=TOMORROW, scope="tests", micro_usd=60)

    assert create(stores, [later], [60])

    assert stores.reserved("tests") == stores.budgets.reserved(TOMORROW, "tests").micro_usd == 60


def test_warning_is_recorded_per_day_and_scope_without_changing_the_sum(stores: Stores) -> None:
    assert create(stores, [reservation(60)], [100], "first")

    for _ in range(2):
        stores.budgets.warn(DAY, "tests")
    stores.budgets.warn(DAY, "other")

    assert stores.budgets.reserved(DAY, "tests") == Reserved(60, warned=True)
    assert stores.budgets.reserved(TOMORROW, "tests") == Reserved(0, warned=False)
    assert create(stores, [reservation(40)], [100])
    assert stores.budgets.reserved(DAY, "tests") == Reserved(100, warned=True)
    assert create(stores, [reservation(5, "other")], [5], "other")


RUN_NUMBERS = count()
STEPS = st.lists(
    st.tuples(st.just("create"), st.integers(0, 60))
    | st.tuples(st.just("release"), st.integers(0, 9)),
    max_size=12,
)


@settings(max_examples=examples(6))
@given(cap=st.integers(0, 150), stack=st.integers(0, 150), steps=STEPS)
def test_reserved_sum_equals_open_jobs_and_never_exceeds_a_cap(
    stores: Stores, cap: int, stack: int, steps: list[tuple[str, int]]
) -> None:
    caller_scope, stack_scope, open_amounts = (
        f"ada{next(RUN_NUMBERS)}",
        f"STACK{next(RUN_NUMBERS)}",
        dict[str, int](),
    )
    for number, (step, amount) in enumerate(steps):
        name = f"{caller_scope}-{number}"
        if step == "create":
            reservations, total = (
                [reservation(amount, caller_scope), reservation(amount, stack_scope)],
                sum(open_amounts.values()) + amount,
            )
            if total <= min(cap, stack):
                assert create(stores, reservations, [cap, stack], name)
                open_amounts[name] = amount
            else:
                assert refused_scope(stores, reservations, [cap, stack], name) == (
                    caller_scope if total > cap else stack_scope
                )
        elif open_amounts:
            name, price = list(open_amounts.items())[amount % len(open_amounts)]
            releases = [Release(reservation(price, scope)) for scope in (caller_scope, stack_scope)]
            ended = [
                stores.jobs.transact(name, releases, when=OPEN, status=Status.FAILED)
                for _ in range(2)
            ]
            assert isinstance(ended[0], Job)
            assert ended[1] is Conflict.JOB
            del open_amounts[name]
        reserved = stores.reserved(caller_scope)
        assert reserved == stores.reserved(stack_scope) == sum(open_amounts.values()) <= max(cap, 0)


def test_budget_item_has_a_time_to_live(
    dynamodb: DynamoDBClient,
) -> None:
    stores = dynamodb_stores(dynamodb, TABLE)
    create(stores, [reservation(60)], [100])

    key = {"pk": {"S": f"BUDGET#{DAY.isoformat()}"}, "sk": {"S": "tests"}}
    item = dynamodb.get_item(TableName=TABLE, Key=key)["Item"]
    assert item.keys() == {"pk", "sk", "reserved", "expires_at"}
    assert item["reserved"] == {"N": "60"}
    assert item["expires_at"]["N"].isdigit()
