"""The commands of `make run` and `make up`: output, files and cleanup."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from local import demo, paths
from local.events import Listener
from local.stack import Running, Stack
from local.waiting import until
from tests.e2e.deployment import Deployment

SECONDS = 150


@contextmanager
def command(name: str, **variables: str) -> Iterator[subprocess.Popen[str]]:
    environment = {**os.environ, "PYTHONPATH": str(paths.FUNCTIONS), **variables}
    process = subprocess.Popen(
        [sys.executable, "-m", "local", name],
        cwd=paths.ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def test_demo_creates_an_image_by_each_entry_point_and_prints_its_details(
    local_stack: Running, capsys: pytest.CaptureFixture[str]
) -> None:
    """What `make run` runs on its stack."""
    demo.run(local_stack, demo.DemoImage(prompt="A kite", quality="low"), is_real=False)

    printed = capsys.readouterr().out
    assert printed.count('"detail-type": "JobCompleted"') == 3
    for entry_point in ("HTTP request", "S3 upload", "EventBridge event"):
        assert f"\n{entry_point}: " in printed
    for label in ("job id", "seconds", "checks", "price", "stored at"):
        assert printed.count(f"    {label} ") == 3, label
    files = [line.split()[1] for line in printed.splitlines() if line.startswith("    file ")]
    assert [(paths.ROOT / file).stat().st_size > 100_000 for file in files] == [True] * 3
    assert "simulator" in printed
    assert "WAVESPEED_API_KEY" in printed


def test_run_reports_an_invalid_variable_before_it_starts_the_stack() -> None:
    with command("run", QUALITY="ultra") as process:
        printed, _ = process.communicate(timeout=SECONDS)

    assert process.returncode == 1
    assert "QUALITY" in printed
    assert "emulator" not in printed


def test_up_runs_a_stack_until_it_is_interrupted(deployment: Deployment) -> None:
    key = deployment.stack.provider_key()

    with command("up", PROVIDER_URL=deployment.stack.provider_url, PROVIDER_KEY=key) as process:
        text = until(lambda: _stack_file(process), seconds=SECONDS, what=".local/stack.json")
        stack = Stack.model_validate_json(text)
        with Listener(stack) as bus:
            second = Deployment(stack, bus)
            event = second.run_job(prompt="A second stack beside the first")
        created = _create_key("--name", "shop", "--role", "read", "--days", "7", "--budget", "2.50")
        presets = httpx.get(f"{stack.api_url}/v1/presets", headers=_bearer(created.stdout.strip()))
        process.send_signal(signal.SIGINT)
        printed, _ = process.communicate(timeout=SECONDS)

    assert event["detail-type"] == "JobCompleted"
    assert presets.status_code == 200
    assert "shop  read" in created.stderr
    assert "$2.50 a day" in created.stderr
    assert len(deployment.submits_with("A second stack beside the first")) == 1
    assert process.returncode == 0, printed
    assert key not in printed
    assert not paths.STACK_FILE.exists()
    with pytest.raises(httpx.ConnectError):
        httpx.get(stack.emulator_url)
    assert json.loads(text).keys() >= {
        "emulator_url", "region", "access_key_id", "secret_access_key", "stack_name", "event_bus",
        "table", "assets_bucket", "inbox_bucket", "api_url", "api_key", "state_machine_arn",
        "provider_url", "provider_admin_url",
    }  # fmt: skip


def _create_key(*options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [paths.PROJECT_BIN / "darkroom", "keys", "create", *options],
        cwd=paths.ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def _stack_file(process: subprocess.Popen[str]) -> str | None:
    assert process.poll() is None, process.communicate()[0]
    return paths.STACK_FILE.read_text() if paths.STACK_FILE.exists() else None
