"""Saved files: their names, --out as a file or a folder, and no file is ever replaced."""

import hashlib
import json
from pathlib import Path

import httpx
import pytest

from darkroom_cli.errors import Exit
from tests.cli.deployment import (
    BATCH_ID,
    IMAGE,
    IMAGE_NAME,
    JOB_ID,
    Deployment,
    Reply,
    Run,
    batch,
    job,
    problem,
)

type Capture = pytest.CaptureFixture[str]


def files() -> list[str]:
    """The files below the working directory."""
    return sorted(str(path) for path in Path().rglob("*") if path.is_file())


@pytest.fixture
def run_open(darkroom: Run, deployment: Deployment) -> Run:
    """A function that saves the image of a completed job."""
    deployment.on(f"GET /v1/jobs/{JOB_ID}", job())
    return lambda *options: darkroom("jobs", "open", JOB_ID, *options)


@pytest.mark.parametrize(
    ("out", "saved"),
    [
        ("photo.png", "photo.png"),
        ("photo.jpg", "photo.jpg"),
        ("deep/er/photo.WEBP", "deep/er/photo.WEBP"),
        ("shots", f"shots/{IMAGE_NAME}"),
        ("shots/v1.2", f"shots/v1.2/{IMAGE_NAME}"),
        ("2026.11.30", f"2026.11.30/{IMAGE_NAME}"),
        ("photo.png/", f"photo.png/{IMAGE_NAME}"),
        ("", IMAGE_NAME),
    ],
)
def test_out_is_a_file_if_it_has_the_extension_of_an_output(
    run_open: Run, out: str, saved: str
) -> None:
    assert run_open("--out", out) == Exit.DONE
    assert files() == [saved]


@pytest.mark.parametrize(
    ("filename", "saved"),
    [
        ("photo\x1b]52;c;eA==\x07.png", "photo-]52;c;eA==-.png"),
        ("photo\u202egnp.exe", "photo-gnp.exe"),
        ("a\x9b31m\u200b\r\n\u3164b.png", "a-31m-b.png"),
        ("../../.bashrc", "bashrc"),
        ("-rf.png", "rf.png"),
        ("..", "output"),
        ("Größe 猫.png", "Größe 猫.png"),
    ],
)
def test_name_from_the_api_is_a_plain_file_name(
    darkroom: Run, deployment: Deployment, filename: str, saved: str
) -> None:
    (asset,) = job()["assets"]
    deployment.on(f"GET /v1/jobs/{JOB_ID}", job(assets=[asset | {"filename": filename}]))

    assert darkroom("jobs", "open", JOB_ID) == Exit.DONE
    assert files() == [saved]


def test_existing_folder_is_a_folder_whatever_its_name(run_open: Run) -> None:
    Path("album.png").mkdir()

    assert run_open("--out", "album.png") == Exit.DONE
    assert files() == [f"album.png/{IMAGE_NAME}"]


@pytest.mark.parametrize("options", [(), ("--out", IMAGE_NAME)])
def test_existing_file_is_kept_and_the_new_file_has_a_number(
    run_open: Run, capsys: Capture, options: tuple[str, ...]
) -> None:
    Path(IMAGE_NAME).write_bytes(b"mine")
    numbered = IMAGE_NAME.replace(".png", "-2.png")

    assert run_open(*options) == Exit.DONE

    assert Path(IMAGE_NAME).read_bytes() == b"mine"
    assert Path(numbered).read_bytes() == IMAGE
    assert capsys.readouterr().out == f"{numbered}\n"


def test_file_that_was_saved_before_is_not_saved_twice(
    darkroom: Run, deployment: Deployment
) -> None:
    asset = job()["assets"][0] | {"sha256": hashlib.sha256(IMAGE).hexdigest()}
    deployment.on(f"GET /v1/jobs/{JOB_ID}", job(assets=[asset]))

    assert darkroom("jobs", "open", JOB_ID) == darkroom("jobs", "open", JOB_ID) == Exit.DONE
    assert files() == [IMAGE_NAME]


def test_outputs_of_one_job_have_different_names(darkroom: Run, deployment: Deployment) -> None:
    deployment.on(f"GET /v1/jobs/{JOB_ID}", job(assets=job()["assets"] * 3))

    assert darkroom("jobs", "open", JOB_ID, "--out", "a.png") == Exit.DONE
    assert files() == ["a-2.png", "a-3.png", "a.png"]


