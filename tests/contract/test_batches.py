"""Contracts of the batch ports: records and refusals, files in S3, and executions."""

import io
import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from zipfile import ZIP_STORED, ZipFile

import boto3
import pytest
from botocore.stub import Stubber
from mypy_boto3_dynamodb import DynamoDBClient
from mypy_boto3_s3 import S3Client

from darkroom.adapters.dynamodb.batches import BatchTable
from darkroom.adapters.dynamodb.jobs import JobTable
from darkroom.adapters.s3.batch_files import CHUNKS, BatchBucket, key_of
from darkroom.adapters.s3.versions import ObjectVersions
from darkroom.adapters.s3.zips import ZipBucket
from darkroom.adapters.zip_function import AsyncZipFunction
from darkroom.domain.batch import Batch, BatchStatus, Counts, Refusal, RowProblem
from darkroom.domain.errors import Code
from darkroom.domain.references import S3Object
from darkroom.domain.rows import Row, chunks, line_of
from darkroom.ports import Batches, Cursor, ZipEntry
from tests.contract.conftest import TABLE
from tests.contract.stores import job
from tests.fakes.batches import InMemoryBatches
from tests.fakes.signals import START

RUNNING = [BatchStatus.RUNNING]


def batch(batch_id: str = "b", **changes: Any) -> Batch:
    """Return a batch with default fields and `changes`."""
    defaults: dict[str, Any] = {
        "batch_id": batch_id, "caller": "key:shop", "request_id": "r", "idempotency_key": "k",
        "fingerprint": "f", "name": "rows.csv", "rows": 3, "bad_rows": 1,
        "source": S3Object(bucket="assets", key="uploads/a.csv", version_id="v"),
        "problems": (RowProblem(row=2, field="prompt", message="Row 2: `prompt` is missing."),),
        "estimated_cost_micro_usd": 20_000, "counts": Counts(waiting=2, bad=1),
        "accepted_at": START, "sweep_after": START, "expires_at": 1_800_000_000,
    }  # fmt: skip
    return Batch.model_validate(defaults | changes)


@pytest.fixture(params=["memory", "dynamodb"])
def batches(request: pytest.FixtureRequest) -> Batches:
    if request.param == "memory":
        return InMemoryBatches()
    return BatchTable(request.getfixturevalue("dynamodb"), TABLE)


def ids(batches: Sequence[Batch]) -> list[str]:
    return [record.batch_id for record in batches]


def test_record_is_stored_once_and_read_back_unchanged(batches: Batches) -> None:
    assert batches.create(batch())
    assert not batches.create(batch(name="other"))

    assert batches.get("b") == batch()
    assert batches.get("none") is None


def test_update_requires_one_of_the_statuses(batches: Batches) -> None:
    batches.create(batch(eta_seconds=5))

    changed = batches.update("b", when=RUNNING, counts=Counts(completed=2), eta_seconds=None)

    assert changed == batches.get("b") == batch(counts=Counts(completed=2))
    assert batches.update("b", when=RUNNING, status=BatchStatus.COMPLETED) is not None
    assert batches.update("b", when=RUNNING, creation_finished=True) is None
    assert batches.update("none", when=RUNNING, creation_finished=True) is None


def test_lists_are_newest_first_for_one_caller_or_all_callers(batches: Batches) -> None:
    for number, caller in enumerate(["key:shop", "key:other", "key:shop", "key:shop"]):
        accepted_at = START + timedelta(seconds=number)
        batches.create(batch(f"b{number}", caller=caller, accepted_at=accepted_at))

    first, after = batches.page("key:shop", limit=2, after=None)
    second, end = batches.page("key:shop", limit=2, after=after)

    assert (ids(first), ids(second), end) == (["b3", "b2"], ["b0"], None)
    assert after == Cursor(START + timedelta(seconds=2), "b2")
    assert ids(batches.page(None, limit=9, after=None)[0]) == ["b3", "b2", "b1", "b0"]


