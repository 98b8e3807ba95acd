"""Job lists and single jobs, watch, price, presets and stats: tables, tabs and JSON."""

import io
import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from darkroom_cli import show
from darkroom_cli.errors import Exit
from tests.cli.deployment import IMAGE_NAME, JOB_ID, Deployment, Run, failed, job

type Capture = pytest.CaptureFixture[str]


def test_job_list_in_a_pipe_is_tab_separated(
    darkroom: Run, deployment: Deployment, capsys: Capture
) -> None:
    deployment.on("GET /v1/jobs", {"jobs": [job(), failed("canceled")], "cursor": None})

    assert darkroom("jobs", "list", "--status", "completed", "--text", "red") == Exit.DONE

    first, second = capsys.readouterr().out.splitlines()
    assert first.split("\t")[:4] == [JOB_ID, "completed", "text-to-image low 1k", "$0.0100"]
    assert second.split("\t")[1] == "canceled"
    assert dict(deployment.requests[0].url.params) == {
        "status": "completed", "text": "red", "limit": "20",
    }  # fmt: skip


def test_job_list_follows_the_cursor(
    darkroom: Run, deployment: Deployment, capsys: Capture
) -> None:
    page = {"jobs": [job()] * 100, "cursor": "more"}
    deployment.on("GET /v1/jobs", page, {"jobs": [job()] * 50, "cursor": "more"})

    assert darkroom("jobs", "list", "--limit", "150", "--json") == Exit.DONE

    assert len(json.loads(capsys.readouterr().out)["jobs"]) == 150
    assert [request.url.params.get("cursor") for request in deployment.requests] == [None, "more"]


def test_show_prints_every_field_of_a_job(
    darkroom: Run, deployment: Deployment, capsys: Capture
) -> None:
    deployment.on(f"GET /v1/jobs/{JOB_ID}", failed())

    assert darkroom("jobs", "show", JOB_ID) == Exit.DONE

    fields = dict(line.split("\t") for line in capsys.readouterr().out.splitlines())
    assert fields["failure"] == "moderated: It was refused."
    assert fields["prompt"] == "a red bicycle"


def test_job_list_is_filtered_by_labels_and_days(darkroom: Run, deployment: Deployment) -> None:
    deployment.on("GET /v1/jobs", {"jobs": [], "cursor": None})

    options = ("--tag", "sky", "--favorite", "--since", "2026-07-01", "--preset", "scan")
    assert darkroom("jobs", "list", *options) == Exit.DONE

    assert dict(deployment.requests[0].url.params) == {
        "tag": "sky", "favorite": "true", "since": "2026-07-01", "preset": "scan", "limit": "20",
    }  # fmt: skip


def test_tag_adds_and_removes_tags(darkroom: Run, deployment: Deployment, capsys: Capture) -> None:
    path = f"/v1/jobs/{JOB_ID}"
    deployment.on(f"GET {path}", job(tags=["a", "b"], favorite=False))
    deployment.on(f"PATCH {path}", job(tags=["b", "c"], favorite=True))

    arguments = ("--add", "c", "--remove", "A", "--favorite")
    assert darkroom("jobs", "tag", JOB_ID, *arguments) == Exit.DONE

    assert json.loads(deployment.requests[-1].content) == {"favorite": True, "tags": ["b", "c"]}
    assert capsys.readouterr().out == f"{JOB_ID}  favorite, #b, #c\n"


def test_share_prints_the_link_and_closes_it(
    darkroom: Run, deployment: Deployment, capsys: Capture
) -> None:
    path = f"/v1/jobs/{JOB_ID}/share"
    deployment.on(f"POST {path}", {"url": "https://a.test/share/x?token=y", "expires_at": ""})
    deployment.on(f"DELETE {path}", job())

    assert darkroom("jobs", "share", JOB_ID, "--hours", "5") == Exit.DONE
    assert darkroom("jobs", "share", JOB_ID, "--stop") == Exit.DONE

    assert json.loads(deployment.requests[0].content) == {"expires_in_hours": 5}
    assert capsys.readouterr().out.splitlines()[0] == "https://a.test/share/x?token=y"