def test_file_name_chooses_the_format_unless_an_option_does(
    darkroom: Run, deployment: Deployment
) -> None:
    deployment.on("POST /v1/jobs", job())

    for options in (["a.jpg"], ["b.webp"], ["c.jpg", "--format", "png"], ["d"]):
        assert darkroom("generate", "x", "--out", *options) == Exit.DONE

    formats = [body.get("output_format") for body in deployment.bodies("/v1/jobs")]
    assert formats == ["jpeg", "webp", "png", None]


@pytest.mark.parametrize("out", ["file/photo.png", "file/folder", "n" * 300 + "/a.png"])
def test_impossible_destination_is_reported_before_the_job_is_paid(
    darkroom: Run, deployment: Deployment, capsys: Capture, out: str
) -> None:
    Path("file").write_text("")

    assert darkroom("generate", "x", "--out", out) == Exit.USAGE
    assert "Cannot create" in capsys.readouterr().err
    assert deployment.requests == []


def test_name_of_another_format_is_refused_before_the_job_is_paid(
    darkroom: Run, deployment: Deployment, capsys: Capture
) -> None:
    assert darkroom("generate", "x", "--out", "photo.gif") == Exit.USAGE
    assert "--out photo.gif must end in .png, .jpg or .webp" in capsys.readouterr().err
    assert not deployment.requests


def test_failed_download_leaves_no_file(darkroom: Run, deployment: Deployment) -> None:
    deployment.on(f"GET /v1/jobs/{JOB_ID}", job())
    deployment.files = httpx.Response(503)

    assert darkroom("jobs", "open", JOB_ID) == Exit.INTERNAL
    assert files() == []


def test_images_of_a_batch_are_named_by_the_ids_of_their_rows(
    darkroom: Run, deployment: Deployment
) -> None:
    row_ids = ["sku-1", None, "../up", "sku-1", "v1.2", "a/b\\c:d", "é", "..."]
    rows = [
        {"row": number, "id": row_id, "assets": [f"s3://assets/jobs/{number}/0.png"]}
        for number, row_id in enumerate(row_ids, 1)
    ]
    deployment.files = httpx.Response(200, text="".join(f"{json.dumps(row)}\n" for row in rows))
    deployment.on(f"GET /v1/batches/{BATCH_ID}", batch())
    (asset,) = job()["assets"]
    jobs = [
        job(job_id=f"job{number}", assets=[asset | {"key": f"jobs/{number}/0.png"}])
        for number in range(1, len(rows) + 1)
    ]
    jobs.insert(1, job(job_id="first", assets=[asset]))  # the first step of a chain
    pages: list[Reply] = [{"jobs": jobs[:3], "cursor": "more"}, {"jobs": jobs[3:], "cursor": None}]
    deployment.on("GET /v1/jobs", *pages)

    assert darkroom("batch", "show", BATCH_ID, "--save", "shots") == Exit.DONE

    names = "-up a-b-c-d row-2 row-8 sku-1 sku-1-2 v1.2 é"
    assert files() == sorted(f"shots/{name.strip('-')}.png" for name in names.split())


def test_results_of_a_batch_replace_no_file(
    darkroom: Run, deployment: Deployment, capsys: Capture
) -> None:
    Path("results.csv").write_text("mine")
    deployment.on(f"GET /v1/batches/{BATCH_ID}", batch())

    assert darkroom("batch", "show", BATCH_ID, "--out", "results.csv") == Exit.DONE

    assert Path("results.csv").read_text() == "mine"
    assert "Saved results-2.csv" in capsys.readouterr().err


def test_folder_is_no_file_for_the_results(darkroom: Run, deployment: Deployment) -> None:
    Path("rows.csv").write_text("prompt\nx\n")

    assert darkroom("batch", "run", "rows.csv", "--out", ".") == Exit.USAGE
    assert deployment.requests == []


def test_interrupted_request_names_the_key_of_a_safe_repeat(
    darkroom: Run, deployment: Deployment, capsys: Capture
) -> None:
    deployment.on("POST /v1/jobs", KeyboardInterrupt())

    assert darkroom("generate", "x") == Exit.STILL_RUNNING
    assert deployment.keys("/v1/jobs")[0] in capsys.readouterr().err


def test_refused_job_leaves_the_folder_unchanged(darkroom: Run, deployment: Deployment) -> None:
    deployment.on("POST /v1/jobs", problem(400))

    assert darkroom("generate", "x") == Exit.BAD_REQUEST
    assert files() == []
