"""The commands run, models and model: inputs by the model's fields, uploads, and lists."""

import io
import json
from pathlib import Path
from typing import Any

import pytest

from darkroom_cli.errors import Exit
from tests.cli.deployment import IMAGE, IMAGE_NAME, JOB_ID, Deployment, Run, job, problem

MODEL = "maker/clip"
GET_MODEL = f"GET /v1/models/{MODEL}"


def field(name: str, kind: str = "string", **changes: Any) -> dict[str, Any]:
    return {
        "name": name, "type": kind, "label": None, "description": "", "required": False,
        "default": None, "is_list": False, "media": None, "choices": [], "minimum": None,
        "maximum": None, "step": None,
    } | changes  # fmt: skip


FIELDS = [
    field("prompt", required=True),
    field("images", media="image", is_list=True),
    field("duration", "integer", choices=[5, 8], default=5),
    field("strength", "number", minimum=0, maximum=1),
    field("loop", "boolean"),
    field("loras", "json"),
]


@pytest.fixture
def model(deployment: Deployment) -> Deployment:
    """A deployment with a model that completes at once."""
    summary: dict[str, Any] = {
        "id": MODEL,
        "name": "Clip",
        "type": "image-to-video",
        "description": "Moves.",
    }
    summary |= {"base_price_micro_usd": 200_000, "problem": None}
    deployment.on(GET_MODEL, summary | {"fields": FIELDS})
    deployment.on("GET /v1/models", {"models": [summary], "total": 1, "types": ["image-to-video"]})
    deployment.on("POST /v1/estimates", {"estimated_cost_micro_usd": 200_000})
    deployment.on("POST /v1/jobs", job())
    return deployment


def sent(deployment: Deployment) -> Any:
    (body,) = deployment.bodies("/v1/jobs")
    return body


def test_values_are_converted_by_the_fields_of_the_model(
    darkroom: Run, model: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    values = ["prompt=5", "duration=8", "strength=0.5", "loop=true", 'loras=[{"path": "a"}]',
              "images=https://a.test/1.png", "images=s3://b/2.png", "hidden:=null"]  # fmt: skip
    options = [part for value in values for part in ("-i", value)]

    assert darkroom("run", MODEL, *options) == Exit.DONE

    assert sent(model) == {
        "model": MODEL,
        "input": {
            "prompt": "5", "duration": 8, "strength": 0.5, "loop": True,
            "loras": [{"path": "a"}], "images": ["https://a.test/1.png", "s3://b/2.png"],
            "hidden": None,
        },
    }  # fmt: skip
    out, err = capsys.readouterr()
    assert out == f"{IMAGE_NAME}\n"
    assert "Price: $0.2000" in err


def test_files_are_uploaded_or_read_by_the_kind_of_their_field(
    darkroom: Run, model: Deployment
) -> None:
    Path("photo.png").write_bytes(IMAGE)
    Path("prompt.txt").write_text("a kite\n")
    presigned = {"url": "https://files.example.com/put", "headers": {}, "reference": "upload:1"}
    model.on("POST /v1/uploads", presigned)

    options = ("-i", "prompt=@prompt.txt", "-i", "images=@photo.png")
    assert darkroom("run", MODEL, *options) == Exit.DONE

    assert sent(model)["input"] == {"prompt": "a kite", "images": ["upload:1"]}


def test_input_file_is_the_start_and_options_override_it(
    darkroom: Run, model: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = b'{"prompt": "old", "images": ["s3://b/1.png"], "duration": 8}'
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(start)))

    options = ("--input", "-", "-i", "prompt=@@home", "-i", "images=s3://b/2.png")
    assert darkroom("run", MODEL, *options) == Exit.DONE

    assert sent(model)["input"] == {"prompt": "@home", "images": ["s3://b/2.png"], "duration": 8}


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("prompt", "-i prompt has no value. Use name=value, name=@file or name:=JSON."),
        ("colour=red", "The model has no field colour. Its fields: prompt, images, duration"),
        ("duration=7", "duration must be one of 5, 8."),
        ("duration=five", "duration must be a whole number."),
        ("strength=1.5", "strength must be at least 0 and at most 1."),
        ("strength=nan", "strength must be a number."),
        ("loop=maybe", "loop must be true or false."),
        ("loras={", "loras is not valid JSON: "),
        ("x:={", "x is not valid JSON: "),
        ("images=@none.png", "none.png does not exist."),
        ("duration=8", "The input has no prompt. Use -i prompt=…"),
    ],
)
def test_bad_value_is_named_before_anything_is_sent(
    darkroom: Run, model: Deployment, capsys: pytest.CaptureFixture[str], value: str, message: str
) -> None:
    assert darkroom("run", MODEL, "-i", value) == Exit.BAD_REQUEST

    assert message in capsys.readouterr().err
    assert {request.method for request in model.requests} == {"GET"}


