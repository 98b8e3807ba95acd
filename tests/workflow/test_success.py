import base64

import pytest

from darkroom.observability import logger
from tests.workflow import answers
from tests.workflow.answers import PNG, PREDICTION, body
from tests.workflow.cloud import CHECK, FINALIZE, LISTEN, LISTENS, STRAIGHT, SUBMIT, Cloud
from tests.workflow.deployment import BUCKET
from tests.workflow.invariants import PROMPT


def test_a_job_that_is_done_at_the_first_look_is_stored_and_announced(cloud: Cloud) -> None:
    run = cloud.run()

    assert run.end == ("SUCCEEDED", None)
    assert run.states == STRAIGHT
    assert run.statuses == ["queued", "submitting", "submitted", "completed"]
    assert run.told == ["JobSubmitted", "JobCompleted"]
    assert len(run.posts) == 1
    assert run.job.prediction_id == PREDICTION
    assert [asset.key for asset in run.job.assets] == [f"jobs/{run.job.job_id}/0.png"]
    assert cloud.asset(run.job.assets[0].key) == PNG


def test_the_post_carries_the_request_and_nothing_else(cloud: Cloud) -> None:
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


@pytest.mark.parametrize("way", [CHECK, LISTEN], ids=lambda way: way[0])
@pytest.mark.parametrize("looks", [2, 5])
def test_a_job_waits_as_long_as_the_provider_works_on_it(
    cloud: Cloud, looks: int, way: list[str]
) -> None:
    if way == LISTEN:
        cloud.listen()
    working = [answers.standing("created")] + [answers.standing("processing")] * (looks - 2)
    cloud.provider.checks(*working, answers.completed())

    run = cloud.run()

    assert run.end == ("SUCCEEDED", None)
    assert run.states == [*SUBMIT, *way * looks, *FINALIZE, "Done"]
    assert run.job.checks == looks
    if way == LISTEN:
        assert cloud.clock.waits == [LISTENS, 30, 32, 42, 54][:looks]
    assert cloud.clock.waits[1:] == sorted(cloud.clock.waits[1:])
    completed = run.events[-1][1]
    assert completed["checks"] == looks
    assert run.job.submitted_at is not None
    assert run.job.stored_at is not None
    waited = (run.job.stored_at - run.job.submitted_at).total_seconds()
    assert waited == sum(cloud.clock.waits)


def test_every_step_logs_a_line_with_the_job_id(
    cloud: Cloud, caplog: pytest.LogCaptureFixture
) -> None:
    run = cloud.run()

    lines = [record for record in caplog.records if record.name == logger.name]
    assert [line.getMessage() for line in lines] == ["request", "submit", "check", "finalize"]
    assert logger.get_correlation_id() == run.job.job_id


def test_every_output_is_stored_and_listed_in_the_manifest(cloud: Cloud) -> None:
    cloud.provider.checks(answers.completed(answers.OUTPUT, answers.OUTPUT))

    run = cloud.run({"model": "any/model", "input": {"prompt": PROMPT}})

    assert run.end == ("SUCCEEDED", None)
    assert [asset.key for asset in run.job.assets] == [
        f"jobs/{run.job.job_id}/{index}.png" for index in (0, 1)
    ]
    manifest = cloud.asset(f"jobs/{run.job.job_id}/manifest.json").decode()
    assert all(asset.key in manifest for asset in run.job.assets)
    assert "https:" not in manifest


def test_references_reach_the_provider_as_urls_and_the_execution_not_at_all(cloud: Cloud) -> None:
    link = f"https://pictures.example.com/a.png?signature={answers.SIGNATURE}"
    data = "data:image/png;base64," + base64.b64encode(PNG).decode()

    run = cloud.run({"operation": "edit", "prompt": PROMPT, "images": [link, data]})

    assert run.end == ("SUCCEEDED", None)
    given = body(cloud.provider.posts[0].request)["images"]
    assert given[0] == link
    assert given[1].startswith(f"https://{BUCKET}.s3.amazonaws.com/references/{run.job.job_id}/")
    assert "X-Amz-Signature=" in given[1]
    assert "X-Amz" not in run.history
    assert data[-40:] not in run.history
