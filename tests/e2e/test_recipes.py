"""The recipes, run as their page says, against the deployed stack."""

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
from tests.e2e.desk import Desk
from tests.e2e.test_event_entry_point import example, outputs

EXAMPLES = paths.ROOT / "docs" / "examples"
PHOTO = paths.ROOT / "docs" / "images" / "photograph.jpg"


@pytest.fixture(scope="module")
def environment(desk: Desk) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "PYTHONWARNINGS": "error",
        "DARKROOM_URL": desk.stack.api_url,
        "DARKROOM_KEY": desk.key("backend"),
        "INBOX_BUCKET": desk.stack.inbox_bucket,
        "ASSETS_BUCKET": desk.stack.assets_bucket,
        "AWS_ENDPOINT_URL": desk.stack.emulator_url,
        "AWS_ACCESS_KEY_ID": desk.stack.access_key_id,
        "AWS_SECRET_ACCESS_KEY": desk.stack.secret_access_key,
        "AWS_DEFAULT_REGION": desk.stack.region,
        "NO_PROXY": "*",
    }


def run(environment: dict[str, str], *arguments: str | Path) -> str:
    done = subprocess.run(
        [sys.executable, *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_folder_of_photographs_comes_back_edited(
    environment: dict[str, str], tmp_path: Path
) -> None:
    shutil.copy(PHOTO, tmp_path / "lake.jpg")
    (tmp_path / "broken.jpg").write_bytes(b"no picture")

    told = run(environment, EXAMPLES / "product_photos.py", tmp_path, "clean-scan")

    (edited,) = (tmp_path / "edited").iterdir()
    assert edited.stem == "lake"
    assert f"lake.jpg -> {edited}" in told
    assert "broken.jpg: refused:" in told


def test_a_backend_hears_of_each_order_once_though_it_asks_twice(
    desk: Desk, environment: dict[str, str]
) -> None:
    with example(desk, "subscribe", EventBusName=outputs(desk)["EventBusName"]) as queue:
        given = environment | {"QUEUE_URL": queue["QueueUrl"]}
        told = run(given, EXAMPLES / "orders_backend.py", "order-1", "order-2", "order-1")

    lines = told.splitlines()
    assert sorted(line.partition(":")[0] for line in lines) == ["order-1", "order-2"]
    assert all("JobCompleted: ['s3://" in line for line in lines)
    assert len(desk.posts("A greeting card for order order-1")) == 1


def test_a_night_starts_one_batch_of_the_sheet(desk: Desk) -> None:
    sheet = b"product\nlantern\ncandle\n"
    desk.s3.put_object(
        Bucket=desk.stack.assets_bucket,
        Key="sheets/rows.csv",
        Body=sheet,
        Metadata={"darkroom-caller": "key:nightly"},
    )
    token = desk.key("nightly", budget=20)
    given = {
        "ApiUrl": desk.stack.api_url,
        "ApiKey": token,
        "Sheet": f"s3://{desk.stack.assets_bucket}/sheets/rows.csv",
    }
    with example(desk, "nightly-batch", **given) as made:
        started = {_invoke(desk, made["FunctionName"]) for _ in range(2)}

    (batch_id,) = started
    with desk.http(token) as client:

        def ended() -> dict[str, Any] | None:
            told: dict[str, Any] = client.get(f"/v1/batches/{batch_id}").json()
            return told if told["ended_at"] else None

        batch = until(ended, seconds=120, what="the end of the batch", every=1)
    assert batch["progress"]["completed"] == 2
    assert len(desk.posts("lantern on white")) == 1


def _invoke(desk: Desk, function: str) -> str:
    """What the schedule does."""
    answer = desk.stack.client("lambda").invoke(
        FunctionName=function, Payload=json.dumps({"time": "2026-11-26T01:00:00Z"})
    )
    told = json.loads(answer["Payload"].read())
    assert "batch_id" in told, told
    return str(told["batch_id"])
