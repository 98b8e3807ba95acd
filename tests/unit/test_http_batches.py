"""Batches over HTTP: planned or started, shown, listed, canceled, and refused in so many words."""

from typing import Any

import pytest

from tests.unit.batches import SMALL, create_all, finish, put
from tests.unit.http import Client

PATH = "/v1/batches"


def asked(ada: Client, *rows: dict[str, Any], **more: Any) -> dict[str, Any]:
    source = put(ada.world, [SMALL | row for row in rows or ({"prompt": "x"},)], f"key:{ada.name}")
    return {"source": source, **more}


def test_a_dry_run_answers_with_the_plan() -> None:
    ada = Client()
    body = asked(ada, {"prompt": "x"}, {"prompt": "", "id": 7}, dry_run=True, name="autumn")

    answer = ada.post(PATH, body)

    told = answer.json
    assert (answer.status, told["status"], told["batch_id"], told["name"]) == (
        200, "planned", None, "autumn",
    )  # fmt: skip
    assert told["errors"] == [
        {"row": 2, "field": "prompt", "message": "is empty", "allowed": "at least 1 character"}
    ]
    assert (told["rows"], told["bad_rows"], told["estimated_cost_micro_usd"]) == (2, 1, 10_000)


def test_a_start_answers_with_the_batch_and_where_it_is() -> None:
    ada = Client()

    answer = ada.post(PATH, asked(ada), Idempotency_Key="autumn")
    again = ada.post(PATH, asked(ada), Idempotency_Key="autumn")

    batch_id = answer.json["batch_id"]
    assert (answer.status, answer.json["status"]) == (202, "running")
    assert answer.headers["Location"] == f"/prod/v1/batches/{batch_id}"
    assert again.json == answer.json == ada.get(f"{PATH}/{batch_id}").json


def test_once_it_has_ended_it_has_results_and_its_jobs_can_be_listed() -> None:
    ada = Client()
    batch = ada.world.batches.records[ada.post(PATH, asked(ada)).json["batch_id"]]
    create_all(ada.world, batch)
    finish(ada.world, batch.job_of(1))
    ada.world.collect_batch()(batch.batch_id)

    told = ada.get(f"{PATH}/{batch.batch_id}").json
    assert (told["status"], told["spent_micro_usd"]) == ("completed", 10_000)
    assert "/results.csv?" in told["results"]["csv_url"]
    other = ada.accepted(SMALL | {"prompt": "y"})
    jobs = ada.get("/v1/jobs", batch=batch.batch_id).json["jobs"]
    assert [(job["job_id"], job["batch_id"]) for job in jobs] == [(batch.job_of(1), batch.batch_id)]
    assert other.batch_id is None


def test_waiting_answers_as_soon_as_something_has_changed() -> None:
    ada = Client()
    batch_id = ada.post(PATH, asked(ada)).json["batch_id"]
    before = ada.world.clock()

    ada.get(f"{PATH}/{batch_id}", wait=5)

    assert (ada.world.clock() - before).total_seconds() == 5


def test_batches_are_listed_newest_first_page_by_page_each_callers_own() -> None:
    ada = Client()
    ids = []
    for number in range(3):
        ids.append(ada.post(PATH, asked(ada), Idempotency_Key=f"k{number}").json["batch_id"])
        ada.world.clock.advance(1)

    first = ada.get(PATH, limit=2).json
    second = ada.get(PATH, limit=2, cursor=first["cursor"]).json

    shown = [each["batch_id"] for page in (first, second) for each in page["batches"]]
    assert shown == ids[::-1]
    assert second["cursor"] is None
    assert ada.as_("bob").get(PATH).json["batches"] == []
    assert len(ada.as_("root", "admin").get(PATH).json["batches"]) == 3
    assert ada.as_("bob").get(PATH, caller="key:ada").status == 403
    assert ada.as_("bob").get(f"{PATH}/{ids[0]}").status == 404
    assert ada.as_("root", "admin").get(PATH, caller="x" * 257).fields == ["caller"]


def test_canceling_says_what_it_comes_to() -> None:
    ada = Client()
    batch_id = ada.post(PATH, asked(ada)).json["batch_id"]

    first = ada.send("DELETE", f"{PATH}/{batch_id}")
    assert (first.status, first.json["status"]) == (202, "canceling")
    ada.world.collect_batch()(batch_id)
    second = ada.send("DELETE", f"{PATH}/{batch_id}")
    assert (second.status, second.json["status"]) == (200, "canceled")


def test_a_key_for_reading_starts_and_cancels_nothing() -> None:
    ada = Client()
    batch_id = ada.post(PATH, asked(ada)).json["batch_id"]
    reader = ada.as_("ada", "read")

    assert reader.post(PATH, asked(ada)).status == 403
    assert reader.send("DELETE", f"{PATH}/{batch_id}").status == 403
    assert reader.get(f"{PATH}/{batch_id}").status == 200


def test_what_costs_much_says_what_to_do() -> None:
    ada = Client()
    dear = [{"prompt": "x", "quality": "high", "resolution": "4k"}] * 8

    answer = ada.post(PATH, asked(ada, *dear))

    assert (answer.status, answer.json["type"]) == (
        409,
        "urn:darkroom:problem:confirmation-required",
    )
    assert answer.json["cost_micro_usd"] == 5_760_000
    assert "confirm_micro_usd" in answer.json["detail"]
    assert ada.post(PATH, asked(ada, *dear, confirm_micro_usd=5_760_000)).status == 202


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
def test_a_bad_field_is_named(body: Any, fields: list[str]) -> None:
    answer = Client().post(PATH, body)

    assert (answer.status, answer.fields) == (400, fields)


def test_a_filter_by_what_is_no_batch_is_refused() -> None:
    assert Client().get("/v1/jobs", batch="none").fields == ["batch"]
