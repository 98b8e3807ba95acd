"""Money on the deployed stack: a budget, the submits flag and Reconcile."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from reliability.functions import Functions
from tests.e2e.api_client import ApiClient
from tests.e2e.deployment import Deployment


@pytest.fixture(scope="module")
def functions(deployment: Deployment) -> Functions:
    return Functions(deployment.stack)


def test_key_cannot_exceed_its_budget(deployment: Deployment) -> None:
    with deployment.http_client(deployment.create_key("frugal", daily_budget_usd=0.02)) as client:
        capped_client = ApiClient(client)
        jobs = [capped_client.run_job(prompt=f"Within the budget, {n}") for n in range(2)]
        response = capped_client.post_job(prompt="Beyond the budget")

    assert [job["status"] for job in jobs] == ["completed"] * 2
    assert response.status_code == 402
    assert response.json()["type"] == "urn:darkroom:problem:budget-exceeded"
    assert "$0.00 is left" in response.json()["detail"]
    assert deployment.submits_with("Beyond the budget") == []


def test_submits_flag_stops_submits_but_not_submitted_jobs(
    deployment: Deployment, functions: Functions, api_client: ApiClient
) -> None:
    parameters = deployment.stack.client("ssm")
    name = f"/{deployment.stack.stack_name}/switches/submits"
    submitted = api_client.create_job(prompt="Sent before [[fault run.duration seconds=4]]")
    api_client.wait_for_status(submitted["job_id"], "submitted")
    parameters.put_parameter(Name=name, Value="off", Overwrite=True)
    try:
        functions.restart(["Submit"])  # discards the flags that Submit caches for ten seconds
        queued = api_client.create_job(prompt="Not to be sent yet")

        assert api_client.wait_for_status(submitted["job_id"])["status"] == "completed"
        assert api_client.get_job(queued["job_id"])["status"] == "queued"
        assert deployment.submits_with("Not to be sent yet") == []
        assert api_client.client.delete(f"/v1/jobs/{queued['job_id']}").json()["charged"] == "no"
    finally:
        parameters.put_parameter(Name=name, Value="on", Overwrite=True)
        functions.restart(["Submit"])


def test_reconcile_writes_a_report_with_its_deployed_permissions(
    deployment: Deployment, functions: Functions
) -> None:
    day = (datetime.now(UTC).date() - timedelta(days=1)).isoformat()

    report = json.loads(
        functions.invoke("Reconcile", {"id": "by-hand", "day": day})["Payload"].read()
    )

    stored = deployment.s3.get_object(
        Bucket=deployment.stack.assets_bucket, Key=f"reports/{day}.json"
    )
    assert json.loads(stored["Body"].read()) == report
    assert report["orphans"]["count"] == report["double"]["count"] == 0
