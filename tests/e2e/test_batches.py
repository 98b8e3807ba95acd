"""A batch on the deployed stack: a file in, a result for every row out, and the ledger agrees."""

import csv
import io
import json
import time
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import httpx
import pytest

from tests.e2e.desk import Desk
from tests.e2e.shop import Shop

SECONDS = 240
GOOD = 20
# What the provider does with a row, and what it comes to.
FAULTS = {
    "Refused-row [[fault submit.http status=400]]": ("failed", "invalid_request", "no"),
    "Broken-row [[fault run.hiccup]] [[fault money.refund_now]]": (
        "failed",
        "provider_failed",
        "no",
    ),
    "Unanswered-row [[fault submit.accept_then_close]]": ("completed", "", "yes"),
}  # fmt: skip
BAD = {"bad-quality": "quality is not one of the values", "no-product": "product is missing"}


def rows() -> bytes:
    """A CSV: a template's column, rows with faults, a quality that there is not, an empty cell."""
    text = io.StringIO()
    sheet = csv.DictWriter(text, ["id", "product", "quality", "prompt"])
    sheet.writeheader()
    for number in range(GOOD):
        sheet.writerow({"id": f"sku-{number}", "product": f"teapot {number}"})
    for prompt in FAULTS:
        sheet.writerow({"id": prompt.split()[0], "prompt": prompt})
    sheet.writerow({"id": "bad-quality", "product": "kettle", "quality": "lowest"})
    sheet.writerow({"id": "no-product"})
    return text.getvalue().encode()


def asked(source: str, **more: Any) -> dict[str, Any]:
    """A request for a batch of the file."""
    defaults = {"quality": "low", "resolution": "1k"}
    return {
        "source": source,
        "prompt": "{product} on white, batch",
        "defaults": defaults,
        **more,
    }


def until_ended(shop: Shop, batch_id: str) -> dict[str, Any]:
    """The batch once it has ended."""
    deadline = time.monotonic() + SECONDS
    while True:
        batch: dict[str, Any] = shop.client.get(
            f"/v1/batches/{batch_id}", params={"wait": 10}
        ).json()
        if batch["ended_at"] is not None:
            return batch
        assert time.monotonic() < deadline, batch


@pytest.fixture(scope="module")
def buyer(desk: Desk) -> Iterator[Shop]:
    with desk.http(desk.key("buyer")) as client:
        yield Shop(client)


@pytest.fixture(scope="module")
def source(buyer: Shop) -> str:
    reference: str = buyer.upload(rows(), "text/csv")["reference"]
    return reference