def test_field_that_is_no_list_is_given_once(
    darkroom: Run, model: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    assert darkroom("run", MODEL, "-i", "prompt=a", "-i", "prompt=b") == Exit.BAD_REQUEST
    assert "prompt was given twice" in capsys.readouterr().err


def test_without_the_list_of_models_values_are_texts(
    darkroom: Run, model: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    model.on(GET_MODEL, problem(503, "unavailable"))

    assert darkroom("run", MODEL, "-i", "prompt=x", "-i", "duration:=8") == Exit.DONE
    assert sent(model)["input"] == {"prompt": "x", "duration": 8}
    assert "sent as texts" in capsys.readouterr().err


def test_unknown_model_is_refused(darkroom: Run, model: Deployment) -> None:
    model.on(GET_MODEL, problem(404, "not-found"))

    assert darkroom("run", MODEL, "-i", "prompt=x") == Exit.BAD_REQUEST
    assert darkroom("run", "clip") == Exit.BAD_REQUEST
    assert model.bodies("/v1/jobs") == []


def test_models_are_listed(
    darkroom: Run, model: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    assert darkroom("models", "photo", "--type", "image-to-video") == Exit.DONE

    assert capsys.readouterr().out == f"{MODEL}\timage-to-video\t$0.2000\n"
    query = dict(model.requests[0].url.params)
    assert (query["text"], query["type"]) == ("photo", "image-to-video")


def test_fields_of_a_model_are_listed(
    darkroom: Run, model: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    assert darkroom("model", MODEL) == Exit.DONE

    out, err = capsys.readouterr()
    rows = {line.split("\t")[0]: line.split("\t")[1:3] for line in out.splitlines()}
    assert rows["prompt"] == ["string, required", ""]
    assert rows["images"] == ["list of image", ""]
    assert rows["duration"] == ["integer", "5, 8; default 5"]
    assert rows["strength"] == ["number", "0 to 1"]
    assert "Clip: image-to-video, from $0.2000" in err
    assert darkroom("model", MODEL, "--json") == Exit.DONE
    assert json.loads(capsys.readouterr().out)["id"] == MODEL


def test_several_jobs_have_a_total_price_and_a_key_each(
    darkroom: Run, model: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    jobs = [job(job_id=f"{JOB_ID}{number}") for number in range(3)]
    model.on("POST /v1/jobs", *jobs)

    options = ("-n", "3", "--idempotency-key", "order-1", "--json")
    assert darkroom("generate", "x", *options) == Exit.DONE

    out, err = capsys.readouterr()
    printed = json.loads(out)["jobs"]
    assert [each["job_id"] for each in printed] == [each["job_id"] for each in jobs]
    files = [each["files"] for each in printed]
    assert all(Path(file).read_bytes() == IMAGE for (file,) in files)
    assert model.keys("/v1/jobs") == [f"order-1-variant-{number}-of-3" for number in (1, 2, 3)]
    assert err == ""
    darkroom("generate", "x", "-n", "3")
    assert "3 jobs: $0.6000" in capsys.readouterr().err


def test_accepted_jobs_are_finished_before_a_refusal_is_reported(
    darkroom: Run, model: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    model.on("POST /v1/jobs", job(), problem(402, "budget-exceeded"))

    assert darkroom("generate", "x", "-n", "4") == Exit.MONEY

    assert Path(IMAGE_NAME).read_bytes() == IMAGE
    assert len(model.bodies("/v1/jobs")) == 2
    assert "`prompt` is missing." in capsys.readouterr().err


def test_one_failed_job_of_several_is_reported_at_the_end(darkroom: Run, model: Deployment) -> None:
    failure = {"code": "moderated", "message": "No.", "detail": None, "retryable": False}
    model.on("POST /v1/jobs", job("failed", failure=failure, charged="no"), job())

    assert darkroom("generate", "x", "-n", "2") == Exit.FAILED
    assert Path(IMAGE_NAME).exists()
