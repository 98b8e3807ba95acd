"""The simulator as a process."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.simulator.client import TEXT

PROGRAM = (sys.executable, "-W", "error", "-m", "simulator")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_process_prints_its_addresses_and_stops_on_signal(
    tmp_path: Path, number: signal.Signals
) -> None:
    ready_file = tmp_path / "ready.json"
    options = ["--time-scale", "0.001", "--prices", "a", "--ready-file", str(ready_file)]
    with subprocess.Popen(
        [*PROGRAM, "--key", "k1", "--key", "k2", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        assert process.stderr
        line = process.stdout.readline()
        ready = json.loads(line)
        url = f"{ready['provider_url']}/api/v3/{TEXT}"
        response = httpx.post(url, json={"prompt": "x"}, headers={"Authorization": "Bearer k2"})
        options_body = httpx.get(f"{ready['provider_admin_url']}/options").json()
        with httpx.Client() as hanging:
            httpx.post(f"{ready['provider_admin_url']}/faults", json={"fault": "submit.hang"})
            with pytest.raises(httpx.ReadTimeout):
                hanging.post(url, json={}, headers={"Authorization": "Bearer k1"}, timeout=0.2)
        process.send_signal(number)
        code = process.wait(timeout=10)
        output, errors = process.stdout.read(), process.stderr.read()

    assert set(ready) == {"provider_url", "provider_admin_url", "cdn_url", "pid"}
    assert ready["pid"] == process.pid
    assert ready_file.read_text() == line
    assert response.status_code == 200
    assert (options_body["time_scale"], options_body["prices"]) == (0.001, "a")
    assert (code, output, errors) == (0, "", "")