@pytest.fixture(scope="module")
def ended(buyer: Shop, source: str) -> dict[str, Any]:
    """The batch of the file, asked for twice, once it has ended."""
    once = {"Idempotency-Key": "autumn"}
    answers = [buyer.client.post("/v1/batches", json=asked(source), headers=once) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [202, 202], answers[0].text
    first, second = (answer.json() for answer in answers)
    assert first["batch_id"] == second["batch_id"]
    return until_ended(buyer, first["batch_id"])


@pytest.fixture(scope="module")
def results(ended: dict[str, Any]) -> dict[str, dict[str, str]]:
    """The rows of the CSV of results, by their ids."""
    text = httpx.get(ended["results"]["csv_url"], trust_env=False).text
    return {row["id"]: row for row in csv.DictReader(io.StringIO(text))}


def test_a_dry_run_tells_of_bad_rows_and_the_price_and_spends_nothing(
    desk: Desk, buyer: Shop, source: str
) -> None:
    before = desk.charged()
    answer = buyer.client.post("/v1/batches", json=asked(source, dry_run=True))

    plan = answer.json()
    assert (answer.status_code, plan["status"], plan["batch_id"]) == (200, "planned", None)
    assert (plan["rows"], plan["bad_rows"]) == (GOOD + len(FAULTS) + len(BAD), len(BAD))
    assert [(each["row"], each["field"]) for each in plan["errors"]] == [
        (GOOD + len(FAULTS) + 1, "quality"),
        (GOOD + len(FAULTS) + 2, "product"),
    ]
    assert plan["estimated_cost_micro_usd"] == (GOOD + len(FAULTS)) * 10_000
    assert desk.charged() == before


def test_every_row_has_a_result_and_one_bad_row_stops_no_other(
    ended: dict[str, Any], results: dict[str, dict[str, str]]
) -> None:
    assert ended["status"] == "completed"
    assert [int(row["row"]) for row in results.values()] == list(range(1, ended["rows"] + 1))
    for number in range(GOOD):
        row = results[f"sku-{number}"]
        assert (row["status"], row["charged"], row["cost_usd"]) == ("completed", "yes", "0.010000")
        assert row["assets"].startswith("s3://")
    for prompt, end in FAULTS.items():
        row = results[prompt.split()[0]]
        assert (row["status"], row["code"], row["charged"]) == end
    for name, problem in BAD.items():
        assert (results[name]["status"], results[name]["message"]) == ("bad", problem)


def test_the_results_add_up_with_the_ledger_to_the_cent(
    desk: Desk, ended: dict[str, Any], results: dict[str, dict[str, str]]
) -> None:
    jobs = [desk.job(row["job_id"]) for row in results.values() if row["job_id"]]
    predictions = {job.prediction_id for job in jobs if job.prediction_id}
    entries = [e for e in desk.admin("ledger")["entries"] if e["prediction"] in predictions]
    paid = sum(
        e["amount_micro_usd"] if e["kind"] == "deduct" else -e["amount_micro_usd"] for e in entries
    )

    told = sum(Decimal(row["cost_usd"]) for row in results.values() if row["charged"] == "yes")
    assert told * 1_000_000 == ended["spent_micro_usd"] == paid
    assert ended["uncertain_micro_usd"] == 0
    charges = [e["prediction"] for e in entries if e["kind"] == "deduct"]
    assert len(charges) == len(set(charges)), "a prediction was charged twice"


def test_the_other_form_of_the_results_says_the_same(
    ended: dict[str, Any], results: dict[str, dict[str, str]]
) -> None:
    text = httpx.get(ended["results"]["jsonl_url"], trust_env=False).text
    told = [json.loads(line) for line in text.splitlines()]

    assert [(each["row"], each["id"], each["status"]) for each in told] == [
        (int(row["row"]), row["id"], row["status"]) for row in results.values()
    ]
    assert told[0]["request"]["prompt"] == "teapot 0 on white, batch"


def test_its_end_is_an_event(desk: Desk, ended: dict[str, Any]) -> None:
    event = desk.bus.wait_for(
        lambda each: each["detail"].get("batch_id") == ended["batch_id"],
        seconds=20,
        what="BatchCompleted",
    )

    assert event["detail-type"] == "BatchCompleted"
    assert event["detail"]["progress"] == ended["progress"]
    assert event["detail"]["spent_micro_usd"] == ended["spent_micro_usd"]


def test_its_rows_are_jobs_that_can_be_listed(buyer: Shop, ended: dict[str, Any]) -> None:
    answer = buyer.client.get(
        "/v1/jobs", params={"batch": ended["batch_id"], "status": "failed", "limit": 100}
    )

    jobs = answer.json()["jobs"]
    assert {job["batch_id"] for job in jobs} == {ended["batch_id"]}
    assert {job["failure"]["code"] for job in jobs} == {"invalid_request", "provider_failed"}
    assert {job["priority"] for job in jobs} == {"low"}


def test_what_is_canceled_stops_and_every_row_is_told_of(desk: Desk, buyer: Shop) -> None:
    lines = [
        json.dumps({"prompt": f"Canceled {number} [[fault run.duration seconds=20]]"})
        for number in range(60)
    ]
    source = buyer.upload("\n".join(lines).encode(), "application/x-ndjson")["reference"]
    defaults = {"quality": "low"}
    batch = buyer.client.post("/v1/batches", json={"source": source, "defaults": defaults}).json()

    canceled = buyer.client.delete(f"/v1/batches/{batch['batch_id']}")
    end = until_ended(buyer, batch["batch_id"])

    assert (canceled.status_code, canceled.json()["status"]) == (202, "canceling")
    assert end["status"] == "canceled"
    assert sum(end["progress"].values()) == 60
    assert end["progress"]["canceled"] > 0
    assert len(desk.posts("Canceled ")) * 10_000 == end["spent_micro_usd"]


def test_a_batch_keeps_within_its_callers_budget(desk: Desk) -> None:
    with desk.http(desk.key("saver", budget=0.03)) as client:
        saver = Shop(client)
        lines = [json.dumps({"id": n, "prompt": f"Saved {n}", "quality": "low"}) for n in range(5)]
        source = saver.upload("\n".join(lines).encode(), "application/x-ndjson")["reference"]
        batch = client.post("/v1/batches", json={"source": source}).json()
        end = until_ended(saver, batch["batch_id"])

    assert (end["progress"]["completed"], end["progress"]["failed"]) == (3, 2)
    assert end["spent_micro_usd"] == 30_000
    assert len(desk.posts("Saved ")) == 3


def test_what_costs_much_wants_to_be_confirmed(desk: Desk, buyer: Shop) -> None:
    lines = [json.dumps({"prompt": "Dear", "quality": "high", "resolution": "4k"})] * 8
    source = buyer.upload("\n".join(lines).encode(), "application/x-ndjson")["reference"]

    answer = buyer.client.post("/v1/batches", json={"source": source})

    problem = answer.json()
    assert (answer.status_code, problem["cost_micro_usd"]) == (409, 8 * 720_000)
    assert problem["type"] == "urn:darkroom:problem:confirmation-required"
    assert desk.posts("Dear") == []


def test_no_state_of_a_batch_holds_a_word_of_its_rows(desk: Desk, ended: dict[str, Any]) -> None:
    states = desk.stack.client("stepfunctions")
    machine = desk.stack.state_machine_arn.replace("-image-job", "-batch")
    arn = f"{machine.replace(':stateMachine:', ':execution:')}:{ended['batch_id']}-1"
    (run,) = states.list_map_runs(executionArn=arn)["mapRuns"]
    parts = states.list_executions(mapRunArn=run["mapRunArn"])["executions"]

    told = [states.get_execution_history(executionArn=arn)["events"]]
    told += [states.describe_execution(executionArn=part["executionArn"]) for part in parts]

    assert len(parts) == 3  # 25 rows, 12 a part
    text = json.dumps(told, default=str)
    assert ended["batch_id"] in text
    assert [word for word in ("teapot", "sku-", "upload:", "dk_") if word in text] == []