def test_cancel_prints_the_charge(darkroom: Run, deployment: Deployment, capsys: Capture) -> None:
    deployment.on(f"DELETE /v1/jobs/{JOB_ID}", failed("canceled"))

    assert darkroom("jobs", "cancel", JOB_ID) == Exit.DONE
    assert "not charged" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "route"),
    [
        (("jobs", "cancel", JOB_ID), f"DELETE /v1/jobs/{JOB_ID}"),
        (("batch", "cancel", JOB_ID), f"DELETE /v1/batches/{JOB_ID}"),
        (("keys", "revoke", JOB_ID), f"DELETE /v1/keys/{JOB_ID}"),
        (("resume",), "PUT /v1/submits"),
    ],
)
def test_result_is_one_document_with_json(
    darkroom: Run, deployment: Deployment, capsys: Capture, arguments: tuple[str, ...], route: str
) -> None:
    answer = job(batch_id=JOB_ID, id=JOB_ID, name="shop")
    deployment.on(route, answer)

    assert darkroom(*arguments, "--json") == Exit.DONE
    assert json.loads(capsys.readouterr().out) == answer


@pytest.mark.parametrize(
    ("erased_at", "state"),
    [("2026-11-30T12:00:00Z", "erased"), (None, "erased here; WaveSpeed has not confirmed it yet")],
)
def test_erase_prints_whether_everything_is_deleted(
    darkroom: Run, deployment: Deployment, capsys: Capture, erased_at: str | None, state: str
) -> None:
    deployment.on(f"DELETE /v1/jobs/{JOB_ID}/data", job(assets=[], erased_at=erased_at))

    assert darkroom("jobs", "erase", JOB_ID, "--yes") == Exit.DONE
    assert capsys.readouterr().out == f"{JOB_ID}  {state}\n"


def test_nothing_is_erased_without_a_confirmation(
    darkroom: Run, deployment: Deployment, capsys: Capture
) -> None:
    assert darkroom("jobs", "erase", JOB_ID) == Exit.USAGE
    assert deployment.requests == []
    assert "--yes" in capsys.readouterr().err


def test_erased_job_cannot_be_retried(darkroom: Run, deployment: Deployment) -> None:
    erased = job(input={}, assets=[], erasing_at="2026-11-30T12:00:00Z")
    deployment.on(f"GET /v1/jobs/{JOB_ID}", erased)

    assert darkroom("jobs", "retry", JOB_ID) == Exit.BAD_REQUEST
    assert len(deployment.requests) == 1


def test_retry_submits_the_same_request(darkroom: Run, deployment: Deployment) -> None:
    previous = job("failed", operation="edit", references=["s3://assets/uploads/1.png"])
    deployment.on(f"GET /v1/jobs/{JOB_ID}", previous)
    deployment.on("POST /v1/jobs", job())

    assert darkroom("jobs", "retry", JOB_ID) == Exit.DONE
    assert deployment.bodies("/v1/jobs") == [
        {
            "operation": "edit", "prompt": "a red bicycle", "quality": "low", "resolution": "1k",
            "images": ["s3://assets/uploads/1.png"],
        }
    ]  # fmt: skip


def test_retry_with_url_references_fails(
    darkroom: Run, deployment: Deployment, capsys: Capture
) -> None:
    deployment.on(f"GET /v1/jobs/{JOB_ID}", job(references=["https://a.test/signed.png"]))

    assert darkroom("jobs", "retry", JOB_ID) == Exit.BAD_REQUEST
    assert "darkroom edit" in capsys.readouterr().err


def test_open_saves_the_image_of_a_completed_job(
    darkroom: Run, deployment: Deployment, capsys: Capture
) -> None:
    deployment.on(f"GET /v1/jobs/{JOB_ID}", job(), job("queued"))

    assert darkroom("jobs", "open", JOB_ID) == Exit.DONE
    assert capsys.readouterr().out == f"{IMAGE_NAME}\n"
    assert darkroom("jobs", "open", JOB_ID) == Exit.STILL_RUNNING