def test_due_batches_are_ordered_by_sweep_time(batches: Batches) -> None:
    for number in (2, 1, 5):
        batches.create(batch(f"b{number}", sweep_after=START + timedelta(seconds=number)))
    batches.create(batch("never", sweep_after=None))

    assert ids(batches.due(START + timedelta(seconds=3))) == ["b1", "b2"]


def test_refusals_are_stored_by_row(batches: Batches) -> None:
    batches.create(batch())
    for row in (2, 10_000, 2):
        batches.refuse(batch(), Refusal(row=row, code=Code.BUDGET_EXCEEDED, message="too dear"))

    assert sorted(batches.refusals("b")) == [2, 10_000]
    assert batches.refusals("b")[2].code is Code.BUDGET_EXCEEDED
    assert batches.refusals("other") == {}
    assert batches.get("b") == batch()


def test_job_lists_do_not_contain_batches(dynamodb: DynamoDBClient) -> None:
    jobs, table = JobTable(dynamodb, TABLE), BatchTable(dynamodb, TABLE)
    table.create(batch())
    table.refuse(batch(), Refusal(row=1, code=Code.INVALID_REQUEST, message="no"))
    jobs.create(job(caller="key:shop", sweep_after=START))

    assert [record.job_id for record in jobs.page("key:shop", limit=9, after=None)[0]] == ["j"]
    assert [record.job_id for record in jobs.page(None, limit=9, after=None)[0]] == ["j"]
    assert [record.job_id for record in jobs.due(START, limit=9)] == ["j"]
    assert ids(table.due(START)) == ["b"]


def test_many_returns_the_existing_records_of_250_ids(dynamodb: DynamoDBClient) -> None:
    jobs = JobTable(dynamodb, TABLE)
    for number in (0, 150, 249):
        jobs.create(job(job_id=f"j{number}"))

    records = jobs.many([f"j{number}" for number in range(250)])

    assert {record.job_id for record in records} == {"j0", "j150", "j249"}


def test_rows_are_read_completely_or_by_chunk(s3: S3Client) -> None:
    files = BatchBucket(s3, "assets")
    rows = [Row(number=n, id="ä\r\u2028", request={"prompt": f"x\n{n}"}) for n in range(1, 8)]
    lines = [line_of(row) for row in rows]
    spans = chunks(lines, 3, 10**6)
    files.write_rows("b", lines, spans)

    assert list(files.rows("b")) == rows
    assert [list(files.rows("b", span)) for span in spans] == [rows[:3], rows[3:6], rows[6:]]
    body = s3.get_object(Bucket="assets", Key=key_of("b", CHUNKS))["Body"].read()
    assert json.loads(body) == spans


def test_file_is_read_in_the_pinned_version(s3: S3Client) -> None:
    first = s3.put_object(Bucket="assets", Key="a.csv", Body=b"one")["VersionId"]
    s3.put_object(Bucket="assets", Key="a.csv", Body=b"two")
    files = BatchBucket(s3, "assets")

    assert files.read(S3Object(bucket="assets", key="a.csv", version_id=first)) == b"one"
    assert files.read(S3Object(bucket="assets", key="a.csv")) == b"two"


def test_results_are_stored_at_the_returned_location(s3: S3Client) -> None:
    files = BatchBucket(s3, "assets")
    files.write_results("b", "results.csv", io.BytesIO(b"row\n"), "text/csv; charset=utf-8")

    location = files.results("b", "results.csv")
    records = s3.get_object(Bucket=location.bucket, Key=location.key)
    assert (records["Body"].read(), records["ContentType"]) == (b"row\n", "text/csv; charset=utf-8")


RESULTS = b'{"row":1}\n{"row":2}\n'


def stored_results(s3: S3Client) -> list[bytes]:
    """Return the bytes of every version of the results, newest first."""
    key = key_of("b", "results.jsonl")
    return [
        s3.get_object(Bucket="assets", Key=key, VersionId=v["VersionId"])["Body"].read()
        for v in s3.list_object_versions(Bucket="assets", Prefix=key).get("Versions", [])
    ]


