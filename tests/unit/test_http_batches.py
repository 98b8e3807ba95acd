"""Batches over HTTP: plan, start, read, list, cancel, and error responses."""

from typing import Any

import pytest

from tests.fakes.world import World
from tests.unit.batches import SMALL_IMAGE, create_all_jobs, upload_rows
from tests.unit.http import Client, complete_job

PATH = "/v1/batches"
JOB, ROW = 60_000, 10_000  # prices of a job and of a row, in micro-USD


def batch_request(ada: Client, *rows: dict[str, Any], **fields: Any) -> dict[str, Any]:
    source = upload_rows(
        ada.world, [SMALL_IMAGE | row for row in rows or ({"prompt": "x"},)], f"key:{ada.name}"
    )
    return {"source": source, **fields}


def test_dry_run_returns_the_plan() -> None:
    ada = Client()
    body = batch_request(ada, {"prompt": "x"}, {"prompt": "", "id": 7}, dry_run=True, name="autumn")

    response = ada.post(PATH, body)

    payload = response.json
    assert (response.status, payload["status"], payload["batch_id"], payload["name"]) == (
        200, "planned", None, "autumn",
    )  # fmt: skip
    assert payload["errors"] == [
        {
            "row": 2,
            "line": 2,
            "field": "prompt",
            "message": "Row 2: `prompt` is empty. Use at least 1 character.",
            "allowed": "at least 1 character",
        }
    ]
    assert (payload["rows"], payload["bad_rows"], payload["estimated_cost_micro_usd"]) == (
        2,
        1,
        10_000,
    )


def test_start_returns_the_batch_and_its_location() -> None:
    ada = Client()

    response = ada.post(PATH, batch_request(ada), Idempotency_Key="autumn")
    second = ada.post(PATH, batch_request(ada), Idempotency_Key="autumn")

    batch_id = response.json["batch_id"]
    assert (response.status, response.json["status"]) == (202, "running")
    assert response.headers["Location"] == f"/prod/v1/batches/{batch_id}"
    assert second.json == response.json == ada.get(f"{PATH}/{batch_id}").json


def test_ended_batch_has_results_and_its_jobs_can_be_listed() -> None:
    ada = Client()
    batch = ada.world.batches.records[ada.post(PATH, batch_request(ada)).json["batch_id"]]
    create_all_jobs(ada.world, batch)
    complete_job(ada.world, batch.job_of(1))
    ada.world.app.collect_batch.run(batch.batch_id)

    payload = ada.get(f"{PATH}/{batch.batch_id}").json
    assert (payload["status"], payload["spent_micro_usd"]) == ("completed", 10_000)
    assert "/results.csv?" in payload["results"]["csv_url"]
    assert f"rows-{batch.batch_id[:8]}-results.csv" in payload["results"]["csv_url"]
    other = ada.accept_job(SMALL_IMAGE | {"prompt": "y"})
    jobs = ada.get("/v1/jobs", batch=batch.batch_id).json["jobs"]
    assert [(job["job_id"], job["batch_id"]) for job in jobs] == [(batch.job_of(1), batch.batch_id)]
    assert other.batch_id is None


def test_batches_are_listed_newest_first_by_page_and_caller() -> None:
    ada = Client()
    ids = []
    for number in range(3):
        ids.append(
            ada.post(PATH, batch_request(ada), Idempotency_Key=f"k{number}").json["batch_id"]
        )
        ada.world.clock.advance(1)

    first = ada.get(PATH, limit=2).json
    second = ada.get(PATH, limit=2, cursor=first["cursor"]).json

    listed = [batch["batch_id"] for page in (first, second) for batch in page["batches"]]
    assert listed == ids[::-1]
    assert second["cursor"] is None
    assert ada.as_("bob").get(PATH).json["batches"] == []
    assert len(ada.as_("root", "admin").get(PATH).json["batches"]) == 3
    assert ada.as_("bob").get(PATH, caller="key:ada").status == 403
    assert ada.as_("bob").get(f"{PATH}/{ids[0]}").status == 404
    assert ada.as_("root", "admin").get(PATH, caller="x" * 257).fields == ["caller"]


def test_cancel_returns_canceling_then_canceled() -> None:
    ada = Client()
    batch_id = ada.post(PATH, batch_request(ada)).json["batch_id"]

    first = ada.send("DELETE", f"{PATH}/{batch_id}")
    assert (first.status, first.json["status"]) == (202, "canceling")
    ada.world.app.collect_batch.run(batch_id)
    second = ada.send("DELETE", f"{PATH}/{batch_id}")
    assert (second.status, second.json["status"]) == (200, "canceled")


def test_read_key_cannot_start_or_cancel_a_batch() -> None:
    ada = Client()
    batch_id = ada.post(PATH, batch_request(ada)).json["batch_id"]
    reader = ada.as_("ada", "read")

    assert reader.post(PATH, batch_request(ada)).status == 403
    assert reader.send("DELETE", f"{PATH}/{batch_id}").status == 403
    assert reader.get(f"{PATH}/{batch_id}").status == 200


