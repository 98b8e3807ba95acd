"""Contract of the port Claims: a prediction has at most one owner, written with its job."""

from datetime import UTC, datetime, timedelta

import pytest
from mypy_boto3_dynamodb import DynamoDBClient

from darkroom.domain.job import OPEN, Job, Status
from darkroom.ports import Claim, Conflict
from tests.contract.conftest import TABLE
from tests.contract.stores import Stores, dynamodb_stores, job


def claim(stores: Stores, job_id: str, prediction_id: str = "p") -> Job | Conflict:
    return stores.jobs.transact(
        job_id, [Claim(prediction_id)], when=OPEN, prediction_id=prediction_id
    )


@pytest.fixture
def two_jobs(stores: Stores) -> Stores:
    """Return the stores with two open jobs, `a` and `b`."""
    for name in "ab":
        assert stores.jobs.create(job(job_id=name))
    return stores


def test_claim_sets_the_owner_and_the_prediction_of_the_job(two_jobs: Stores) -> None:
    assert claim(two_jobs, "a") == job(job_id="a", prediction_id="p")

    assert two_jobs.claims.owner("p") == "a"
    assert two_jobs.claims.owner("other") is None


def test_claim_is_idempotent(two_jobs: Stores) -> None:
    claim(two_jobs, "a")

    assert isinstance(claim(two_jobs, "a"), Job)

    assert two_jobs.claims.owner("p") == "a"


def test_claim_of_another_jobs_prediction_changes_nothing(two_jobs: Stores) -> None:
    claim(two_jobs, "a")

    assert claim(two_jobs, "b") is Conflict.CLAIM

    assert two_jobs.claims.owner("p") == "a"
    assert two_jobs.job("b") == job(job_id="b")


def test_ended_or_missing_job_cannot_claim(two_jobs: Stores) -> None:
    two_jobs.jobs.update("a", when=OPEN, status=Status.FAILED)

    assert claim(two_jobs, "a") is Conflict.JOB
    assert claim(two_jobs, "none") is Conflict.JOB

    assert two_jobs.claims.owner("p") is None
    assert isinstance(claim(two_jobs, "b"), Job)


@pytest.mark.parametrize("prediction_id", ["#", "a/b?c=d", "Ö\U0001f3ee", "CLAIM#p", "x" * 900])
def test_prediction_id_can_be_any_text(two_jobs: Stores, prediction_id: str) -> None:
    assert isinstance(claim(two_jobs, "a", prediction_id), Job)

    assert two_jobs.claims.owner(prediction_id) == "a"


def test_claim_is_kept_for_at_least_90_days(dynamodb: DynamoDBClient) -> None:
    stores = dynamodb_stores(dynamodb, TABLE)
    stores.jobs.create(job())
    claim(stores, "j")

    key = {"pk": {"S": "CLAIM#p"}, "sk": {"S": "CLAIM"}}
    item = dynamodb.get_item(TableName=TABLE, Key=key)["Item"]
    assert item.keys() == {"pk", "sk", "job_id", "expires_at"}
    expires_at = datetime.fromtimestamp(int(item["expires_at"]["N"]), UTC)
    assert expires_at > datetime.now(UTC) + timedelta(days=90)
