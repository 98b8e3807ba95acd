"""The commands generate and edit: requests, uploads, retries, waiting, output and exit codes."""

import io
import json
from pathlib import Path

import httpx
import pytest

from darkroom_cli.errors import Exit
from tests.cli.deployment import (
    IMAGE,
    IMAGE_NAME,
    JOB_ID,
    KEY,
    Deployment,
    Reply,
    Run,
    failed,
    job,
    problem,
)


def test_generate_waits_and_saves_the_image(
    darkroom: Run, deployment: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    deployment.on("POST /v1/jobs", job("queued"))
    deployment.on(f"GET /v1/jobs/{JOB_ID}", job("submitted"), job())

    assert darkroom("generate", "a red bicycle", "--quality", "low") == Exit.DONE

    out, err = capsys.readouterr()
    assert out == f"{IMAGE_NAME}\n"
    assert "completed  $0.0100 charged" in err
    assert Path(IMAGE_NAME).read_bytes() == IMAGE
    assert deployment.bodies("/v1/jobs") == [
        {"operation": "text-to-image", "prompt": "a red bicycle", "quality": "low"}
    ]


def test_json_output_is_one_document(
    darkroom: Run, deployment: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    deployment.on("POST /v1/jobs", job())

    assert darkroom("generate", "x", "--json", "--out", "a/b.png") == Exit.DONE

    out, err = capsys.readouterr()
    assert json.loads(out)["files"] == ["a/b.png"]
    assert err == ""


def test_no_wait_prints_the_job_id(
    darkroom: Run, deployment: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    deployment.on("POST /v1/jobs", job("queued"))

    assert darkroom("generate", "x", "--no-wait") == Exit.DONE
    assert capsys.readouterr().out == f"{JOB_ID}\n"


def test_prompt_is_read_from_stdin(
    darkroom: Run, deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"a teapot\n")))
    deployment.on("POST /v1/jobs", job())

    assert darkroom("generate", "-") == Exit.DONE
    assert deployment.bodies("/v1/jobs")[0]["prompt"] == "a teapot"


def test_local_files_are_uploaded_and_references_are_passed_on(
    darkroom: Run, deployment: Deployment
) -> None:
    Path("photo.png").write_bytes(IMAGE)
    presigned = {"url": "https://files.example.com/put", "headers": {"If-None-Match": "*"}}
    deployment.on("POST /v1/uploads", presigned | {"reference": "upload:1.png"})
    deployment.on("POST /v1/jobs", job())

    assert darkroom("edit", "photo.png", "s3://b/c.png", "--prompt", "night") == Exit.DONE

    assert deployment.bodies("/v1/uploads") == [{"content_type": "image/png", "size": len(IMAGE)}]
    assert deployment.bodies("/v1/jobs")[0]["images"] == ["upload:1.png", "s3://b/c.png"]
    (put,) = [request for request in deployment.requests if request.method == "PUT"]
    assert put.content == IMAGE
    assert "Authorization" not in put.headers


def test_missing_file_is_reported_before_any_request(
    darkroom: Run, deployment: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    assert darkroom("edit", "missing.png", "--prompt", "x") == Exit.BAD_REQUEST
    assert "missing.png does not exist." in capsys.readouterr().err
    assert deployment.requests == []


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("photo.heic", b"", "HEIC is not supported. Export photo.heic as JPEG."),
        ("photo.jpg", b"\0\0\0\x24ftypheic", "HEIC is not supported. Export photo.jpg as JPEG."),
        ("notes.txt", b"text", "notes.txt is not an image. Use PNG, JPEG or WebP."),
        (
            "big.png",
            IMAGE + bytes(25_000_000 - len(IMAGE)),
            "big.png is 25 MB; the limit is 20 MB.",
        ),
    ],
)
def test_unusable_image_is_rejected_before_the_upload(
    darkroom: Run,
    deployment: Deployment,
    capsys: pytest.CaptureFixture[str],
    name: str,
    content: bytes,
    message: str,
) -> None:
    Path("photo.png").write_bytes(IMAGE)
    Path(name).write_bytes(content)

    assert darkroom("edit", "photo.png", name, "--prompt", "x") == Exit.BAD_REQUEST
    assert message in capsys.readouterr().err
    assert deployment.requests == []


