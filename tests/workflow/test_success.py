"""Jobs that succeed: states, events, logs, stored outputs, and what the provider receives."""

import base64

import pytest

from darkroom.observability import logger
from tests.fakes.images import PNG
from tests.workflow.cloud import PROMPT, SUCCESS_PATH, Cloud
from tests.workflow.deployment import BUCKET
from tests.workflow.provider import SIGNATURE, body


def test_job_is_stored_published_and_logged(cloud: Cloud, caplog: pytest.LogCaptureFixture) -> None:
    run = cloud.run()

    assert run.outcome == ("SUCCEEDED", None)
    assert run.states == SUCCESS_PATH
    assert run.job.caller == "events"
    assert run.event_names == ["JobSubmitted", "JobCompleted"]
    assert [asset.key for asset in run.job.assets] == [f"jobs/{run.job.job_id}/0.png"]
    assert cloud.asset(run.job.assets[0].key) == PNG
    manifest = cloud.asset(f"jobs/{run.job.job_id}/manifest.json").decode()
    assert run.job.assets[0].key in manifest
    assert "https:" not in manifest
    lines = [record for record in caplog.records if record.name == logger.name]
    assert [line.getMessage() for line in lines] == ["request", "submit", "check", "finalize"]
    assert logger.get_correlation_id() == run.job.job_id


def test_references_are_sent_as_urls_and_are_not_in_the_execution(cloud: Cloud) -> None:
    link = f"https://images.example.com/a.png?signature={SIGNATURE}"
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
