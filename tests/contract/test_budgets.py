"""Holds of budgets: created with a job or not at all, and never more than a cap together."""

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
from tests.contract.stores import DAY, Stores, job, over, reservation

TOMORROW = DAY + timedelta(days=1)


def create(
    stores: Stores, reservations: list[Reservation], caps: list[int], job_id: str = "j"
) -> bool:
    return stores.jobs.create(job(job_id=job_id, reservations=reservations), caps)


def refused(
    stores: Stores, reservations: list[Reservation], caps: list[int], job_id: str = "j"
) -> str:
    """The scope of the budget that does not hold it."""
    with pytest.raises(BudgetExceededError) as caught:
        create(stores, reservations, caps, job_id)
    error = caught.value
    told = {
        reservation.scope: (reservation.micro_usd, cap)
        for reservation, cap in zip(reservations, caps, strict=True)
    }
    assert (error.cost, error.cap) == told[error.scope]
    return error.scope


def test_what_nothing_was_held_of_is_whole(stores: Stores) -> None:
    assert stores.budgets.reserved(DAY, "tests") == Reserved(0, warned=False)


def test_a_job_holds_its_price_of_each_budget(stores: Stores) -> None:
    assert create(stores, [reservation(60, "ada"), reservation(60, "STACK")], [100, 1000])

    assert (stores.reserved("ada"), stores.reserved("STACK"), stores.reserved("bob")) == (60, 60, 0)
    assert stores.job().reservations == (reservation(60, "ada"), reservation(60, "STACK"))


def test_holds_add_up_to_the_cap_and_no_further(stores: Stores) -> None:
    for number in range(2):
        assert create(stores, [reservation(50)], [100], f"j{number}")

    assert refused(stores, [reservation(1)], [100]) == "tests"

    assert stores.reserved("tests") == 100
    assert stores.jobs.get("j") is None
    assert create(stores, [reservation(0)], [100])


@pytest.mark.parametrize(("price", "cap"), [(60, 59), (60, 0), (1, 0), (10**12, 10**12 - 1)])
def test_already_the_first_of_a_day_can_be_too_dear(stores: Stores, price: int, cap: int) -> None:
    assert refused(stores, [reservation(price)], [cap]) == "tests"

    assert stores.jobs.get("j") is None
    assert stores.reserved("tests") == 0


@pytest.mark.parametrize(
    ("caps", "scope"), [([99, 1000], "ada"), ([1000, 99], "STACK"), ([99, 99], "ada")]
)
def test_who_refuses_is_named_and_nothing_is_held_of_any(
    stores: Stores, caps: list[int], scope: str
) -> None:
    assert create(stores, [reservation(60, "ada"), reservation(60, "STACK")], [1000, 1000], "first")

    assert refused(stores, [reservation(60, "ada"), reservation(60, "STACK")], caps) == scope

    assert (stores.reserved("ada"), stores.reserved("STACK")) == (60, 60)
    assert stores.jobs.get("j") is None


def test_the_same_job_again_holds_nothing_twice(stores: Stores) -> None:
    assert create(stores, [reservation(60)], [1000])

    assert not create(stores, [reservation(60)], [1000])
    assert not create(stores, [reservation(70)], [1000])

    assert stores.reserved("tests") == 60


def test_the_same_job_again_is_no_question_of_money(stores: Stores) -> None:
    assert create(stores, [reservation(60)], [60])

    assert not create(stores, [reservation(60)], [60])
    assert not create(stores, [reservation(60)], [0])


def test_a_job_without_holds_needs_no_budget(stores: Stores) -> None:
    assert create(stores, [], [])

    assert stores.reserved("tests") == 0


def test_a_lower_cap_counts_from_now_on(stores: Stores) -> None:
    assert create(stores, [reservation(60)], [100], "first")

    assert refused(stores, [reservation(1)], [50]) == "tests"
    assert create(stores, [reservation(40)], [100])


