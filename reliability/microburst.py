"""microburst (an AWS fault injector) as a child process, and its control API."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx

from local.environment import plain_environment
from local.errors import LocalError
from local.ports import LOOPBACK, free_port
from local.processes import Child, Supervisor
from local.waiting import until
from reliability.faults import SERVICES

LAUNCHER = Path(__file__).with_name("launch_microburst.py")
START_SECONDS = 20
ATTEMPTS = 3
PORT_TAKEN = "address already in use"
MAX_FIRED = 2000  # fired faults that microburst keeps


class Microburst:
    """A running microburst process."""

    def __init__(self, url: str, child: Child) -> None:
        self.url = url
        self.child = child

    def set_rules(self, rules: Sequence[dict[str, Any]]) -> list[int]:
        """Replace the rules. Return their ids."""
        created = self._call("POST", "rules", json=list(rules))
        return [rule["id"] for rule in created]

    def fired(self) -> list[dict[str, Any]]:
        """Return the fired faults, oldest first, each with its `rule_id`."""
        events: list[dict[str, Any]] = self._call("GET", "fired", params={"limit": MAX_FIRED})
        return events

    def clear_fired(self) -> None:
        """Clear the list of fired faults."""
        self._call("DELETE", "fired")

    def is_ready(self) -> bool | None:
        """Return True if microburst answers, otherwise None. Raise LocalError if it has exited."""
        self.child.require_alive()
        try:
            self._call("GET", "health")
        except httpx.TransportError:
            return None
        return True

    def warm_up(self) -> None:
        """Load the API model of every service, which takes longer than a client's timeout."""
        for service in SERVICES:
            scope = f"x/20260101/us-east-1/{service}/aws4_request"
            headers = {"Authorization": f"AWS4-HMAC-SHA256 Credential={scope}"}
            httpx.get(f"{self.url}/warm/up", headers=headers, trust_env=False, timeout=60)

    def _call(self, method: str, path: str, **options: Any) -> Any:
        response = httpx.request(
            method, f"{self.url}/_microburst/{path}", trust_env=False, timeout=10, **options
        )
        if response.is_error:
            raise LocalError(f"microburst: {response.text}", self.child.log)
        return response.json()


def start(children: Supervisor, upstream: str, *, seed: int) -> Microburst:
    """Start microburst on a free port, without rules; it forwards to `upstream`."""
    environment = {**plain_environment(), "AWS_CONFIG_FILE": os.devnull}
    for _ in range(ATTEMPTS):
        port = free_port()
        argv: list[str | Path] = [sys.executable, "-P", LAUNCHER, str(seed)]
        argv += ["--host", LOOPBACK, "--port", str(port)]
        argv += ["--upstream", upstream, "--no-resign"]
        child = children.start("microburst", argv, environment)
        microburst = Microburst(f"http://{LOOPBACK}:{port}", child)
        try:
            until(microburst.is_ready, seconds=START_SECONDS, what="its start")
        except LocalError as error:
            stop(children, microburst)
            if PORT_TAKEN not in child.log.read_text(errors="replace"):
                raise LocalError(f"microburst: {error}", child.log) from None
        else:
            microburst.warm_up()
            return microburst
    raise LocalError("other programs took every free port before microburst could", child.log)


def stop(children: Supervisor, microburst: Microburst) -> None:
    """Stop microburst before the other processes of the stack."""
    microburst.child.stop()
    children.children.remove(microburst.child)
