"""Chains of three steps on the deployed stack: each step is paid once."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from darkroom.domain import presets
from darkroom.domain.identity import job_id, step_key
from local.events import Event
from tests.e2e.api_client import ApiClient
from tests.e2e.deployment import Deployment, png_image

SECONDS = 240
EDIT: dict[str, Any] = {"prompt": "Put it on white", "quality": "low"}
UPSCALE: dict[str, Any] = {
    "model": "wavespeed-ai/image-upscaler",
    "input": {"image": "$previous", "target_resolution": "2k"},
}
STEPS = [EDIT, UPSCALE]
PRESET = "three-steps"


def chain_ended(deployment: Deployment, chain_id: str, attempt: int = 0) -> Event:
    """Wait for the terminal event of a chain; return the event."""
    return deployment.bus.wait_for(
        lambda event: (
            event["detail-type"] in ("ChainCompleted", "ChainFailed")
            and event["detail"]["chain_id"] == chain_id
            and event["detail"]["attempt"] == attempt
        ),
        seconds=SECONDS,
        what=f"the end of the chain {chain_id}",
    )


def completed_chain(deployment: Deployment, chain_id: str) -> dict[str, Any]:
    """Wait for a chain of three steps; assert its jobs, outputs and charges; return its event."""
    event = chain_ended(deployment, chain_id)
    detail = event["detail"]
    assert event["detail-type"] == "ChainCompleted", detail
    jobs = [deployment.job(step["job_id"]) for step in detail["finished"]]
    assert [job.operation for job in jobs][1:] == ["edit", "model"]
    assert [(job.chain_id, job.step) for job in jobs] == [(chain_id, step) for step in range(3)]
    assert [job.job_id for job in jobs[1:]] == [
        job_id(jobs[0].caller, step_key(chain_id, step)) for step in (1, 2)
    ]
    assert str(jobs[1].references[0]) == detail["finished"][0]["uris"][0]
    assert jobs[2].input["image"] == detail["finished"][1]["uris"][0]
    for job in jobs:
        assert deployment.charges_of(job.prediction_id or "") == 1
    assert detail["spent_micro_usd"] == sum(job.estimated_cost_micro_usd or 0 for job in jobs)
    assert detail["assets"] == detail["finished"][2]["assets"]
    assert len(deployment.asset_bytes(detail["assets"][0])) == detail["assets"][0]["size"]
    result: dict[str, Any] = detail
    return result


@pytest.fixture
def chain_preset(deployment: Deployment) -> Iterator[str]:
    """Add a preset with three steps to the shipped presets."""
    document = presets.shipped().model_dump(mode="json", exclude_none=True)
    document["presets"][PRESET] = {"prompt": "Clean it", "quality": "low", "then": STEPS}
    location = {"Bucket": deployment.stack.assets_bucket, "Key": "config/presets.json"}
    deployment.s3.put_object(**location, Body=json.dumps(document).encode())
    yield PRESET
    deployment.s3.delete_object(**location)


def test_http_request_with_three_steps(deployment: Deployment, api_client: ApiClient) -> None:
    job = api_client.create_job(prompt="Chain over HTTP", then=STEPS)

    detail = completed_chain(deployment, job["job_id"])

    shown = api_client.get_job(job["job_id"])["chain"]
    assert (shown["status"], shown["spent_micro_usd"]) == ("completed", detail["spent_micro_usd"])
    assert [step["status"] for step in shown["steps"]] == ["completed"] * 3


def test_upload_to_a_preset_with_three_steps(deployment: Deployment, chain_preset: str) -> None:
    key = f"{chain_preset}/autumn/shoe.png"
    version = deployment.put_to_inbox(key, png_image(321, 123))

    first = deployment.wait_for_upload(key, version)["detail"]
    detail = completed_chain(deployment, first["job_id"])

    for step in detail["finished"]:
        (asset,) = step["assets"]
        assert asset["key"].startswith(f"edits/{key}/{step['job_id']}/0.")


def test_failed_step_ends_the_chain_and_a_resume_completes_it(
    deployment: Deployment, api_client: ApiClient
) -> None:
    broken = {**EDIT, "prompt": "Fail once [[fault run.hiccup times=1]]"}
    job = api_client.create_job(prompt="A chain that fails", then=[broken, UPSCALE])
    failed = chain_ended(deployment, job["job_id"])
    assert (failed["detail-type"], failed["detail"]["step"]) == ("ChainFailed", 1)
    assert [step["step"] for step in failed["detail"]["finished"]] == [0]

    response = api_client.client.post(f"/v1/jobs/{job['job_id']}/resume")

    assert response.status_code == 202, response.text
    resumed = chain_ended(deployment, job["job_id"], attempt=1)
    assert resumed["detail-type"] == "ChainCompleted"
    first = resumed["detail"]["finished"][0]
    assert first == failed["detail"]["finished"][0]
    prediction = deployment.job(first["job_id"]).prediction_id
    assert deployment.charges_of(prediction or "") == 1
    again = api_client.client.post(f"/v1/jobs/{job['job_id']}/resume")
    assert (again.status_code, again.json()["type"]) == (409, "urn:darkroom:problem:not-resumable")


def test_no_step_starts_after_a_cancellation(deployment: Deployment, api_client: ApiClient) -> None:
    slow = {**EDIT, "prompt": "Take long [[fault run.duration seconds=20]]"}
    job = api_client.create_job(prompt="A chain that is canceled", then=[slow, UPSCALE])
    deployment.wait_for_job(job["job_id"])
    second = job_id("key:shop", step_key(job["job_id"], 1))
    api_client.wait_for_status(job["job_id"], "completed")

    response = api_client.client.delete(f"/v1/jobs/{job['job_id']}")

    assert response.status_code in (200, 202), response.text
    failed = chain_ended(deployment, job["job_id"])["detail"]
    assert (failed["code"], len(failed["finished"])) == ("canceled", 1)
    if deployment.find_job(second) is not None:
        assert deployment.wait_for_job(second)["detail"]["code"] == "canceled"
    assert deployment.find_job(job_id("key:shop", step_key(job["job_id"], 2))) is None