def test_results_are_rewritten_and_the_earlier_version_is_deleted(s3: S3Client) -> None:
    files = BatchBucket(s3, "assets")
    files.write_results("b", "results.jsonl", io.BytesIO(RESULTS), "application/x-ndjson")

    for _ in range(2):
        files.rewrite_results("b", "results.jsonl", lambda line: line.replace(b"1", b"x"))
    files.rewrite_results("none", "results.jsonl", bytes.upper)

    assert stored_results(s3) == [b'{"row":x}\n{"row":2}\n']
    stored = s3.head_object(Bucket="assets", Key=key_of("b", "results.jsonl"))
    assert stored["ContentType"] == "application/x-ndjson"


def test_concurrent_rewrite_of_results_is_not_lost(s3: S3Client) -> None:
    files = BatchBucket(s3, "assets")
    files.write_results("b", "results.jsonl", io.BytesIO(RESULTS), "application/x-ndjson")
    others = [lambda line: line.replace(b"2", b"y")]

    def change(line: bytes) -> bytes:
        if others:
            files.rewrite_results("b", "results.jsonl", others.pop())
        return line.replace(b"1", b"x")

    files.rewrite_results("b", "results.jsonl", change)

    assert stored_results(s3) == [b'{"row":x}\n{"row":y}\n']


def test_rows_are_erased_with_every_version(s3: S3Client) -> None:
    files = BatchBucket(s3, "assets")
    for _ in range(2):
        files.write_rows("b", [b"{}\n"], [])

    files.erase_rows("b")
    files.erase_rows("none")

    listed = s3.list_object_versions(Bucket="assets", Prefix="batches/b/")["Versions"]
    assert {version["Key"] for version in listed} == {key_of("b", CHUNKS)}


def test_zip_has_the_objects_that_exist_and_is_found_by_its_number(s3: S3Client) -> None:
    big = bytes(9_000_000)  # uploaded in parts
    for key, data in (("jobs/a/0.png", b"one"), ("jobs/b/0.png", big)):
        s3.put_object(Bucket="assets", Key=key, Body=data)
    zips = ZipBucket(s3, "assets")
    entries = [
        ZipEntry(S3Object(bucket="assets", key=f"jobs/{job}/0.png"), f"{name}.png")
        for job, name in (("a", "猫"), ("gone", "gone"), ("b", "big"))
    ]
    assert zips.find(batch()) == frozenset()

    zips.write(batch(), 3, iter(entries))

    assert zips.find(batch()) == {3}
    assert zips.find(batch(zip_generation=1)) == frozenset()
    location = zips.location(batch(), 3)
    stored = s3.get_object(Bucket=location.bucket, Key=location.key)
    assert stored["ContentType"] == "application/zip"
    with ZipFile(io.BytesIO(stored["Body"].read())) as archive:
        assert archive.testzip() is None
        assert {info.filename: info.file_size for info in archive.infolist()} == {
            "猫.png": 3, "big.png": len(big),
        }  # fmt: skip
        # No sizes after the data, and no compression: every program reads such a file.
        assert {info.flag_bits & 8 for info in archive.infolist()} == {0}
        assert {info.compress_type for info in archive.infolist()} == {ZIP_STORED}
    ObjectVersions(s3, "assets").erase_folder("zips/b/")
    assert zips.find(batch()) == frozenset()


def test_zip_function_is_invoked_without_waiting() -> None:
    client = boto3.client("lambda", region_name="eu-central-1")
    expected = {
        "FunctionName": "zip-batch",
        "InvocationType": "Event",
        "Payload": '{"batch_id": "b", "number": 2}',
    }
    with Stubber(client) as stubber:
        stubber.add_response("invoke", {"StatusCode": 202}, expected)
        AsyncZipFunction(client, "zip-batch").start("b", 2)
        stubber.assert_no_pending_responses()
