"""Processes that look like the emulator's workers: they send requests and print each status."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

SCRIPT = """
import sys, http.client
host, *requests = sys.argv[1:]
connection = http.client.HTTPConnection(host, timeout=20)
for request in requests:
    method, target, body = request.split(" ", 2)
    connection.request(method, target, body)
    response = connection.getresponse()
    response.read()
    print(response.status, flush=True)
"""


def start(
    directory: Path, host: str, requests: Sequence[str], *, function: str = "stack-Submit-1"
) -> subprocess.Popen[str]:
    """Start a worker that sends each `METHOD /target body` to `host` and prints the status."""
    script = directory / "_worker.py"
    script.write_text(SCRIPT)
    return subprocess.Popen(
        [sys.executable, script, host, *requests],
        env={**os.environ, "AWS_LAMBDA_FUNCTION_NAME": function},
        stdout=subprocess.PIPE,
        text=True,
    )
