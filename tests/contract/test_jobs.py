"""Contract of the port Jobs: in memory and over DynamoDB (moto)."""

from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given, settings
from hypothesis import strategies as st
from mypy_boto3_dynamodb import DynamoDBClient

from darkroom.adapters.dynamodb.jobs import JobTable
from darkroom.domain.errors import Code
from darkroom.domain.job import OPEN, Asset, Reservation, Status
from darkroom.domain.references import S3Object, Url
from darkroom.domain.requests import Operation
from darkroom.domain.submit_queue import Priority
from darkroom.ports import Jobs
from tests.contract.conftest import TABLE
from tests.contract.stores import Stores, job, reservation
from tests.fakes.signals import START
from tests.profiles import examples

ASSET = Asset(
    bucket="assets", key="jobs/j/0.png", content_type="image/png", size=9, sha256="ab" * 32,
    width=3, height=2,
)  # fmt: skip


@pytest.fixture
def jobs(stores: Stores) -> Jobs:
    return stores.jobs


def test_create_keeps_an_existing_record(jobs: Jobs) -> None:
    jobs.create(job())

    assert not jobs.create(job(caller="other"))

    assert jobs.get("j") == job()


def test_missing_job_is_none(jobs: Jobs) -> None:
    assert jobs.get("none") is None
    assert jobs.update("none", when=list(Status), checks=1) is None
    assert jobs.get("none") is None


def test_update_returns_the_complete_new_record(jobs: Jobs) -> None:
    jobs.create(job(caller="me"))
    later = START + timedelta(seconds=1.5)

    updated = jobs.update(
        "j", when=[Status.QUEUED], status=Status.SUBMITTING, submitting_at=later, submit_attempts=1
    )

    assert updated == jobs.get("j")
    assert updated == job(caller="me", status="submitting", submitting_at=later, submit_attempts=1)


@pytest.mark.parametrize("status", Status)
@pytest.mark.parametrize("when", [[Status.QUEUED], list(OPEN), [Status.FAILED], list(Status)])
def test_update_in_another_status_changes_nothing(
    jobs: Jobs, status: Status, when: list[Status]
) -> None:
    jobs.create(job(status=status))

    updated = jobs.update("j", when=when, checks=7, status=Status.FAILED, code=Code.CANCELED)

    assert (updated is not None) == (status in when)
    assert jobs.get("j") == (updated or job(status=status))


def test_update_can_require_an_absent_field(jobs: Jobs) -> None:
    jobs.create(job(status="submitted"))

    first, second = (
        jobs.update("j", when=OPEN, absent="canceled_at", canceled_at=START + timedelta(n))
        for n in range(2)
    )

    assert first == jobs.get("j") == job(status="submitted", canceled_at=START)
    assert second is None


@pytest.mark.parametrize("given", ["canceled_at", "detail"])
def test_update_can_require_several_absent_fields(jobs: Jobs, given: str) -> None:
    jobs.create(job(status="submitted", **{given: START if given == "canceled_at" else "no"}))

    assert jobs.update("j", when=OPEN, absent=("canceled_at", "detail"), checks=7) is None
    assert jobs.update("j", when=OPEN, absent=("charged", "hidden_at"), checks=7) is not None


def test_change_to_none_removes_the_field(jobs: Jobs) -> None:
    jobs.create(job(status="submitting", submitting_at=START, detail="words"))

    updated = jobs.update(
        "j", when=[Status.SUBMITTING], status=Status.QUEUED, submitting_at=None, detail=None
    )

    assert updated == jobs.get("j") == job()


def test_empty_fields_are_read_back_as_defaults(jobs: Jobs) -> None:
    full = job(
        references=[Url(url="https://a.test/b.png")], reservations=[reservation(5)], assets=[ASSET],
        sent_images=["aa"], queue_position=0, sweep_after=START, woken_at=START, wake_token="t",
        charged="maybe",
    )  # fmt: skip
    jobs.create(full, [100])

    reset = jobs.update(
        "j", when=OPEN, references=(), reservations=(), assets=(), sent_images=(),
        queue_position=None, sweep_after=None, woken_at=None, wake_token=None, charged=None,
    )  # fmt: skip

    assert reset == jobs.get("j") == job()
    assert (job().references, job().reservations, job().queue_position) == ((), (), None)


