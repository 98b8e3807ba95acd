"""Finalize: downloads that are retried, fail or are refused."""

import httpx
import pytest

from tests.workflow import responses
from tests.workflow.cloud import CHECK, FAIL, FINALIZE, SUBMIT, SUCCESS_PATH, Cloud
from tests.workflow.responses import PNG, completed, failed, file, html

CHECK_AND_FINALIZE = [*CHECK, *FINALIZE]
CUT_OFF = httpx.Response(200, content=PNG[:-8])
SHORT = httpx.Response(200, content=PNG[:-8], headers={"content-length": str(len(PNG))})


@pytest.mark.parametrize(
    "failure", [html(500), html(404), httpx.ReadTimeout, CUT_OFF, SHORT, file(b"")]
)
def test_failed_download_is_retried(cloud: Cloud, failure: responses.ScriptedResponse) -> None:
    cloud.provider.script_files(failure, failure, file())

    run = cloud.run()

    assert run.outcome == ("SUCCEEDED", None)
    assert run.states == [*SUBMIT, *CHECK_AND_FINALIZE * 3, "Done"]
    assert run.event_names == ["JobSubmitted", "JobCompleted"]
    assert cloud.clock.waits[1:] == [2, 5]
    assert cloud.asset(run.job.assets[0].key) == PNG


def test_download_that_always_fails_ends_the_job(cloud: Cloud) -> None:
    cloud.provider.script_files(html(500))

    run = cloud.run()

    assert run.outcome == ("FAILED", "asset_unavailable")
    assert run.states == [*SUBMIT, *CHECK_AND_FINALIZE * 5, *FAIL]
    assert cloud.clock.waits[1:] == [2, 5, 15, 30]
    assert run.events[-1][1]["charged"] == "yes"
    assert run.job.assets == ()


def test_file_that_is_not_an_image_ends_the_job(cloud: Cloud) -> None:
    cloud.provider.script_files(file(b"<html>" + bytes(100)))

    run = cloud.run()

    assert run.outcome == ("FAILED", "asset_invalid")
    assert run.states[-2:] == FAIL
    assert run.event_names == ["JobSubmitted", "JobFailed"]


@pytest.mark.parametrize(
    "output", ["https://elsewhere.example.com/1.png", "http://cdn.wavespeed.ai/1.png", "1.png"]
)
def test_output_on_another_host_is_refused_without_retry(cloud: Cloud, output: str) -> None:
    cloud.provider.script_polls(completed(output))

    run = cloud.run()

    assert run.outcome == ("FAILED", "asset_invalid")
    assert run.states == [*SUBMIT, *CHECK_AND_FINALIZE, *FAIL]


def test_prediction_that_fails_after_completion_ends_the_job(cloud: Cloud) -> None:
    cloud.provider.script_polls(completed(), failed("gone"))

    run = cloud.run()

    assert run.outcome == ("FAILED", "provider_failed")
    assert run.states == [*SUBMIT, *CHECK_AND_FINALIZE, *FAIL]


def test_unreadable_output_urls_are_requested_again(cloud: Cloud) -> None:
    cloud.provider.script_polls(completed(), html(502), completed())

    run = cloud.run()

    assert run.outcome == ("SUCCEEDED", None)
    assert run.states == [*SUBMIT, *CHECK_AND_FINALIZE, *SUCCESS_PATH[2:]]
