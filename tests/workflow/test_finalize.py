import httpx
import pytest

from tests.workflow import answers
from tests.workflow.answers import PNG, completed, failed, file, html
from tests.workflow.cloud import CHECK, FAIL, FINALIZE, STRAIGHT, SUBMIT, Cloud

AGAIN = [*CHECK, *FINALIZE]
CUT_OFF = httpx.Response(200, content=PNG[:-8])
SHORT = httpx.Response(200, content=PNG[:-8], headers={"content-length": str(len(PNG))})


@pytest.mark.parametrize(
    "trouble", [html(500), html(404), httpx.ReadTimeout, CUT_OFF, SHORT, file(b"")]
)
def test_a_download_that_fails_is_tried_again(cloud: Cloud, trouble: answers.Answer) -> None:
    cloud.provider.files(trouble, trouble, file())

    run = cloud.run()

    assert run.end == ("SUCCEEDED", None)
    assert run.states == [*SUBMIT, *AGAIN * 3, "Done"]
    assert run.told == ["JobSubmitted", "JobCompleted"]
    assert cloud.clock.waits[1:] == [2, 5]
    assert cloud.asset(run.job.assets[0].key) == PNG


def test_a_download_that_never_works_ends_the_job(cloud: Cloud) -> None:
    cloud.provider.files(html(500))

    run = cloud.run()

    assert run.end == ("FAILED", "asset_unavailable")
    assert run.states == [*SUBMIT, *AGAIN * 5, *FAIL]
    assert cloud.clock.waits[1:] == [2, 5, 15, 30]
    assert run.events[-1][1]["charged"] == "yes"
    assert run.job.assets == ()


def test_a_file_that_is_no_picture_ends_the_job(cloud: Cloud) -> None:
    cloud.provider.files(file(b"<html>" + bytes(100)))

    run = cloud.run()

    assert run.end == ("FAILED", "asset_invalid")
    assert run.states[-2:] == FAIL
    assert run.told == ["JobSubmitted", "JobFailed"]


@pytest.mark.parametrize(
    "output", ["https://elsewhere.example.com/1.png", "http://cdn.wavespeed.ai/1.png", "1.png"]
)
def test_an_output_that_lies_where_it_may_not_is_refused_at_once(cloud: Cloud, output: str) -> None:
    cloud.provider.checks(completed(output))

    run = cloud.run()

    assert run.end == ("FAILED", "asset_invalid")
    assert run.states == [*SUBMIT, *AGAIN, *FAIL]


def test_a_prediction_that_fails_after_it_was_done_ends_the_job(cloud: Cloud) -> None:
    cloud.provider.checks(completed(), failed("gone"))

    run = cloud.run()

    assert run.end == ("FAILED", "provider_failed")
    assert run.states == [*SUBMIT, *AGAIN, *FAIL]


def test_urls_that_cannot_be_had_at_once_are_asked_for_again(cloud: Cloud) -> None:
    cloud.provider.checks(completed(), html(502), completed())

    run = cloud.run()

    assert run.end == ("SUCCEEDED", None)
    assert run.states == [*SUBMIT, *AGAIN, *STRAIGHT[2:]]
