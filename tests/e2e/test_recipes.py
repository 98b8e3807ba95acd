"""The recipes of the documentation, run against the deployed stack."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from local import paths
from local.waiting import until
from tests.e2e.deployment import Deployment, png_image
from tests.e2e.test_event_entry_point import example, outputs

EXAMPLES = paths.ROOT / "docs" / "examples"
PHOTO = paths.ROOT / "docs" / "images" / "photograph.jpg"


@pytest.fixture(scope="module")
def environment(deployment: Deployment) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "PYTHONWARNINGS": "error",
        "DARKROOM_URL": deployment.stack.api_url,
        "DARKROOM_KEY": deployment.create_key("backend"),
        "INBOX_BUCKET": deployment.stack.inbox_bucket,
        "ASSETS_BUCKET": deployment.stack.assets_bucket,
        "AWS_ENDPOINT_URL": deployment.stack.emulator_url,
        "AWS_ACCESS_KEY_ID": deployment.stack.access_key_id,
        "AWS_SECRET_ACCESS_KEY": deployment.stack.secret_access_key,
        "AWS_DEFAULT_REGION": deployment.stack.region,
        "NO_PROXY": "*",
    }


def run(environment: dict[str, str], *arguments: str | Path) -> str:
    process = subprocess.run(
        [sys.executable, *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    return process.stdout


def test_product_photos_recipe_edits_a_folder(environment: dict[str, str], tmp_path: Path) -> None:
    shutil.copy(PHOTO, tmp_path / "lake.jpg")
    (tmp_path / "lake.png").write_bytes(png_image())
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    (tmp_path / "edited").mkdir()
    (tmp_path / "edited" / "lake.png.png").write_bytes(b"mine")

    output = run(environment, EXAMPLES / "product_photos.py", tmp_path, "clean-scan")

    edited = {path.name: path for path in (tmp_path / "edited").iterdir()}
    assert edited.keys() == {"lake.jpg.png", "lake.png.png", "lake.png-2.png"}
    assert edited["lake.png.png"].read_bytes() == b"mine"
    assert f"lake.jpg -> {edited['lake.jpg.png']}" in output
    assert "broken.jpg: rejected:" in output


def test_orders_backend_recipe_reports_a_repeated_order_once(
    deployment: Deployment, environment: dict[str, str]
) -> None:
    with example(
        deployment, "subscribe", EventBusName=outputs(deployment)["EventBusName"]
    ) as queue:
        parameters = environment | {"QUEUE_URL": queue["QueueUrl"]}
        output = run(parameters, EXAMPLES / "orders_backend.py", "order-1", "order-2", "order-1")

    lines = output.splitlines()
    assert sorted(line.partition(":")[0] for line in lines) == ["order-1", "order-2"]
    assert all("JobCompleted: ['s3://" in line for line in lines)
    assert len(deployment.submits_with("A greeting card for order order-1")) == 1


def test_nightly_batch_recipe_starts_one_batch(deployment: Deployment) -> None:
    rows = b"product\nlantern\ncandle\n"
    deployment.s3.put_object(
        Bucket=deployment.stack.assets_bucket,
        Key="input/rows.csv",
        Body=rows,
        Metadata={"darkroom-caller": "key:nightly"},
    )
    token = deployment.create_key("nightly", daily_budget_usd=20)
    parameters = {
        "ApiUrl": deployment.stack.api_url,
        "ApiKey": token,
        "BatchFile": f"s3://{deployment.stack.assets_bucket}/input/rows.csv",
    }
    with example(deployment, "nightly-batch", **parameters) as stack_outputs:
        batch_ids = {_invoke(deployment, stack_outputs["FunctionName"]) for _ in range(2)}

    (batch_id,) = batch_ids
    with deployment.http_client(token) as client:

        def ended() -> dict[str, Any] | None:
            output: dict[str, Any] = client.get(f"/v1/batches/{batch_id}").json()
            return output if output["ended_at"] else None

        batch = until(ended, seconds=120, what="the end of the batch", every=1)
    assert batch["progress"]["completed"] == 2
    assert len(deployment.submits_with("lantern on white")) == 1


def _invoke(deployment: Deployment, function: str) -> str:
    """Invoke the function as its schedule does; return the batch id."""
    response = deployment.stack.client("lambda").invoke(
        FunctionName=function, Payload=json.dumps({"time": "2026-11-26T01:00:00Z"})
    )
    output = json.loads(response["Payload"].read())
    assert "batch_id" in output, output
    return str(output["batch_id"])