TEXT = st.text(max_size=30)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
TEXTS = st.lists(TEXT, max_size=2).map(tuple)
RESERVATIONS = st.builds(Reservation, day=st.dates(), scope=TEXT, micro_usd=st.integers(0, 10**9))
TIMES = st.none() | st.timedeltas(timedelta(0), timedelta(days=400)).map(START.__add__)
JOB_CHANGES = st.fixed_dictionaries(
    {
        "operation": st.sampled_from(Operation),
        "input": st.dictionaries(TEXT, JSON, max_size=4),
        "references": st.lists(
            st.builds(Url, url=TEXT)
            | st.builds(S3Object, bucket=TEXT, key=TEXT, version_id=st.none() | TEXT),
            max_size=3,
        ),
        "estimated_cost_micro_usd": st.none() | st.integers(0, 10**9),
        "status": st.sampled_from(Status),
        "code": st.none() | st.sampled_from(Code),
        "detail": st.none() | TEXT,
        "prediction_id": st.none() | TEXT,
        "checks": st.integers(0, 10_000),
        "priced_as_of": st.none() | TEXT,
        "reservations": st.lists(RESERVATIONS, max_size=2).map(tuple),
        "priority": st.sampled_from(Priority),
        "queue_position": st.none() | st.integers(0, 10**6),
        "sweep_after": TIMES,
        "recovery_polls": st.integers(0, 9),
        "submit_token": st.none() | TEXT,
        "sent_images": TEXTS,
        "wake_token": st.none() | TEXT,
        "woken_at": TIMES,
        "submitted_at": TIMES,
        "canceled_at": TIMES,
        "ended_at": TIMES,
        "assets": st.lists(st.just(ASSET), max_size=2),
        "favorite": st.booleans(),
        "tags": TEXTS,
        "shared_until": TIMES,
    }
)


@settings(max_examples=examples(10))
@given(JOB_CHANGES)
def test_any_job_is_read_back_unchanged(jobs: Jobs, changes: dict[str, Any]) -> None:
    expected = job(**changes)
    jobs.create(job())

    stored = jobs.update(
        "j", when=list(Status), **{name: getattr(expected, name) for name in changes}
    )

    assert stored == jobs.get("j") == expected
    # Numbers of the model input keep their type: 1 is not 1.0.
    assert stored is not None
    assert repr(stored.input) == repr(expected.input)


def test_largest_job_fits_into_one_item(dynamodb: DynamoDBClient) -> None:
    expected = job(
        input={"prompt": "\U0001f3ee" * 32_000},
        references=[Url(url="https://example.com/" + "x" * 8_170)] * 16,
    )

    assert JobTable(dynamodb, TABLE).create(expected)

    [item] = dynamodb.scan(TableName=TABLE)["Items"]
    assert len(str(item).encode()) < 400_000


def test_time_to_live_is_stored_as_a_number(dynamodb: DynamoDBClient) -> None:
    JobTable(dynamodb, TABLE).create(job())

    [item] = dynamodb.scan(TableName=TABLE)["Items"]
    assert item["expires_at"] == {"N": "1800000000"}
    assert (item["pk"], item["sk"]) == ({"S": "JOB#j"}, {"S": "JOB"})


def test_other_table_errors_raise(dynamodb: DynamoDBClient) -> None:
    table = JobTable(dynamodb, "no-such-table")

    with pytest.raises(ClientError, match="ResourceNotFound"):
        table.create(job())
    with pytest.raises(ClientError, match="ResourceNotFound"):
        table.update("j", when=OPEN, checks=1)
