"""Claims: a prediction is one job's, written together with the job that it becomes."""

from datetime import UTC, datetime, timedelta

import pytest
from mypy_boto3_dynamodb import DynamoDBClient

from darkroom.domain.job import OPEN, Job, Status
from darkroom.ports import Claim, Conflict
from tests.contract.conftest import TABLE
from tests.contract.stores import Stores, job, over


def claim(stores: Stores, job_id: str, prediction_id: str = "p") -> Job | Conflict:
    return stores.jobs.transact(
        job_id, [Claim(prediction_id)], when=OPEN, prediction_id=prediction_id
    )


@pytest.fixture
def two(stores: Stores) -> Stores:
    """Two open jobs, a and b."""
    for name in "ab":
        assert stores.jobs.create(job(job_id=name))
    return stores


def test_a_prediction_that_nobody_claimed_is_nobodys(stores: Stores) -> None:
    assert stores.claims.owner("p") is None


def test_a_claim_is_the_jobs_that_made_it(two: Stores) -> None:
    assert claim(two, "a") == job(job_id="a", prediction_id="p")

    assert two.claims.owner("p") == "a"
    assert two.claims.owner("other") is None


def test_the_same_job_may_claim_its_prediction_again(two: Stores) -> None:
    claim(two, "a")

    assert isinstance(claim(two, "a"), Job)

    assert two.claims.owner("p") == "a"


def test_anothers_prediction_is_refused_and_nothing_changes(two: Stores) -> None:
    claim(two, "a")

    assert claim(two, "b") is Conflict.CLAIM

    assert two.claims.owner("p") == "a"
    assert two.job("b") == job(job_id="b")


def test_a_job_that_has_moved_on_claims_nothing(two: Stores) -> None:
    two.jobs.update("a", when=OPEN, status=Status.FAILED)

    assert claim(two, "a") is Conflict.JOB
    assert claim(two, "none") is Conflict.JOB

    assert two.claims.owner("p") is None
    assert isinstance(claim(two, "b"), Job)


def test_a_job_may_have_claimed_several_predictions(two: Stores) -> None:
    for name in ("p", "q"):
        assert isinstance(claim(two, "a", name), Job)

    assert [two.claims.owner(name) for name in ("p", "q")] == ["a", "a"]


def test_as_many_predictions_as_there_are_find_as_many_owners(two: Stores) -> None:
    took = [(name, p) for p in ("p", "q") for name in "ab" if isinstance(claim(two, name, p), Job)]

    assert took == [("a", "p"), ("a", "q")]
    assert claim(two, "b", "r") == job(job_id="b", prediction_id="r")


@pytest.mark.parametrize("prediction_id", ["#", "a/b?c=d", "Ö\U0001f3ee", "CLAIM#p", "x" * 900])
def test_any_text_can_be_an_id(two: Stores, prediction_id: str) -> None:
    assert isinstance(claim(two, "a", prediction_id), Job)

    assert two.claims.owner(prediction_id) == "a"


def test_a_claim_is_kept_at_least_as_long_as_a_record(dynamodb: DynamoDBClient) -> None:
    stores = over(dynamodb, TABLE)
    stores.jobs.create(job())
    claim(stores, "j")

    key = {"pk": {"S": "CLAIM#p"}, "sk": {"S": "CLAIM"}}
    item = dynamodb.get_item(TableName=TABLE, Key=key)["Item"]
    assert item.keys() == {"pk", "sk", "job_id", "expires_at"}
    until = datetime.fromtimestamp(int(item["expires_at"]["N"]), UTC)
    assert until > datetime.now(UTC) + timedelta(days=90)
