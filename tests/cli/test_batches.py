"""Batches by the command line: planned first, confirmed if they cost much, watched, and fetched."""

import json
from pathlib import Path

import pytest

from darkroom_cli.errors import Exit
from tests.cli.deployment import BATCH_ID, PICTURE, Deployment, Run, batch, problem

type Capture = pytest.CaptureFixture[str]

DEAR = problem(409, "confirmation-required", detail="it costs $9", cost_micro_usd=20_000)


@pytest.fixture
def sheet(deployment: Deployment) -> str:
    """A file of rows, and a deployment that takes uploads."""
    Path("rows.csv").write_text("product\nteapot\n")
    ticket = {"url": "https://files.example.com/put", "headers": {}, "reference": "upload:1.csv"}
    deployment.on("POST /v1/uploads", ticket)
    return "rows.csv"


def test_a_file_is_uploaded_planned_run_and_its_results_are_fetched(
    darkroom: Run, deployment: Deployment, sheet: str, capsys: Capture
) -> None:
    deployment.on("POST /v1/batches", batch("planned"), batch("running"))
    deployment.on(f"GET /v1/batches/{BATCH_ID}", batch("running", eta_seconds=80), batch())

    ended = darkroom(
        "batch", "run", sheet, "-p", "{product}", "--quality", "low", "--out", "out/results.csv"
    )

    out, err = capsys.readouterr()
    assert ended == Exit.DONE
    assert "row 2: prompt is missing (allowed: required)" in err
    assert "2 of 3 rows can be made, for $0.0200" in err
    assert out.split("\t")[:3] == [BATCH_ID, "rows.csv", "completed"]
    assert Path("out/results.csv").read_bytes() == PICTURE
    plan, start = deployment.bodies("/v1/batches")
    assert plan == {**start, "dry_run": True}
    assert start == {
        "source": "upload:1.csv", "name": "rows.csv", "prompt": "{product}",
        "defaults": {"quality": "low"},
    }  # fmt: skip


def test_a_dry_run_starts_nothing(
    darkroom: Run, deployment: Deployment, sheet: str, capsys: Capture
) -> None:
    deployment.on("POST /v1/batches", batch("planned"))

    assert darkroom("batch", "run", sheet, "--dry-run", "--json") == Exit.DONE
    assert json.loads(capsys.readouterr().out)["status"] == "planned"
    assert len(deployment.bodies("/v1/batches")) == 1


def test_what_costs_much_is_not_started_unasked(
    darkroom: Run, deployment: Deployment, sheet: str, capsys: Capture
) -> None:
    deployment.on("POST /v1/batches", batch("planned"), DEAR)

    assert darkroom("batch", "run", sheet) == Exit.MONEY
    assert "--yes" in capsys.readouterr().err


def test_yes_confirms_the_price_that_was_told(
    darkroom: Run, deployment: Deployment, sheet: str
) -> None:
    deployment.on("POST /v1/batches", batch("planned"), batch("running"))

    assert darkroom("batch", "run", sheet, "--yes", "--no-wait") == Exit.DONE
    assert deployment.bodies("/v1/batches")[1]["confirm_micro_usd"] == 20_000


@pytest.mark.parametrize(
    ("end", "code"),
    [
        (batch("canceled"), Exit.CANCELED),
        (batch("failed", results=None), Exit.FAILED),
        (batch(progress=batch()["progress"] | {"completed": 0}), Exit.FAILED),
    ],
)
def test_a_batch_that_made_nothing_has_an_exit_code(
    darkroom: Run, deployment: Deployment, end: dict[str, object], code: Exit
) -> None:
    deployment.on(f"GET /v1/batches/{BATCH_ID}", end)

    assert darkroom("batch", "show", "--wait", BATCH_ID) == code


def test_what_takes_too_long_goes_on_and_says_how_to_see_it(
    darkroom: Run, deployment: Deployment, capsys: Capture
) -> None:
    deployment.on(f"GET /v1/batches/{BATCH_ID}", batch("running"))

    shown = darkroom("batch", "show", "--wait", "--timeout", "0", BATCH_ID)

    assert shown == Exit.STILL_RUNNING
    assert "darkroom batch cancel" in capsys.readouterr().err


def test_batches_are_listed_and_canceled(
    darkroom: Run, deployment: Deployment, capsys: Capture
) -> None:
    deployment.on("GET /v1/batches", {"batches": [batch()], "cursor": None})
    deployment.on(f"DELETE /v1/batches/{BATCH_ID}", batch("canceling"))

    assert darkroom("batch", "list") == Exit.DONE
    assert darkroom("batch", "cancel", BATCH_ID) == Exit.DONE
    assert capsys.readouterr().out.splitlines()[1] == f"{BATCH_ID}  canceling"


def test_a_file_in_s3_is_referred_to(darkroom: Run, deployment: Deployment) -> None:
    deployment.on("POST /v1/batches", batch("planned"), batch("running"))

    assert darkroom("batch", "run", "s3://b/rows.csv", "--no-wait") == Exit.DONE
    assert deployment.bodies("/v1/batches")[0]["source"] == "s3://b/rows.csv"


@pytest.mark.parametrize("name", ["nowhere.csv", "rows.xlsx"])
def test_a_file_that_is_none_is_named(darkroom: Run, capsys: Capture, name: str) -> None:
    assert darkroom("batch", "run", name) == Exit.BAD_REQUEST
    assert name in capsys.readouterr().err
