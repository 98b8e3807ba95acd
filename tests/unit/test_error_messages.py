"""Error messages for people: complete sentences that say what is wrong, where, and what to do."""

import re
from typing import Any

import pytest

from darkroom.domain.batch_file import BatchFileFormat
from darkroom.domain.errors import (
    STACK,
    BudgetExceededError,
    Code,
    ConfirmationRequiredError,
    DarkroomError,
    FieldProblem,
    InvalidRequestError,
    failure,
    sentence,
)
from darkroom.domain.parsing import parse_request
from darkroom.domain.row_parser import rows_of
from darkroom.domain.rows import at_row
from darkroom.domain.template import Template
from darkroom.usecases.batches.plan_batch import BatchFile
from tests.fakes.world import TEXT_TO_IMAGE, World
from tests.unit.batches import SHOP, upload_rows
from tests.unit.http import V1_JOBS, Client

LANE = "`lane` is not a field of this request. Use `priority`: normal or low."
BATCH = {"source": "upload:rows.jsonl"}


def row_problems(
    text: str, prompt: str | None = None, file_format: BatchFileFormat = BatchFileFormat.CSV
) -> list[str]:
    """Return the messages of a batch file's rows."""
    template = None if prompt is None else Template(prompt)
    rows = rows_of(text.encode(), file_format, template=template, defaults={})
    return [at_row(row.number, error.message) for row, _ in rows for error in row.errors]


def test_problems_are_joined_without_field_names() -> None:
    problems = [FieldProblem(field=name, message=f"`{name}` is empty.") for name in ("a", "b")]

    assert sentence(problems) == str(InvalidRequestError(problems)) == "`a` is empty. `b` is empty."


@pytest.mark.parametrize("body", [
    TEXT_TO_IMAGE | {"lane": "batch"},
    {"model": "maker/other", "input": {}, "lane": "batch"},
])  # fmt: skip
def test_lane_over_http_is_refused_with_a_hint(body: dict[str, Any]) -> None:
    response = Client().post(V1_JOBS, body)

    assert (response.status, response.fields) == (400, ["lane"])
    assert response.json["detail"] == response.json["errors"][0]["message"] == LANE


def test_lane_of_a_batch_request_is_refused_with_a_hint() -> None:
    ada = Client()

    response = ada.post("/v1/batches", BATCH | {"lane": "batch"})

    assert (response.status, response.json["detail"]) == (400, LANE)


@pytest.mark.parametrize("dry_run", [True, False])
def test_lane_in_batch_defaults_is_refused_with_a_hint(dry_run: bool) -> None:
    ada = Client()
    source = upload_rows(ada.world, [{"prompt": "x"}, {"prompt": "y"}], "key:ada")
    body = {"source": source, "defaults": {"lane": "batch"}, "dry_run": dry_run}

    response = ada.post("/v1/batches", body)

    assert (response.status, response.fields) == (400, ["defaults.lane"])
    assert response.json["detail"] == LANE


@pytest.mark.parametrize("template", [None, "{product}"])
def test_lane_column_is_refused_with_a_hint(template: str | None) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        row_problems("prompt,product,lane\nx,y,batch\n" if template else "prompt,lane\nx,y\n",
                     template)  # fmt: skip

    assert 'Column "lane" is not a field of a request' in str(caught.value)
    assert str(caught.value).endswith("Use `priority`: normal or low.")


def test_template_may_use_a_column_named_lane() -> None:
    assert row_problems("lane\nHigh Street\n", "A shop in {lane}") == []


@pytest.mark.parametrize(
    ("scope", "left", "cost", "message"),
    [
        ("key:ada", 90_000, 220_000,
         "Not enough budget: this costs $0.22, $0.09 is left today. Resets at midnight UTC."),
        (STACK, 90_000, 220_000,
         "Not enough budget: this costs $0.22, $0.09 is left today for the whole deployment."
         " Resets at midnight UTC."),
        ("key:ada", 59_999, 60_001,
         "Not enough budget: this costs $0.0601, $0.0599 is left today. Resets at midnight UTC."),
        ("key:ada", None, 220_000,
         "Not enough budget: this costs $0.22, more than is left of today's $1,000.50."
         " Resets at midnight UTC."),
        ("key:ada", None, None,
         "The price of this request is not known, so it cannot be checked against the daily budget"
         " of $1,000.50. Use a model with a known price."),
    ],
)  # fmt: skip
def test_budget_message_has_the_price_and_the_remainder(
    scope: str, left: int | None, cost: int | None, message: str
) -> None:
    assert str(BudgetExceededError(scope, 1_000_500_000, left, cost)) == message