def test_retries_reuse_the_idempotency_key_of_their_call(
    darkroom: Run, deployment: Deployment
) -> None:
    failures: list[Reply] = [httpx.ReadTimeout("x"), httpx.Response(502), problem(429)]
    deployment.on("POST /v1/jobs", *failures, job())

    assert darkroom("generate", "x") == Exit.DONE
    keys = deployment.keys("/v1/jobs")
    assert (len(keys), len(set(keys))) == (4, 1)
    darkroom("generate", "x")
    assert deployment.keys("/v1/jobs")[-1] != keys[0]
    darkroom("generate", "x", "--idempotency-key", "order-1")
    assert deployment.keys("/v1/jobs")[-1] == "order-1"


@pytest.mark.parametrize(
    ("reply", "code", "text"),
    [
        (problem(400), Exit.BAD_REQUEST, "`prompt` is missing."),
        (problem(401, "unauthorized"), Exit.REFUSED_KEY, "make key"),
        (problem(402, "budget-exceeded"), Exit.MONEY, "`prompt` is missing."),
        (problem(403, "forbidden"), Exit.REFUSED_KEY, "ROLE=submit"),
        (problem(404, "not-found"), Exit.BAD_REQUEST, "`prompt` is missing."),
        (problem(409, "conflict"), Exit.BAD_REQUEST, "`prompt` is missing."),
        (problem(500, "internal-error"), Exit.INTERNAL, "`prompt` is missing."),
        (httpx.Response(404, text="<html>"), Exit.NO_TARGET, "ApiUrl"),
        (httpx.Response(404, json={"oops": 1}), Exit.NO_TARGET, "ApiUrl"),
        (httpx.Response(404, json={"message": "Not Found"}), Exit.NO_TARGET, "ApiUrl"),
        (httpx.Response(403, json={"message": "Forbidden"}), Exit.NO_TARGET, "including its stage"),
        (httpx.Response(200, text="<html>"), Exit.NO_TARGET, "ApiUrl"),
        (httpx.Response(307), Exit.NO_TARGET, "ApiUrl"),
        (httpx.ConnectError("x"), Exit.NO_TARGET, "Check the URL and the network."),
    ],
)  # fmt: skip
def test_error_has_a_hint_and_an_exit_code(
    darkroom: Run,
    deployment: Deployment,
    capsys: pytest.CaptureFixture[str],
    reply: httpx.Response | Exception,
    code: Exit,
    text: str,
) -> None:
    deployment.on("POST /v1/jobs", reply)

    exit_code = darkroom("generate", "x")

    out, err = capsys.readouterr()
    assert (exit_code, out) == (code, "")
    assert text in err
    assert KEY not in err


@pytest.mark.parametrize(
    ("record", "code"),
    [(failed(), Exit.FAILED), (failed("canceled"), Exit.CANCELED)],
)
def test_failed_job_prints_its_document_and_returns_an_exit_code(
    darkroom: Run,
    deployment: Deployment,
    capsys: pytest.CaptureFixture[str],
    record: dict[str, object],
    code: Exit,
) -> None:
    deployment.on("POST /v1/jobs", record)

    assert darkroom("generate", "x", "--json") == code
    out, err = capsys.readouterr()
    assert json.loads(out)["status"] == "failed"
    assert "It was refused." in err


def test_invalid_timeout_submits_nothing(darkroom: Run, deployment: Deployment) -> None:
    assert darkroom("generate", "x", "--timeout", "-1") == Exit.USAGE
    assert not deployment.requests


def test_timeout_prints_how_to_wait(
    darkroom: Run, deployment: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    deployment.on("POST /v1/jobs", job("queued"))

    assert darkroom("generate", "x", "--timeout", "0") == Exit.STILL_RUNNING
    assert f"darkroom watch {JOB_ID}" in capsys.readouterr().err


def test_ctrl_c_stops_waiting_and_the_job_continues(
    darkroom: Run, deployment: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    deployment.on("POST /v1/jobs", job("queued"))
    deployment.on(f"GET /v1/jobs/{JOB_ID}", KeyboardInterrupt())

    assert darkroom("generate", "x") == Exit.STILL_RUNNING
    assert "The job continues." in capsys.readouterr().err
