"""Lists, prices, watching, jobs one by one: tables for people, tabs for pipes, and JSON."""

import json

import pytest

from darkroom_cli.errors import Exit
from tests.cli.deployment import JOB_ID, Deployment, Run, failed, job, problem

type Capture = pytest.CaptureFixture[str]


def test_jobs_are_listed_by_tabs_in_a_pipe(
    darkroom: Run, deployment: Deployment, capsys: Capture
) -> None:
    deployment.on("GET /v1/jobs", {"jobs": [job(), failed("canceled")], "cursor": None})

    assert darkroom("jobs", "list", "--status", "completed", "--text", "red") == Exit.DONE

    first, second = capsys.readouterr().out.splitlines()
    assert first.split("\t")[:4] == [JOB_ID, "completed", "text-to-image low 1k", "$0.0100"]
    assert second.split("\t")[1] == "canceled"
    assert dict(deployment.asked[0].url.params) == {
        "status": "completed", "text": "red", "limit": "20",
    }  # fmt: skip


def test_a_list_goes_on_page_by_page(
    darkroom: Run, deployment: Deployment, capsys: Capture
) -> None:
    page = {"jobs": [job()] * 100, "cursor": "more"}
    deployment.on("GET /v1/jobs", page, {"jobs": [job()] * 50, "cursor": "more"})

    assert darkroom("jobs", "list", "--limit", "150", "--json") == Exit.DONE

    assert len(json.loads(capsys.readouterr().out)["jobs"]) == 150
    assert [each.url.params.get("cursor") for each in deployment.asked] == [None, "more"]


def test_a_job_is_shown_with_all_about_it(
    darkroom: Run, deployment: Deployment, capsys: Capture
) -> None:
    deployment.on(f"GET /v1/jobs/{JOB_ID}", failed())

    assert darkroom("jobs", "show", JOB_ID) == Exit.DONE

    facts = dict(line.split("\t") for line in capsys.readouterr().out.splitlines())
    assert facts["failure"] == "moderated: It was refused."
    assert facts["prompt"] == "a red bicycle"


def test_canceling_says_what_was_charged(
    darkroom: Run, deployment: Deployment, capsys: Capture
) -> None:
    deployment.on(f"DELETE /v1/jobs/{JOB_ID}", failed("canceled"))

    assert darkroom("jobs", "cancel", JOB_ID) == Exit.DONE
    assert "nothing charged" in capsys.readouterr().out


def test_what_cannot_be_canceled_says_so(
    darkroom: Run, deployment: Deployment, capsys: Capture
) -> None:
    deployment.on(f"DELETE /v1/jobs/{JOB_ID}", problem(409, "already-ended", detail="it has ended"))

    assert darkroom("jobs", "cancel", JOB_ID) == Exit.BAD_REQUEST
    assert "it has ended" in capsys.readouterr().err


def test_trying_again_asks_for_the_same_as_a_new_job(darkroom: Run, deployment: Deployment) -> None:
    old = job("failed", operation="edit", references=["s3://assets/uploads/1.png"])
    deployment.on(f"GET /v1/jobs/{JOB_ID}", old)
    deployment.on("POST /v1/jobs", job())

    assert darkroom("jobs", "retry", JOB_ID) == Exit.DONE
    assert deployment.bodies("/v1/jobs") == [
        {
            "operation": "edit", "prompt": "a red bicycle", "quality": "low", "resolution": "1k",
            "images": ["s3://assets/uploads/1.png"],
        }
    ]  # fmt: skip


def test_what_a_job_does_not_show_cannot_be_asked_again(
    darkroom: Run, deployment: Deployment, capsys: Capture
) -> None:
    deployment.on(f"GET /v1/jobs/{JOB_ID}", job(references=["https://a.test/signed.png"]))

    assert darkroom("jobs", "retry", JOB_ID) == Exit.BAD_REQUEST
    assert "darkroom edit" in capsys.readouterr().err


