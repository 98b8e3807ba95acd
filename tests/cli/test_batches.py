"""Batch commands: plan, price confirmation, progress, results and exit codes."""

import io
import json
from pathlib import Path

import pytest

from darkroom_cli.errors import Exit
from tests.cli.deployment import BATCH_ID, IMAGE, Deployment, Run, batch, problem

type Capture = pytest.CaptureFixture[str]

CONFIRMATION_REQUIRED = problem(
    409, "confirmation-required", detail="2 rows cost $9.00.", cost_micro_usd=20_000
)


@pytest.fixture
def batch_file(deployment: Deployment) -> str:
    """The name of a batch file, and a deployment that accepts its upload."""
    Path("rows.csv").write_text("product\nteapot\n")
    presigned = {"url": "https://files.example.com/put", "headers": {}, "reference": "upload:1.csv"}
    deployment.on("POST /v1/uploads", presigned)
    return "rows.csv"


def test_batch_run_uploads_plans_starts_and_saves_the_results(
    darkroom: Run, deployment: Deployment, batch_file: str, capsys: Capture
) -> None:
    deployment.on("POST /v1/batches", batch("planned"), batch("running"))
    deployment.on(f"GET /v1/batches/{BATCH_ID}", batch("running", eta_seconds=80), batch())

    code = darkroom(
        "batch",
        "run",
        batch_file,
        "-p",
        "{product}",
        "--quality",
        "low",
        "--out",
        "out/results.csv",
    )

    out, err = capsys.readouterr()
    assert code == Exit.DONE
    assert "Row 1: A teapot (quality low, image https://a.test/fox.png)\n" in err
    assert "Warning: The prompt names no column.\n" in err
    assert "Line 3: Row 2: `prompt` is missing." in err
    assert "2 of 3 rows are valid. Price: $0.0200" in err
    assert out.split("\t")[:3] == [BATCH_ID, "rows.csv", "completed"]
    assert Path("out/results.csv").read_bytes() == IMAGE
    plan, start = deployment.bodies("/v1/batches")
    assert plan == {**start, "dry_run": True}
    assert start == {
        "source": "upload:1.csv", "name": "rows.csv", "prompt": "{product}",
        "defaults": {"quality": "low"},
    }  # fmt: skip


@pytest.mark.parametrize(("name", "content_type"), [
    ("rows.TSV", "text/csv"), ("rows.txt", "text/csv"), ("rows.json", "application/x-ndjson"),
])  # fmt: skip
def test_sheet_is_uploaded_with_the_type_of_its_extension(
    darkroom: Run, deployment: Deployment, batch_file: str, name: str, content_type: str
) -> None:
    Path(name).write_bytes(Path(batch_file).read_bytes())
    deployment.on("POST /v1/batches", batch("planned"))

    assert darkroom("batch", "run", name, "--dry-run") == Exit.DONE
    assert deployment.bodies("/v1/uploads")[0]["content_type"] == content_type


def test_dry_run_starts_no_batch(
    darkroom: Run, deployment: Deployment, batch_file: str, capsys: Capture
) -> None:
    deployment.on("POST /v1/batches", batch("planned"))

    assert darkroom("batch", "run", batch_file, "--dry-run", "--json") == Exit.DONE
    assert json.loads(capsys.readouterr().out)["status"] == "planned"
    assert len(deployment.bodies("/v1/batches")) == 1


def test_plan_of_a_dry_run_is_on_stdout_even_if_quiet(
    darkroom: Run, deployment: Deployment, batch_file: str, capsys: Capture
) -> None:
    deployment.on("POST /v1/batches", batch("planned"))

    assert darkroom("batch", "run", batch_file, "--dry-run", "--quiet") == Exit.DONE

    out, err = capsys.readouterr()
    assert out.splitlines() == [
        "Row 1: A teapot (quality low, image https://a.test/fox.png)",
        "Warning: The prompt names no column.",
        "Line 3: Row 2: `prompt` is missing.",
        "2 of 3 rows are valid. Price: $0.0200",
    ]
    assert err == ""


def test_results_are_csv_or_jsonl(
    darkroom: Run, deployment: Deployment, batch_file: str, capsys: Capture
) -> None:
    assert darkroom("batch", "run", batch_file, "--out", "results.xlsx") == Exit.USAGE
    assert "--out results.xlsx must end in .csv or .jsonl." in capsys.readouterr().err
    assert not deployment.requests