def test_expensive_batch_requires_a_confirmation() -> None:
    ada = Client()
    expensive_rows = [{"prompt": "x", "quality": "high", "resolution": "4k"}] * 8

    response = ada.post(PATH, batch_request(ada, *expensive_rows))

    assert (response.status, response.json["type"]) == (
        409,
        "urn:darkroom:problem:confirmation-required",
    )
    assert response.json["cost_micro_usd"] == 5_760_000
    assert "confirm_micro_usd" in response.json["detail"]
    assert (
        ada.post(PATH, batch_request(ada, *expensive_rows, confirm_micro_usd=5_760_000)).status
        == 202
    )


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ([], [""]),
        ({}, ["source"]),
        ({"source": ""}, ["source"]),
        ({"source": "upload:x", "format": "xlsx"}, ["format"]),
        ({"source": "upload:x", "dry_run": "yes"}, ["dry_run"]),
        ({"source": "upload:x", "confirm_micro_usd": -1}, ["confirm_micro_usd"]),
        ({"source": "upload:x", "defaults": []}, ["defaults"]),
        ({"source": "upload:x", "rows": 5}, ["rows"]),
        ({"source": "upload:x", "prompt": "{"}, ["prompt"]),
        ({"source": "upload:x"}, ["source"]),
    ],
)
def test_invalid_field_is_named(body: Any, fields: list[str]) -> None:
    response = Client().post(PATH, body)

    assert (response.status, response.fields) == (400, fields)


def test_invalid_batch_filter_is_refused() -> None:
    assert Client().get("/v1/jobs", batch="none").fields == ["batch"]


def test_batch_is_refused_with_402_if_not_even_one_row_fits_into_the_budget() -> None:
    ada = Client(daily_budget=JOB)
    ada.accept_job()
    body = batch_request(ada, *({"prompt": str(number)} for number in range(3)))

    response = ada.post(PATH, body)
    plan = ada.post(PATH, body | {"dry_run": True})

    assert (response.status, response.json["type"]) == (402, "urn:darkroom:problem:budget-exceeded")
    money = [response.json[f"{name}_micro_usd"] for name in ("budget", "left", "cost")]
    assert money == [JOB, 0, 3 * ROW]
    assert ada.world.batches.records == {}
    assert ada.world.batch_files.lines == {}
    assert ada.world.batch_workflow.started == []
    assert ada.world.metrics.total("BudgetExceeded") == 1
    assert (plan.status, plan.json["warnings"]) == (
        200, [f"The batch cannot start. {response.json['detail']}"]
    )  # fmt: skip


def test_batch_is_refused_before_its_cost_needs_a_confirmation() -> None:
    ada = Client(daily_budget=0)

    response = ada.post(PATH, batch_request(ada, *({"quality": "high", "prompt": "x"},) * 30))

    assert response.status == 402


@pytest.mark.parametrize("daily_budget", [None, 10**9])
def test_batch_is_refused_if_nothing_is_left_of_the_stacks_budget(
    daily_budget: int | None,
) -> None:
    ada = Client(World(stack_budget=JOB), daily_budget=daily_budget)
    ada.as_("bob").accept_job()

    response = ada.post(PATH, batch_request(ada))

    assert response.status == 402
    assert response.json["detail"] == (
        "Not enough budget: this costs $0.01, $0.00 is left today for the whole deployment. Resets"
        " at midnight UTC."
    )
    assert ada.world.batches.records == {}


def test_batch_with_some_budget_left_starts_and_warns() -> None:
    ada = Client(daily_budget=25_000)
    body = batch_request(ada, *({"prompt": str(number)} for number in range(3)))

    plan, started = ada.post(PATH, body | {"dry_run": True}), ada.post(PATH, body)

    warnings = [
        "Not enough budget: this costs $0.03, $0.025 is left today. Resets at midnight UTC. The"
        " rows beyond it fail with `budget_exceeded`."
    ]
    assert (started.status, started.json["warnings"]) == (202, warnings)
    assert plan.json["warnings"] == warnings


def test_batch_that_started_before_the_budget_was_used_up_is_returned_again() -> None:
    ada = Client(daily_budget=ROW)
    body = batch_request(ada)
    first = ada.post(PATH, body, Idempotency_Key="autumn")
    create_all_jobs(ada.world, ada.world.batches.records[first.json["batch_id"]])

    assert ada.post(PATH, body, Idempotency_Key="autumn").json["batch_id"] == first.json["batch_id"]
    assert ada.post(PATH, body, Idempotency_Key="winter").status == 402


def test_rows_of_unknown_price_do_not_fit_into_a_budget() -> None:
    ada = Client(daily_budget=10**9)
    unpriced = {"model": "maker/other", "input": {"prompt": "x"}}
    rows: list[dict[str, Any]] = [SMALL_IMAGE | {"prompt": "x"}, unpriced]
    mixed = {"source": upload_rows(ada.world, rows, "key:ada"), "confirm_micro_usd": 10**9}
    [warning] = ada.post(PATH, mixed).json["warnings"]
    only = {"source": upload_rows(ada.world, [unpriced], "key:ada"), "confirm_micro_usd": 10**9}

    response = ada.post(PATH, only)

    assert warning == (
        "The price of 1 of the rows is not known, so they exceed every daily budget and fail with"
        " `budget_exceeded`."
    )
    assert response.status == 402
    assert "The price of this request is not known" in response.json["detail"]


def test_columns_of_a_request_are_fields_and_are_part_of_the_batch() -> None:
    ada = Client()
    source = upload_rows(ada.world, [{"SKU": "a", "Text": "x"}], f"key:{ada.name}")
    body = {"source": source, "prompt": "{Text}", "columns": {"id": "SKU"}}

    plan = ada.post(PATH, body | {"dry_run": True}).json

    assert [(column["name"], column["field"]) for column in plan["columns"]] == [
        ("SKU", "id"), ("Text", None),
    ]  # fmt: skip
    assert plan["preview"][0]["id"] == "a"
    assert ada.post(PATH, body, Idempotency_Key="k").status == 202
    assert ada.post(PATH, body | {"columns": {}}, Idempotency_Key="k").status == 409
    refused = ada.post(PATH, body | {"columns": {"qualty": "SKU"}})
    assert refused.json["errors"][0]["field"] == "columns.qualty"