def test_a_finished_picture_is_opened_by_saving_it(
    darkroom: Run, deployment: Deployment, capsys: Capture
) -> None:
    deployment.on(f"GET /v1/jobs/{JOB_ID}", job(), job("queued"))

    assert darkroom("jobs", "open", JOB_ID) == Exit.DONE
    assert capsys.readouterr().out == f"{JOB_ID}.png\n"
    assert darkroom("jobs", "open", JOB_ID) == Exit.STILL_RUNNING


def test_watching_in_a_pipe_tells_each_change_once(
    darkroom: Run, deployment: Deployment, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages = [
        {"jobs": [job(status)], "cursor": None} for status in ("queued", "queued", "completed")
    ]
    deployment.on("GET /v1/jobs", *pages, KeyboardInterrupt())

    assert darkroom("watch", "--json") == Exit.DONE

    told = [json.loads(line)["status"] for line in capsys.readouterr().out.splitlines()]
    assert told == ["queued", "completed"]


def test_watching_one_job_is_waiting_for_it(darkroom: Run, deployment: Deployment) -> None:
    deployment.on(f"GET /v1/jobs/{JOB_ID}", job("submitted"), job())

    assert darkroom("watch", JOB_ID) == Exit.DONE


def test_a_price_is_told_before_anything_is_made(
    darkroom: Run, deployment: Deployment, capsys: Capture
) -> None:
    known = {"estimated_cost_micro_usd": 730_000, "priced_as_of": "2026-07-29"}
    deployment.on("POST /v1/estimates", known, {**known, "estimated_cost_micro_usd": None})

    assert darkroom("price", "--images", "2", "--quality", "high") == Exit.DONE
    assert capsys.readouterr().out == "$0.7300\n"
    assert len(deployment.bodies("/v1/estimates")[0]["images"]) == 2
    darkroom("price")
    assert capsys.readouterr().out == "not known\n"


def test_presets_are_listed(darkroom: Run, deployment: Deployment, capsys: Capture) -> None:
    told = {"presets": {"warmer-light": {"prompt": "Warm", "quality": "low"}}, "problem": "no JSON"}
    deployment.on("GET /v1/presets", told)

    assert darkroom("presets") == Exit.DONE
    out, err = capsys.readouterr()
    assert out == "warmer-light\tlow\t\tWarm\n"
    assert "no JSON" in err


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_can_complete_commands(
    darkroom: Run, capsys: Capture, monkeypatch: pytest.MonkeyPatch, shell: str
) -> None:
    monkeypatch.setenv("_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION", "1")

    assert darkroom("--show-completion", shell) == Exit.DONE
    assert "_DARKROOM_COMPLETE" in capsys.readouterr().out


@pytest.mark.parametrize("words", [["paint"], ["generate"], ["generate", "x", "--qualty", "low"]])
def test_a_command_that_is_none_is_a_usage_error(darkroom: Run, words: list[str]) -> None:
    assert darkroom(*words) == Exit.USAGE


def test_stats_are_told_by_day_and_caller(
    darkroom: Run, deployment: Deployment, capsys: Capture
) -> None:
    day = {
        "day": "2026-11-26", "caller": "key:me", "completed": 3, "failed": 2,
        "spent_micro_usd": 30_000, "failures": {"moderated": 2},
    }  # fmt: skip
    kind = {"operation": "edit", "quality": "low", "resolution": "1k", "jobs": 3}
    queue = {"waiting_normal": 1, "waiting_low": 4, "in_flight": 2, "breaker": "open"}
    durations = [{**kind, "p50_seconds": 14.2, "p95_seconds": 20.1}]
    told = {"days": [day], "durations": durations, "queue": queue}
    deployment.on("GET /v1/stats", told)

    assert darkroom("stats", "--days", "7") == Exit.DONE

    out, err = capsys.readouterr()
    assert out == "2026-11-26\tkey:me\t3\t2\t$0.0300\tmoderated 2\n"
    assert "edit low 1k: p50 14.2 s, p95 20.1 s" in err
    assert "in the line 5, with the provider 2; the provider takes nothing now" in err
    assert deployment.asked[0].url.params["days"] == "7"
