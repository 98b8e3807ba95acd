"""Writes that meet another transaction: tried again for a while, and nothing else is."""

import time
from collections.abc import Generator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber
from mypy_boto3_dynamodb import DynamoDBClient

from darkroom.domain.errors import BudgetExceededError
from darkroom.domain.job import OPEN
from darkroom.domain.submit_queue import QueueShard
from darkroom.ports import Claim, Conflict, QueueChange
from tests.contract.conftest import TABLE
from tests.contract.stores import DAY, Stores, job, over, reservation

CONFLICT, FAILED, FINE = "TransactionConflict", "ConditionalCheckFailed", "None"


@pytest.fixture
def stores(dynamodb: DynamoDBClient) -> Stores:
    return over(dynamodb, TABLE)


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses between tries, none of which is made."""
    found: list[float] = []
    monkeypatch.setattr(time, "sleep", found.append)
    return found


@pytest.fixture
def stub(dynamodb: DynamoDBClient) -> Generator[Stubber]:
    """Answers of DynamoDB, all of which must be asked for."""
    with Stubber(dynamodb) as stub:
        yield stub
        stub.assert_no_pending_responses()


def cancel(stub: Stubber, *codes: str) -> None:
    """Answer that a transaction was not made, for a reason an item."""
    reasons: list[dict[str, Any]] = [{"Code": code} for code in codes]
    stub.add_client_error(
        "transact_write_items",
        "TransactionCanceledException",
        modeled_fields={"CancellationReasons": reasons},
    )


def make(stub: Stubber) -> None:
    stub.add_response("transact_write_items", {})


@pytest.mark.parametrize("tries", [1, 5, 24])
@pytest.mark.parametrize("code", [CONFLICT, "ThrottlingError", "ProvisionedThroughputExceeded"])
def test_what_meets_another_transaction_is_tried_again(
    stores: Stores, stub: Stubber, pauses: list[float], code: str, tries: int
) -> None:
    for _ in range(tries):
        cancel(stub, FINE, code)
    make(stub)

    assert stores.jobs.create(job(reservations=[reservation(5)]), [10])

    assert len(pauses) == tries
    assert all(0 <= pause <= 0.2 for pause in pauses)


def test_a_transaction_that_is_still_under_way_is_asked_for_again(
    stores: Stores, stub: Stubber, pauses: list[float]
) -> None:
    stub.add_client_error("transact_write_items", "TransactionInProgressException")
    make(stub)

    assert stores.jobs.create(job())

    assert len(pauses) == 1


def test_it_is_not_tried_for_ever(stores: Stores, stub: Stubber, pauses: list[float]) -> None:
    for _ in range(25):
        cancel(stub, CONFLICT, FINE)

    with pytest.raises(ClientError, match="TransactionCanceled"):
        stores.jobs.create(job(reservations=[reservation(5)]), [10])

    assert len(pauses) == 24


@pytest.mark.parametrize("codes", [(FAILED, FINE), (FAILED, CONFLICT), (FAILED, FAILED)])
def test_a_record_that_is_there_is_a_clear_answer(
    stores: Stores, stub: Stubber, codes: tuple[str, ...]
) -> None:
    cancel(stub, *codes)

    assert not stores.jobs.create(job(reservations=[reservation(5)]), [10])


def test_a_budget_that_is_used_up_is_a_clear_answer(stores: Stores, stub: Stubber) -> None:
    cancel(stub, FINE, FINE, FAILED)

    with pytest.raises(BudgetExceededError) as caught:
        stores.jobs.create(
            job(reservations=[reservation(5, "ada"), reservation(5, "STACK")]), [10, 20]
        )

    assert (caught.value.scope, caught.value.cap, caught.value.cost) == ("STACK", 20, 5)


@pytest.mark.parametrize(
    ("codes", "hitch"),
    [
        ((FAILED, FAILED, FAILED), Conflict.JOB),
        ((FINE, FAILED, FAILED), Conflict.QUEUE),
        ((FINE, FINE, FAILED), Conflict.CLAIM),
        ((CONFLICT, FINE, FAILED), Conflict.CLAIM),
    ],
)
def test_a_condition_that_failed_is_told_and_not_tried_again(
    stores: Stores, stub: Stubber, codes: tuple[str, ...], hitch: Conflict
) -> None:
    cancel(stub, *codes)

    found = stores.jobs.transact(
        "j", [QueueChange(in_flight_delta=1, max_in_flight=1), Claim("p")], when=OPEN, checks=1
    )

    assert found is hitch


@pytest.mark.parametrize("codes", [("ValidationError", FINE), ("ItemCollectionSizeLimitExceeded",)])
def test_what_another_try_cannot_mend_is_a_crash_at_once(
    stores: Stores, stub: Stubber, pauses: list[float], codes: tuple[str, ...]
) -> None:
    cancel(stub, *codes)

    with pytest.raises(ClientError, match="TransactionCanceled"):
        stores.jobs.create(job())

    assert pauses == []


@pytest.mark.parametrize("code", ["AccessDeniedException", "ValidationException"])
def test_another_error_is_a_crash_at_once(
    stores: Stores, stub: Stubber, pauses: list[float], code: str
) -> None:
    stub.add_client_error("transact_write_items", code)

    with pytest.raises(ClientError, match=code):
        stores.jobs.create(job())

    assert pauses == []


def write_one(stores: Stores, which: str) -> None:
    """Change one item by itself."""
    match which:
        case "record":
            assert stores.jobs.update("j", when=OPEN, checks=1) == job(checks=1)
        case "queue":
            assert stores.queue.swap(QueueShard(), QueueShard())
        case _:
            stores.budgets.warn(DAY, "tests")


@pytest.mark.parametrize("which", ["record", "queue", "budget"])
def test_a_single_write_that_meets_a_transaction_is_tried_again(
    stores: Stores, dynamodb: DynamoDBClient, pauses: list[float], which: str
) -> None:
    stores.jobs.create(job(checks=1))
    [record] = dynamodb.scan(TableName=TABLE)["Items"]
    with Stubber(dynamodb) as stub:
        for _ in range(3):
            stub.add_client_error("update_item", "TransactionConflictException")
        stub.add_response("update_item", {"Attributes": record})

        write_one(stores, which)

        stub.assert_no_pending_responses()
    assert len(pauses) == 3


@pytest.mark.parametrize("which", ["record", "queue", "budget"])
@pytest.mark.parametrize(("code", "tries"), [
    ("TransactionConflictException", 25), ("AccessDeniedException", 1),
])  # fmt: skip
def test_a_single_write_is_not_tried_for_ever_either(
    stores: Stores, stub: Stubber, which: str, code: str, tries: int
) -> None:
    for _ in range(tries):
        stub.add_client_error("update_item", code)

    with pytest.raises(ClientError, match=code):
        write_one(stores, which)
