"""Batches on the deployed stack: a result for each row, and costs that match the ledger."""

import csv
import io
import json
import time
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import httpx
import pytest

from darkroom.adapters.dynamodb.batches import BatchTable
from darkroom.domain.callers import Role
from darkroom.domain.errors import Charged
from darkroom.domain.keys import digest
from darkroom_cli.operator.keys import TableKeys
from tests.e2e.api_client import ApiClient
from tests.e2e.deployment import Deployment

SECONDS = 240
VALID_ROWS = 8
# Faults of rows, with the expected status, code and charge.
FAULTS = {
    "Refused-row [[fault submit.http status=400]]": ("failed", "invalid_request", "no"),
    "Broken-row [[fault run.hiccup]] [[fault money.refund_now]]": (
        "failed",
        "provider_failed",
        "no",
    ),
    "Unanswered-row [[fault submit.accept_then_close]]": ("completed", "", "yes"),
}  # fmt: skip
INVALID_ROWS = {
    "bad-quality": "column \"quality\" must be 'low', 'medium' or 'high'.",
    "no-product": 'column "product" is empty, but the prompt uses {product}.',
}


def rows() -> bytes:
    """Return a CSV with valid rows, rows with faults, an invalid quality and an empty cell."""
    text = io.StringIO()
    writer = csv.DictWriter(text, ["id", "product", "quality", "prompt"])
    writer.writeheader()
    for number in range(VALID_ROWS):
        writer.writerow({"id": f"sku-{number}", "product": f"teapot {number}"})
    for prompt in FAULTS:
        writer.writerow({"id": prompt.split()[0], "prompt": prompt})
    writer.writerow({"id": "bad-quality", "product": "kettle", "quality": "lowest"})
    writer.writerow({"id": "no-product"})
    return text.getvalue().encode()


def batch_request(source: str, **options: Any) -> dict[str, Any]:
    """Return a request for a batch of the file."""
    defaults = {"quality": "low", "resolution": "1k"}
    return {
        "source": source,
        "prompt": "{product} on white, batch",
        "defaults": defaults,
        **options,
    }


def until_ended(api_client: ApiClient, batch_id: str) -> dict[str, Any]:
    """Wait for the end of a batch; return the batch."""
    deadline = time.monotonic() + SECONDS
    while True:
        batch: dict[str, Any] = api_client.client.get(
            f"/v1/batches/{batch_id}", params={"wait": 10}
        ).json()
        if batch["ended_at"] is not None:
            return batch
        assert time.monotonic() < deadline, batch


@pytest.fixture(scope="module")
def caller(deployment: Deployment) -> Iterator[ApiClient]:
    with deployment.http_client(deployment.create_key("buyer")) as client:
        yield ApiClient(client)


@pytest.fixture(scope="module")
def source(caller: ApiClient) -> str:
    reference: str = caller.upload(rows(), "text/csv")["reference"]
    return reference


@pytest.fixture(scope="module")
def ended(caller: ApiClient, source: str) -> dict[str, Any]:
    """Request the batch twice with the same idempotency key; return the ended batch."""
    headers = {"Idempotency-Key": "autumn"}
    responses = [
        caller.client.post("/v1/batches", json=batch_request(source), headers=headers)
        for _ in range(2)
    ]
    assert [response.status_code for response in responses] == [202, 202], responses[0].text
    first, second = (response.json() for response in responses)
    assert first["batch_id"] == second["batch_id"]
    return until_ended(caller, first["batch_id"])


@pytest.fixture(scope="module")
def results(ended: dict[str, Any]) -> dict[str, dict[str, str]]:
    """Return the rows of the CSV results by id."""
    content = httpx.get(ended["results"]["csv_url"], trust_env=False).content
    text = content.decode("utf-8-sig")  # with a byte order mark, for Excel
    return {row["id"]: row for row in csv.DictReader(io.StringIO(text))}


def test_every_row_has_a_result(ended: dict[str, Any], results: dict[str, dict[str, str]]) -> None:
    assert ended["status"] == "completed"
    assert [int(row["row"]) for row in results.values()] == list(range(1, ended["rows"] + 1))
    for number in range(VALID_ROWS):
        row = results[f"sku-{number}"]
        assert (row["status"], row["charged"], row["cost_usd"]) == ("completed", "yes", "0.010000")
        assert row["assets"].startswith("s3://")
    for prompt, expected in FAULTS.items():
        row = results[prompt.split()[0]]
        assert (row["status"], row["code"], row["charged"]) == expected
    for name, problem in INVALID_ROWS.items():
        message = f"Row {results[name]['row']}: {problem}"
        assert (results[name]["status"], results[name]["message"]) == ("bad", message)


def test_costs_of_the_results_match_the_ledger(
    deployment: Deployment, ended: dict[str, Any], results: dict[str, dict[str, str]]
) -> None:
    jobs = [deployment.job(row["job_id"]) for row in results.values() if row["job_id"]]
    predictions = {job.prediction_id for job in jobs if job.prediction_id}
    entries = [
        e for e in deployment.query_simulator("ledger")["entries"] if e["prediction"] in predictions
    ]
    paid = sum(
        e["amount_micro_usd"] if e["kind"] == "deduct" else -e["amount_micro_usd"] for e in entries
    )

    total_usd = sum(Decimal(row["cost_usd"]) for row in results.values() if row["charged"] == "yes")
    assert total_usd * 1_000_000 == ended["spent_micro_usd"] == paid
    assert ended["uncertain_micro_usd"] == 0
    charges = [e["prediction"] for e in entries if e["kind"] == "deduct"]
    assert len(charges) == len(set(charges)), "a prediction was charged twice"


