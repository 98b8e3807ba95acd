"""Jobs that succeed: states, statuses, events, logs and stored outputs."""

import base64

import pytest

from darkroom.observability import logger
from tests.workflow import responses
from tests.workflow.cloud import (
    AWAIT_WEBHOOK,
    CHECK,
    FINALIZE,
    SUBMIT,
    SUCCESS_PATH,
    WEBHOOK_WAIT,
    Cloud,
)
from tests.workflow.deployment import BUCKET
from tests.workflow.invariants import PROMPT
from tests.workflow.responses import PNG, PREDICTION, body


def test_job_completed_at_the_first_poll_is_stored_and_published(cloud: Cloud) -> None:
    run = cloud.run()

    assert run.outcome == ("SUCCEEDED", None)
    assert run.states == SUCCESS_PATH
    assert run.statuses == ["queued", "submitting", "submitted", "completed"]
    assert run.event_names == ["JobSubmitted", "JobCompleted"]
    assert len(run.posts) == 1
    assert run.job.prediction_id == PREDICTION
    assert [asset.key for asset in run.job.assets] == [f"jobs/{run.job.job_id}/0.png"]
    assert cloud.asset(run.job.assets[0].key) == PNG


def test_submit_contains_only_the_request(cloud: Cloud) -> None:
    cloud.run({"operation": "text-to-image", "prompt": PROMPT, "quality": "low"})

    request = cloud.provider.posts[0].request
    assert request.url.path == "/api/v3/openai/gpt-image-2/text-to-image"
    assert request.url.query == b""
    assert body(request) == {
        "prompt": PROMPT,
        "quality": "low",
        "resolution": "1k",
        "output_format": "png",
    }


@pytest.mark.parametrize("has_webhook", [False, True])
@pytest.mark.parametrize("polls", [2, 5])
def test_job_is_polled_until_it_completes(cloud: Cloud, polls: int, has_webhook: bool) -> None:
    if has_webhook:
        cloud.enable_webhooks()
    unfinished = [responses.status_response("created")] + [
        responses.status_response("processing")
    ] * (polls - 2)
    cloud.provider.script_polls(*unfinished, responses.completed())

    run = cloud.run()

    assert run.outcome == ("SUCCEEDED", None)
    polled = AWAIT_WEBHOOK * polls if has_webhook else [*CHECK * polls, *FINALIZE]
    assert run.states == [*SUBMIT, *polled, "Done"]
    assert run.job.checks == polls
    if has_webhook:
        assert cloud.clock.waits == [WEBHOOK_WAIT, 30, 32, 42, 54][:polls]
    assert cloud.clock.waits[1:] == sorted(cloud.clock.waits[1:])
    completed = run.events[-1][1]
    assert completed["checks"] == polls
    assert run.job.submitted_at is not None
    assert run.job.stored_at is not None
    waited = (run.job.stored_at - run.job.submitted_at).total_seconds()
    assert waited == sum(cloud.clock.waits)


def test_each_step_logs_one_line_with_the_job_id(
    cloud: Cloud, caplog: pytest.LogCaptureFixture
) -> None:
    run = cloud.run()

    lines = [record for record in caplog.records if record.name == logger.name]
    assert [line.getMessage() for line in lines] == ["request", "submit", "check", "finalize"]
    assert logger.get_correlation_id() == run.job.job_id


def test_all_outputs_are_stored_and_listed_in_the_manifest(cloud: Cloud) -> None:
    cloud.provider.script_polls(responses.completed(responses.OUTPUT, responses.OUTPUT))

    run = cloud.run({"model": "any/model", "input": {"prompt": PROMPT}})

    assert run.outcome == ("SUCCEEDED", None)
    assert [asset.key for asset in run.job.assets] == [
        f"jobs/{run.job.job_id}/{index}.png" for index in (0, 1)
    ]
    manifest = cloud.asset(f"jobs/{run.job.job_id}/manifest.json").decode()
    assert all(asset.key in manifest for asset in run.job.assets)
    assert "https:" not in manifest


def test_references_are_sent_as_urls_and_are_not_in_the_execution(cloud: Cloud) -> None:
    link = f"https://images.example.com/a.png?signature={responses.SIGNATURE}"
    data = "data:image/png;base64," + base64.b64encode(PNG).decode()

    run = cloud.run({"operation": "edit", "prompt": PROMPT, "images": [link, data]})

    assert run.outcome == ("SUCCEEDED", None)
    sent_images = body(cloud.provider.posts[0].request)["images"]
    assert sent_images[0] == link
    assert sent_images[1].startswith(
        f"https://{BUCKET}.s3.amazonaws.com/references/{run.job.job_id}/"
    )
    assert "X-Amz-Signature=" in sent_images[1]
    assert "X-Amz" not in run.history
    assert data[-40:] not in run.history
