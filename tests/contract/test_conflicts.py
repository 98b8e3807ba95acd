"""Write conflicts are retried up to 24 times; other errors are not retried."""

import time
from collections.abc import Generator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber
from mypy_boto3_dynamodb import DynamoDBClient

from darkroom.domain.breaker import ProviderState
from darkroom.domain.job import OPEN
from darkroom.ports import Claim, Conflict, QueueChange
from tests.contract.conftest import TABLE
from tests.contract.stores import DAY, Stores, dynamodb_stores, job, reservation

CONFLICT, FAILED, NO_ERROR = "TransactionConflict", "ConditionalCheckFailed", "None"


@pytest.fixture
def stores(dynamodb: DynamoDBClient) -> Stores:
    return dynamodb_stores(dynamodb, TABLE)


@pytest.fixture(autouse=True)
def delays(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Replace `time.sleep`; return the list of requested delays, in seconds."""
    requested: list[float] = []
    monkeypatch.setattr(time, "sleep", requested.append)
    return requested


@pytest.fixture
def stub(dynamodb: DynamoDBClient) -> Generator[Stubber]:
    """Yield a stub of DynamoDB; every scripted response must be used."""
    with Stubber(dynamodb) as stub:
        yield stub
        stub.assert_no_pending_responses()


def cancel(stub: Stubber, *codes: str) -> None:
    """Script a canceled transaction with one reason per item."""
    reasons: list[dict[str, Any]] = [{"Code": code} for code in codes]
    stub.add_client_error(
        "transact_write_items",
        "TransactionCanceledException",
        modeled_fields={"CancellationReasons": reasons},
    )


def succeed(stub: Stubber) -> None:
    stub.add_response("transact_write_items", {})


@pytest.mark.parametrize("code", [CONFLICT, "ThrottlingError", "ProvisionedThroughputExceeded"])
def test_conflicting_transaction_is_retried(
    stores: Stores, stub: Stubber, delays: list[float], code: str
) -> None:
    for _ in range(24):
        cancel(stub, NO_ERROR, code)
    succeed(stub)

    assert stores.jobs.create(job(reservations=[reservation(5)]), [10])

    assert len(delays) == 24
    assert all(0 <= delay <= 0.2 for delay in delays)


def test_transaction_in_progress_is_retried(
    stores: Stores, stub: Stubber, delays: list[float]
) -> None:
    stub.add_client_error("transact_write_items", "TransactionInProgressException")
    succeed(stub)

    assert stores.jobs.create(job())

    assert len(delays) == 1


def test_transaction_raises_after_25_attempts(
    stores: Stores, stub: Stubber, delays: list[float]
) -> None:
    for _ in range(25):
        cancel(stub, CONFLICT, NO_ERROR)

    with pytest.raises(ClientError, match="TransactionCanceled"):
        stores.jobs.create(job(reservations=[reservation(5)]), [10])

    assert len(delays) == 24


@pytest.mark.parametrize("codes", [(FAILED, NO_ERROR), (FAILED, CONFLICT), (FAILED, FAILED)])
def test_existing_record_returns_false_without_retry(
    stores: Stores, stub: Stubber, codes: tuple[str, ...]
) -> None:
    cancel(stub, *codes)

    assert not stores.jobs.create(job(reservations=[reservation(5)]), [10])


@pytest.mark.parametrize(
    ("codes", "conflict"),
    [
        ((FAILED, FAILED, FAILED), Conflict.JOB),
        ((NO_ERROR, FAILED, FAILED), Conflict.QUEUE),
        ((NO_ERROR, NO_ERROR, FAILED), Conflict.CLAIM),
        ((CONFLICT, NO_ERROR, FAILED), Conflict.CLAIM),
    ],
)
def test_failed_condition_returns_its_conflict_without_retry(
    stores: Stores, stub: Stubber, codes: tuple[str, ...], conflict: Conflict
) -> None:
    cancel(stub, *codes)

    result = stores.jobs.transact(
        "j", [QueueChange(in_flight_delta=1, max_in_flight=1), Claim("p")], when=OPEN, checks=1
    )

    assert result is conflict


def test_other_error_raises_without_retry(
    stores: Stores, stub: Stubber, delays: list[float]
) -> None:
    cancel(stub, "ValidationError", NO_ERROR)
    stub.add_client_error("transact_write_items", "AccessDeniedException")

    for code in ("TransactionCanceled", "AccessDenied"):
        with pytest.raises(ClientError, match=code):
            stores.jobs.create(job())

    assert delays == []


def write_item(stores: Stores, item: str) -> None:
    """Write one item without a transaction."""
    match item:
        case "record":
            assert stores.jobs.update("j", when=OPEN, checks=1) == job(checks=1)
        case "provider":
            assert stores.queue.swap_provider(ProviderState(), ProviderState())
        case _:
            stores.budgets.warn(DAY, "tests")


@pytest.mark.parametrize("item", ["record", "provider", "budget"])
def test_conflicting_single_write_is_retried(
    stores: Stores, dynamodb: DynamoDBClient, delays: list[float], item: str
) -> None:
    stores.jobs.create(job(checks=1))
    [record] = dynamodb.scan(TableName=TABLE)["Items"]
    with Stubber(dynamodb) as stub:
        for _ in range(3):
            stub.add_client_error("update_item", "TransactionConflictException")
        stub.add_response("update_item", {"Attributes": record})

        write_item(stores, item)

        stub.assert_no_pending_responses()
    assert len(delays) == 3


@pytest.mark.parametrize("item", ["record", "provider", "budget"])
@pytest.mark.parametrize(("code", "attempts"), [
    ("TransactionConflictException", 25), ("AccessDeniedException", 1),
])  # fmt: skip
def test_single_write_raises_after_its_attempts(
    stores: Stores, stub: Stubber, item: str, code: str, attempts: int
) -> None:
    for _ in range(attempts):
        stub.add_client_error("update_item", code)

    with pytest.raises(ClientError, match=code):
        write_item(stores, item)