def test_every_day_has_a_budget_of_its_own(stores: Stores) -> None:
    assert create(stores, [reservation(60)], [60], "first")
    later = Reservation(day=TOMORROW, scope="tests", micro_usd=60)

    assert create(stores, [later], [60])

    assert stores.reserved("tests") == stores.budgets.reserved(TOMORROW, "tests").micro_usd == 60


def test_what_is_released_can_be_held_again(stores: Stores) -> None:
    reservations = [reservation(60, "ada"), reservation(60, "STACK")]
    assert create(stores, reservations, [60, 60], "first")

    released = stores.jobs.transact(
        "first", [Release(each) for each in reservations], when=OPEN, status=Status.FAILED
    )

    assert isinstance(released, Job)
    assert (stores.reserved("ada"), stores.reserved("STACK")) == (0, 0)
    assert create(stores, reservations, [60, 60])


def test_nothing_is_released_for_a_job_that_has_moved_on(stores: Stores) -> None:
    assert create(stores, [reservation(60)], [100])
    stores.jobs.update("j", when=OPEN, status=Status.COMPLETED)

    failed = stores.jobs.transact("j", [Release(reservation(60))], when=OPEN, status=Status.FAILED)

    assert failed is Conflict.JOB
    assert stores.reserved("tests") == 60


def test_a_warning_is_noted_for_its_day_and_scope_and_changes_no_sum(stores: Stores) -> None:
    assert create(stores, [reservation(60)], [100], "first")

    for _ in range(2):
        stores.budgets.warn(DAY, "tests")
    stores.budgets.warn(DAY, "other")

    assert stores.budgets.reserved(DAY, "tests") == Reserved(60, warned=True)
    assert stores.budgets.reserved(TOMORROW, "tests") == Reserved(0, warned=False)
    assert create(stores, [reservation(40)], [100])
    assert stores.budgets.reserved(DAY, "tests") == Reserved(100, warned=True)
    assert create(stores, [reservation(5, "other")], [5], "other")


ROUNDS = count()
STEPS = st.lists(
    st.tuples(st.just("create"), st.integers(0, 60))
    | st.tuples(st.just("release"), st.integers(0, 9)),
    max_size=12,
)


@settings(settings.get_profile("contract"), max_examples=25)
@given(cap=st.integers(0, 150), stack=st.integers(0, 150), steps=STEPS)
def test_what_is_held_is_what_open_jobs_hold_and_never_above_a_cap(
    stores: Stores, cap: int, stack: int, steps: list[tuple[str, int]]
) -> None:
    mine, all_, still = f"ada{next(ROUNDS)}", f"STACK{next(ROUNDS)}", dict[str, int]()
    for number, (step, amount) in enumerate(steps):
        name = f"{mine}-{number}"
        if step == "create":
            reservations, fits = (
                [reservation(amount, mine), reservation(amount, all_)],
                sum(still.values()) + amount,
            )
            if fits <= min(cap, stack):
                assert create(stores, reservations, [cap, stack], name)
                still[name] = amount
            else:
                assert refused(stores, reservations, [cap, stack], name) == (
                    mine if fits > cap else all_
                )
        elif still:
            name, price = list(still.items())[amount % len(still)]
            freed = [Release(reservation(price, scope)) for scope in (mine, all_)]
            ended = [
                stores.jobs.transact(name, freed, when=OPEN, status=Status.FAILED) for _ in range(2)
            ]
            assert isinstance(ended[0], Job)
            assert ended[1] is Conflict.JOB
            del still[name]
        reserved = stores.reserved(mine)
        assert reserved == stores.reserved(all_) == sum(still.values()) <= max(cap, 0)


def test_what_was_held_is_forgotten_by_the_table_long_after_its_day(
    dynamodb: DynamoDBClient,
) -> None:
    stores = over(dynamodb, TABLE)
    create(stores, [reservation(60)], [100])

    key = {"pk": {"S": f"BUDGET#{DAY.isoformat()}"}, "sk": {"S": "tests"}}
    item = dynamodb.get_item(TableName=TABLE, Key=key)["Item"]
    assert item.keys() == {"pk", "sk", "reserved", "expires_at"}
    assert item["reserved"] == {"N": "60"}
    assert item["expires_at"]["N"].isdigit()