def test_watch_in_a_pipe_prints_each_status_change_once(
    darkroom: Run, deployment: Deployment, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages = [
        {"jobs": [job(status)], "cursor": None} for status in ("queued", "queued", "completed")
    ]
    deployment.on("GET /v1/jobs", *pages, KeyboardInterrupt())

    assert darkroom("watch", "--json") == Exit.DONE

    statuses = [json.loads(line)["status"] for line in capsys.readouterr().out.splitlines()]
    assert statuses == ["queued", "completed"]


def test_price_is_printed_and_unknown_if_there_is_none(
    darkroom: Run, deployment: Deployment, capsys: Capture
) -> None:
    estimate = {"estimated_cost_micro_usd": 730_000, "priced_as_of": "2026-07-29"}
    deployment.on("POST /v1/estimates", estimate, {**estimate, "estimated_cost_micro_usd": None})

    assert darkroom("price", "--images", "2", "--quality", "high") == Exit.DONE
    assert capsys.readouterr().out == "$0.7300\n"
    assert len(deployment.bodies("/v1/estimates")[0]["images"]) == 2
    darkroom("price")
    assert capsys.readouterr().out == "unknown\n"


def test_presets_are_listed_with_the_problem_of_a_newer_document(
    darkroom: Run, deployment: Deployment, capsys: Capture
) -> None:
    presets = {
        "presets": {"warmer-light": {"prompt": "Warm", "quality": "low"}},
        "problem": "is not JSON",
    }
    deployment.on("GET /v1/presets", presets)

    assert darkroom("presets") == Exit.DONE
    out, err = capsys.readouterr()
    assert out == "warmer-light\tlow\t\tWarm\n"
    assert "config/presets.json is not used: is not JSON" in err


def test_completion_script_is_printed(
    darkroom: Run, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION", "1")

    assert darkroom("--show-completion", "bash") == Exit.DONE
    assert "_DARKROOM_COMPLETE" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [["paint"], ["generate"], ["generate", "x", "--qualty", "low"], ["generate", "x", "-n", "9"]],
)
def test_invalid_command_line_returns_2(darkroom: Run, arguments: list[str]) -> None:
    assert darkroom(*arguments) == Exit.USAGE


def test_stats_are_printed_by_day_and_caller(
    darkroom: Run, deployment: Deployment, capsys: Capture
) -> None:
    day = {
        "day": "2026-11-26", "caller": "key:me", "completed": 3, "failed": 2,
        "spent_micro_usd": 30_000, "failures": {"moderated": 2},
    }  # fmt: skip
    kind = {"operation": "edit", "quality": "low", "resolution": "1k", "jobs": 3}
    queue = {"waiting_normal": 1, "waiting_low": 4, "in_flight": 2, "message": "No credit."}
    durations = [{**kind, "p50_seconds": 14.2, "p95_seconds": 20.1}]
    report = {"days": [day], "durations": durations, "queue": queue}
    deployment.on("GET /v1/stats", report)

    assert darkroom("stats", "--days", "7") == Exit.DONE

    out, err = capsys.readouterr()
    assert out == "2026-11-26\tkey:me\t3\t2\t$0.0300\tmoderated 2\n"
    assert "edit low 1k: p50 14.2 s, p95 20.1 s" in err
    assert "queue: 5 waiting · 2 generating" in err
    assert "No credit." in err
    assert deployment.requests[0].url.params["days"] == "7"


@pytest.mark.parametrize("columns", ["job", "id", "model", "batch"])
def test_ids_of_a_table_stay_whole_on_a_narrow_terminal(columns: str) -> None:
    console = show.SafeConsole(soft_wrap=True, width=40, file=io.StringIO())

    console.print(show.table([columns, "prompt"], [[JOB_ID, "a long prompt " * 10]]))

    assert isinstance(console.file, io.StringIO)
    assert JOB_ID in console.file.getvalue()


def test_version_is_printed(darkroom: Run, capsys: Capture) -> None:
    assert darkroom("--version") == Exit.DONE
    assert capsys.readouterr().out == f"darkroom {version('darkroom')}\n"


def test_quiet_prints_results_and_errors_only(
    darkroom: Run, deployment: Deployment, capsys: Capture
) -> None:
    deployment.on("POST /v1/jobs", job(), failed())

    assert darkroom("generate", "x", "--quiet") == Exit.DONE
    assert capsys.readouterr() == (f"{IMAGE_NAME}\n", "")
    assert darkroom("generate", "x", "-q") == Exit.FAILED
    assert "It was refused." in capsys.readouterr().err


def chain(status: str, *steps: str, **changes: Any) -> dict[str, Any]:
    """A job whose chain has steps with these statuses."""
    listed = [
        {"step": number, "status": each, "model": "maker/model", "charged": "yes", "code": None,
         "estimated_cost_micro_usd": 10_000, "job_id": JOB_ID if each == "completed" else None}
        for number, each in enumerate(steps)
    ]  # fmt: skip
    state = {"chain_id": JOB_ID, "status": status, "steps": listed, "message": None} | changes
    return job(chain=state)


def test_resume_waits_for_the_chain_and_saves_the_last_image(
    darkroom: Run, deployment: Deployment, capsys: Capture
) -> None:
    deployment.on(f"POST /v1/jobs/{JOB_ID}/resume", chain("running", "completed", "queued"))
    deployment.on(f"GET /v1/jobs/{JOB_ID}", chain("completed", "completed", "completed"), job())

    assert darkroom("jobs", "resume", JOB_ID) == Exit.DONE

    assert capsys.readouterr().out == f"{IMAGE_NAME}\n"
    assert Path(IMAGE_NAME).exists()


def test_resume_after_a_recovery_of_the_last_step_saves_its_image(
    darkroom: Run, deployment: Deployment, capsys: Capture
) -> None:
    """The job of the step stays failed."""
    recovered = failed("deadline_exceeded") | {"assets": job()["assets"]}
    deployment.on(f"POST /v1/jobs/{JOB_ID}/resume", chain("completed", "completed", "failed"))
    deployment.on(f"GET /v1/jobs/{JOB_ID}", recovered)

    assert darkroom("jobs", "resume", JOB_ID) == Exit.DONE

    assert capsys.readouterr().out == f"{IMAGE_NAME}\n"


def test_chain_that_ends_without_its_last_step_has_an_exit_code(
    darkroom: Run, deployment: Deployment, capsys: Capture
) -> None:
    ended = chain("failed", "completed", "skipped", message="The budget is used up.")
    deployment.on("POST /v1/jobs", ended)
    deployment.on(f"GET /v1/jobs/{JOB_ID}", job())
    Path("steps.json").write_text('[{"operation": "edit", "prompt": "At night"}]')

    assert darkroom("generate", "x", "--then", "steps.json") == Exit.FAILED

    assert "The budget is used up." in capsys.readouterr().err
    assert deployment.bodies("/v1/jobs")[0]["then"] == [{"operation": "edit", "prompt": "At night"}]


def test_steps_that_are_not_json_are_refused_with_file_and_line(
    darkroom: Run, deployment: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("steps.json").write_text('[{"prompt": "At night"\n}, {]')

    assert darkroom("generate", "x", "--then", "steps.json") == Exit.BAD_REQUEST
    err = capsys.readouterr().err
    assert err.startswith("darkroom: steps.json is not valid JSON: ")
    assert "line 2 column 5" in err
    assert not deployment.requests


def test_show_lists_the_steps_of_a_chain(
    darkroom: Run, deployment: Deployment, capsys: Capture
) -> None:
    deployment.on(f"GET /v1/jobs/{JOB_ID}", chain("running", "completed", "queued"))

    assert darkroom("jobs", "show", JOB_ID) == Exit.DONE

    fields = dict(line.split("\t") for line in capsys.readouterr().out.splitlines())
    assert (fields["chain"], fields["step 1"]) == ("running", f"completed {JOB_ID}")


def test_retry_with_a_setting_finishes_a_draft(darkroom: Run, deployment: Deployment) -> None:
    deployment.on(f"GET /v1/jobs/{JOB_ID}", job())
    deployment.on("POST /v1/jobs", job())

    assert darkroom("jobs", "retry", JOB_ID, "--quality", "high") == Exit.DONE
    assert deployment.bodies("/v1/jobs")[0]["quality"] == "high"
    other = job(operation="model", model="maker/model", input={"text": "x"})
    deployment.on(f"GET /v1/jobs/{JOB_ID}", other)
    assert darkroom("jobs", "retry", JOB_ID, "--quality", "high") == Exit.BAD_REQUEST