def test_unconfirmed_price_starts_no_batch(
    darkroom: Run, deployment: Deployment, batch_file: str, capsys: Capture
) -> None:
    deployment.on("POST /v1/batches", batch("planned"), CONFIRMATION_REQUIRED)

    assert darkroom("batch", "run", batch_file) == Exit.MONEY
    assert "--yes" in capsys.readouterr().err


@pytest.mark.parametrize(("answer", "code"), [("n", Exit.MONEY), ("y", Exit.DONE)])
def test_plan_with_warnings_is_confirmed_on_a_terminal(
    darkroom: Run,
    deployment: Deployment,
    batch_file: str,
    monkeypatch: pytest.MonkeyPatch,
    answer: str,
    code: Exit,
) -> None:
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{answer}\n"))
    deployment.on("POST /v1/batches", batch("planned"), batch("running"))

    assert darkroom("batch", "run", batch_file, "--no-wait") == code
    started = deployment.bodies("/v1/batches")[1:]
    assert [body["confirm_micro_usd"] for body in started] == [20_000] * (answer == "y")


def test_yes_confirms_the_planned_price(
    darkroom: Run, deployment: Deployment, batch_file: str
) -> None:
    deployment.on("POST /v1/batches", batch("planned"), batch("running"))

    assert darkroom("batch", "run", batch_file, "--yes", "--no-wait") == Exit.DONE
    assert deployment.bodies("/v1/batches")[1]["confirm_micro_usd"] == 20_000


@pytest.mark.parametrize(
    ("record", "code"),
    [
        (batch("canceled"), Exit.CANCELED),
        (batch("failed", results=None), Exit.FAILED),
        (batch(progress=batch()["progress"] | {"completed": 0}), Exit.FAILED),
    ],
)
def test_batch_without_an_image_returns_an_exit_code(
    darkroom: Run, deployment: Deployment, record: dict[str, object], code: Exit
) -> None:
    deployment.on(f"GET /v1/batches/{BATCH_ID}", record)

    assert darkroom("batch", "show", "--wait", BATCH_ID) == code


def test_timeout_prints_how_to_wait_and_cancel(
    darkroom: Run, deployment: Deployment, capsys: Capture
) -> None:
    deployment.on(f"GET /v1/batches/{BATCH_ID}", batch("running"))

    code = darkroom("batch", "show", "--wait", "--timeout", "0", BATCH_ID)

    assert code == Exit.STILL_RUNNING
    assert "darkroom batch cancel" in capsys.readouterr().err


def test_batches_are_listed_and_canceled(
    darkroom: Run, deployment: Deployment, capsys: Capture
) -> None:
    deployment.on("GET /v1/batches", {"batches": [batch()], "cursor": None})
    deployment.on(f"DELETE /v1/batches/{BATCH_ID}", batch("canceling"))

    assert darkroom("batch", "list") == Exit.DONE
    assert darkroom("batch", "cancel", BATCH_ID) == Exit.DONE
    assert capsys.readouterr().out.splitlines()[1] == f"{BATCH_ID}  canceling"


@pytest.mark.parametrize(
    ("name", "size", "message"),
    [
        ("missing.csv", None, "missing.csv does not exist."),
        ("rows.xlsx", 10, "rows.xlsx is not a CSV or JSONL file."),
        ("empty.jsonl", 0, "empty.jsonl is empty."),
        ("big.csv", 32_000_001, "big.csv is 32.1 MB; the limit is 32 MB."),
    ],
)
def test_unusable_batch_file_is_rejected_before_the_upload(
    darkroom: Run,
    deployment: Deployment,
    capsys: Capture,
    name: str,
    size: int | None,
    message: str,
) -> None:
    if size is not None:
        with Path(name).open("wb") as file:
            file.truncate(size)

    assert darkroom("batch", "run", name) == Exit.BAD_REQUEST
    assert message in capsys.readouterr().err
    assert deployment.requests == []


def test_columns_of_fields_are_part_of_the_request(
    darkroom: Run, deployment: Deployment, batch_file: str, capsys: Capture
) -> None:
    deployment.on("POST /v1/batches", batch("planned"))
    columns = ["--column", "id=SKU", "--column", "images=Photo = front"]

    assert darkroom("batch", "run", batch_file, "--dry-run", *columns) == Exit.DONE
    (plan,) = deployment.bodies("/v1/batches")
    assert plan["columns"] == {"id": "SKU", "images": "Photo = front"}

    assert darkroom("batch", "run", batch_file, "--column", "Photo") == Exit.USAGE
    assert "--column Photo must be FIELD=COLUMN" in capsys.readouterr().err
    assert len(deployment.bodies("/v1/uploads")) == 1