def test_confirmation_message_has_the_cost_and_the_field() -> None:
    assert str(ConfirmationRequiredError(5_760_000, 8, 0)) == (
        "8 rows cost $5.76. To start the batch, set `confirm_micro_usd` to 5760000 or more."
    )


def test_submission_unknown_message_warns_of_a_second_charge() -> None:
    assert failure(Code.SUBMISSION_UNKNOWN, sent=True).message == (
        "WaveSpeed never confirmed this request. Retrying may charge you twice."
    )


@pytest.mark.parametrize(
    ("text", "prompt", "message"),
    [
        ("product,id\n,a\n", "{product}, photographed",
         'Row 1: column "product" is empty, but the prompt uses {product}.'),
        ("prompt,quality\nx,best\n", None,
         "Row 1: column \"quality\" must be 'low', 'medium' or 'high'."),
        ("prompt,quality\n,low\n", None, 'Row 1: column "prompt" is missing or empty.'),
        ("id,prompt\na,x\na,y\n", None,
         'Row 2: column "id" is the same as in row 1. Give each row its own id, or none.'),
        ("prompt,images\nx,ftp://a.test/b\n", None,
         "Row 1: reference image 1 has a scheme that is not allowed."
         " Use an https:// URL, s3://bucket/key, upload:id or base64."),
        ("prompt,quality\nx,low,y\n", None,
         "Row 1: there are 3 cells, but the first line has 2 columns."),
    ],
)  # fmt: skip
def test_csv_message_names_the_row_and_the_column(
    text: str, prompt: str | None, message: str
) -> None:
    assert row_problems(text, prompt) == [message]


@pytest.mark.parametrize(
    ("text", "expected"),
    [("The line is bad.", "Row 6: the line is bad."), ("HEIC is bad.", "Row 6: HEIC is bad."),
     ("`id` is bad. Use it.", "Row 6: `id` is bad. Use it."), ("", "Row 6: ")],
)  # fmt: skip
def test_row_prefix_keeps_abbreviations(text: str, expected: str) -> None:
    assert at_row(6, text) == expected


def test_plan_and_error_name_the_rows() -> None:
    world = World()
    source = upload_rows(world, [{"prompt": ""}, {"prompt": "x", "images": ["https://10.0.0.1/"]}])
    messages = [
        "Row 1: `prompt` is empty. Use at least 1 character.",
        "Row 2: reference image 1 points at a private address. Use a public URL.",
    ]

    plan = world.app.start_batch.plan.run(BatchFile(source), SHOP)

    assert [problem.message for problem in plan.problems(9)] == messages


@pytest.mark.parametrize(
    "body",
    [
        None, [], 5, {}, {"operation": "x"}, {"model": "x", "input": {}}, {"model": "media/x"},
        {"model": "a/b", "input": {"enable_sync_mode": True}},
        {"model": "a/b", "input": {"a": float("nan")}},
        {"model": "a/b", "input": {"a": "x" * 300_000}},
        {"operation": "edit", "prompt": " ", "images": [], "quality": "x", "x" * 500: 1},
        {"operation": "edit", "prompt": 5, "images": ["", 5], "deadline_seconds": 1},
        {"operation": "edit", "prompt": "x" * 40_000, "images": "a.png", "priority": "batch"},
        TEXT_TO_IMAGE | {"deadline_seconds": 9999},
    ],
    ids=lambda body: str(body)[:40],
)  # fmt: skip
def test_every_message_is_made_of_complete_sentences(body: object) -> None:
    with pytest.raises(DarkroomError) as caught:
        parse_request(body)

    assert isinstance(caught.value, InvalidRequestError)
    for problem in caught.value.problems:
        assert re.fullmatch(r"[A-Z`].*[^.]\.", problem.message), problem.message
        assert problem.allowed
        assert len(problem.message) < 500
