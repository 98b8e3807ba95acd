"""Pictures by the command line: asked for once, waited for, saved, and shown to people or pipes."""

import io
import json
from pathlib import Path

import httpx
import pytest

from darkroom_cli.errors import Exit
from tests.cli.deployment import JOB_ID, KEY, PICTURE, Answer, Deployment, Run, failed, job, problem


def test_a_picture_is_asked_for_waited_for_and_saved(
    darkroom: Run, deployment: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    deployment.on("POST /v1/jobs", job("queued"))
    deployment.on(f"GET /v1/jobs/{JOB_ID}", job("submitted"), job())

    assert darkroom("generate", "a red bicycle", "--quality", "low") == Exit.DONE

    out, err = capsys.readouterr()
    assert out == f"{JOB_ID}.png\n"
    assert "completed  $0.0100" in err
    assert Path(f"{JOB_ID}.png").read_bytes() == PICTURE
    assert deployment.bodies("/v1/jobs") == [
        {"operation": "text-to-image", "prompt": "a red bicycle", "quality": "low"}
    ]


def test_as_json_it_is_one_document_and_nothing_else(
    darkroom: Run, deployment: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    deployment.on("POST /v1/jobs", job())

    assert darkroom("generate", "x", "--json", "--out", "a/b.png") == Exit.DONE

    out, err = capsys.readouterr()
    assert json.loads(out)["files"] == ["a/b.png"]
    assert err == ""


def test_without_waiting_only_the_id_is_told(
    darkroom: Run, deployment: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    deployment.on("POST /v1/jobs", job("queued"))

    assert darkroom("generate", "x", "--no-wait") == Exit.DONE
    assert capsys.readouterr().out == f"{JOB_ID}\n"


def test_a_prompt_can_come_through_a_pipe(
    darkroom: Run, deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("a teapot\n"))
    deployment.on("POST /v1/jobs", job())

    assert darkroom("generate", "-") == Exit.DONE
    assert deployment.bodies("/v1/jobs")[0]["prompt"] == "a teapot"


def test_files_are_uploaded_and_what_lies_elsewhere_is_referred_to(
    darkroom: Run, deployment: Deployment
) -> None:
    Path("photo.png").write_bytes(PICTURE)
    ticket = {"url": "https://files.example.com/put", "headers": {"If-None-Match": "*"}}
    deployment.on("POST /v1/uploads", ticket | {"reference": "upload:1.png"})
    deployment.on("POST /v1/jobs", job())

    assert darkroom("edit", "photo.png", "s3://b/c.png", "--prompt", "night") == Exit.DONE

    assert deployment.bodies("/v1/uploads") == [{"content_type": "image/png", "size": len(PICTURE)}]
    assert deployment.bodies("/v1/jobs")[0]["images"] == ["upload:1.png", "s3://b/c.png"]
    (put,) = [each for each in deployment.asked if each.method == "PUT"]
    assert put.content == PICTURE
    assert "Authorization" not in put.headers


def test_a_file_that_is_not_there_is_named_and_nothing_is_asked(
    darkroom: Run, deployment: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    assert darkroom("edit", "nowhere.png", "--prompt", "x") == Exit.BAD_REQUEST
    assert "nowhere.png: no such file" in capsys.readouterr().err
    assert deployment.asked == []


def test_all_tries_of_one_call_have_one_key_and_another_call_another(
    darkroom: Run, deployment: Deployment
) -> None:
    broken: list[Answer] = [httpx.ReadTimeout("x"), httpx.Response(502), problem(429)]
    deployment.on("POST /v1/jobs", *broken, job())

    assert darkroom("generate", "x") == Exit.DONE
    first = deployment.keys("/v1/jobs")
    assert (len(first), len(set(first))) == (4, 1)
    darkroom("generate", "x")
    assert deployment.keys("/v1/jobs")[-1] != first[0]
    darkroom("generate", "x", "--idempotency-key", "order-1")
    assert deployment.keys("/v1/jobs")[-1] == "order-1"


@pytest.mark.parametrize(
    ("answer", "code", "words"),
    [
        (problem(400), Exit.BAD_REQUEST, "prompt is missing"),
        (problem(401, "unauthorized"), Exit.REFUSED_KEY, "make key"),
        (problem(402, "budget-exceeded"), Exit.MONEY, "midnight"),
        (problem(403, "forbidden"), Exit.REFUSED_KEY, "ROLE=submit"),
        (problem(404, "not-found"), Exit.BAD_REQUEST, "prompt is missing"),
        (problem(409, "conflict"), Exit.BAD_REQUEST, "prompt is missing"),
        (problem(500, "internal-error"), Exit.INTERNAL, "prompt is missing"),
        (httpx.Response(404, text="<html>"), Exit.NO_TARGET, "ApiUrl"),
        (httpx.Response(404, json={"oops": 1}), Exit.NO_TARGET, "ApiUrl"),
        (httpx.Response(200, text="<html>"), Exit.NO_TARGET, "ApiUrl"),
        (httpx.Response(307), Exit.NO_TARGET, "ApiUrl"),
        (httpx.ConnectError("x"), Exit.NO_TARGET, "make up"),
    ],
)  # fmt: skip
def test_what_is_refused_says_what_to_do_and_has_its_own_exit_code(
    darkroom: Run,
    deployment: Deployment,
    capsys: pytest.CaptureFixture[str],
    answer: httpx.Response | Exception,
    code: Exit,
    words: str,
) -> None:
    deployment.on("POST /v1/jobs", answer)

    ended = darkroom("generate", "x")

    out, err = capsys.readouterr()
    assert (ended, out) == (code, "")
    assert words in err
    assert KEY not in err


@pytest.mark.parametrize(
    ("end", "code"),
    [(failed(), Exit.FAILED), (failed("canceled"), Exit.CANCELED)],
)
def test_a_job_that_fails_has_an_exit_code_and_still_its_document(
    darkroom: Run,
    deployment: Deployment,
    capsys: pytest.CaptureFixture[str],
    end: dict[str, object],
    code: Exit,
) -> None:
    deployment.on("POST /v1/jobs", end)

    assert darkroom("generate", "x", "--json") == code
    out, err = capsys.readouterr()
    assert json.loads(out)["status"] == "failed"
    assert "It was refused." in err


def test_what_takes_too_long_goes_on_and_says_how_to_see_it(
    darkroom: Run, deployment: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    deployment.on("POST /v1/jobs", job("queued"))

    assert darkroom("generate", "x", "--timeout", "0") == Exit.STILL_RUNNING
    assert f"darkroom watch {JOB_ID}" in capsys.readouterr().err


def test_ctrl_c_ends_the_waiting_and_not_the_job(
    darkroom: Run, deployment: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    deployment.on("POST /v1/jobs", job("queued"))
    deployment.on(f"GET /v1/jobs/{JOB_ID}", KeyboardInterrupt())

    assert darkroom("generate", "x") == Exit.STILL_RUNNING
    assert "It goes on" in capsys.readouterr().err