def test_batch_completed_event_is_published(deployment: Deployment, ended: dict[str, Any]) -> None:
    event = deployment.bus.wait_for(
        lambda event: event["detail"].get("batch_id") == ended["batch_id"],
        seconds=20,
        what="BatchCompleted",
    )

    assert event["detail-type"] == "BatchCompleted"
    assert event["detail"]["progress"] == ended["progress"]
    assert event["detail"]["spent_micro_usd"] == ended["spent_micro_usd"]


def test_canceled_batch_ends_with_a_result_for_each_row(
    deployment: Deployment, caller: ApiClient
) -> None:
    lines = [
        json.dumps({"prompt": f"Canceled {number} [[fault run.duration seconds=8]]"})
        for number in range(20)
    ]
    source = caller.upload("\n".join(lines).encode(), "application/x-ndjson")["reference"]
    defaults = {"quality": "low"}
    batch = caller.client.post("/v1/batches", json={"source": source, "defaults": defaults}).json()

    canceled = caller.client.delete(f"/v1/batches/{batch['batch_id']}")
    ended_batch = until_ended(caller, batch["batch_id"])

    assert (canceled.status_code, canceled.json()["status"]) == (202, "canceling")
    assert ended_batch["status"] == "canceled"
    assert sum(ended_batch["progress"].values()) == 20
    assert ended_batch["progress"]["canceled"] > 0
    assert len(deployment.submits_with("Canceled ")) * 10_000 == ended_batch["spent_micro_usd"]


def test_batch_of_a_revoked_key_submits_no_further_row(deployment: Deployment) -> None:
    stack, count = deployment.stack, 150
    token = deployment.create_key("leaver")
    lines = [
        json.dumps({"prompt": f"Revoked {number}", "quality": "low"}) for number in range(count)
    ]
    with deployment.http_client(token) as client:
        source = ApiClient(client).upload("\n".join(lines).encode(), "application/x-ndjson")
        batch = client.post("/v1/batches", json={"source": source["reference"]}).json()

    TableKeys(stack.client, stack.table, stack.audit_log).revoke(digest(token)[:12])
    with deployment.http_client(deployment.create_key("boss", Role.ADMIN)) as client:
        ended_batch = until_ended(ApiClient(client), batch["batch_id"])

    record = BatchTable(stack.client("dynamodb"), stack.table).get(batch["batch_id"])
    assert record is not None
    jobs = [deployment.find_job(record.job_of(number)) for number in range(1, count + 1)]
    sent = [job for job in jobs if job and job.was_sent]
    assert ended_batch["status"] == "canceled"
    assert len(deployment.submits_with("Revoked ")) == len(sent) < count // 2
    assert ended_batch["spent_micro_usd"] == len(sent) * 10_000
    assert ended_batch["progress"]["canceled"] >= count - len(sent)
    assert {job.charge for job in jobs if job and job not in sent} <= {Charged.NO}


def test_batch_stays_within_the_budget_of_its_caller(deployment: Deployment) -> None:
    with deployment.http_client(deployment.create_key("saver", daily_budget_usd=0.03)) as client:
        capped_caller = ApiClient(client)
        lines = [json.dumps({"id": n, "prompt": f"Saved {n}", "quality": "low"}) for n in range(5)]
        source = capped_caller.upload("\n".join(lines).encode(), "application/x-ndjson")[
            "reference"
        ]
        batch = client.post("/v1/batches", json={"source": source}).json()
        ended_batch = until_ended(capped_caller, batch["batch_id"])

    assert (ended_batch["progress"]["completed"], ended_batch["progress"]["failed"]) == (3, 2)
    assert ended_batch["spent_micro_usd"] == 30_000
    assert len(deployment.submits_with("Saved ")) == 3


def test_batch_executions_contain_no_row_data(
    deployment: Deployment, ended: dict[str, Any]
) -> None:
    states = deployment.stack.client("stepfunctions")
    machine = deployment.stack.state_machine_arn.replace("-image-job", "-batch")
    arn = f"{machine.replace(':stateMachine:', ':execution:')}:{ended['batch_id']}-1"
    (run,) = states.list_map_runs(executionArn=arn)["mapRuns"]
    chunk_executions = states.list_executions(mapRunArn=run["mapRunArn"])["executions"]

    descriptions = [states.get_execution_history(executionArn=arn)["events"]]
    descriptions += [
        states.describe_execution(executionArn=execution["executionArn"])
        for execution in chunk_executions
    ]

    assert len(chunk_executions) == 2  # 13 rows, 12 per chunk
    text = json.dumps(descriptions, default=str)
    assert ended["batch_id"] in text
    assert [
        private_text
        for private_text in ("teapot", "sku-", "upload:", "dk_")
        if private_text in text
    ] == []
