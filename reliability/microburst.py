"""microburst as a child process, and its control API."""

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
MOST = 2000  # faults that it remembers


class Microburst:
    """A running one: decides about each request by the rules it is given."""

    def __init__(self, url: str, child: Child) -> None:
        self.url = url
        self.child = child

    def set_rules(self, rules: Sequence[dict[str, Any]]) -> list[int]:
        """Use these rules instead of the ones before; their ids."""
        answer = self._ask("POST", "rules", json=list(rules))
        return [rule["id"] for rule in answer]

    def fired(self) -> list[dict[str, Any]]:
        """The faults that happened, oldest first, each with its `rule_id`."""
        answer: list[dict[str, Any]] = self._ask("GET", "fired", params={"limit": MOST})
        return answer

    def forget(self) -> None:
        """Forget which faults happened."""
        self._ask("DELETE", "fired")

    def is_ready(self) -> bool | None:
        """Whether it answers yet; a LocalError when it has ended."""
        self.child.require_alive()
        try:
            self._ask("GET", "health")
        except httpx.TransportError:
            return None
        return True

    def warm_up(self) -> None:
        """Let it load the models of every service, which takes longer than a client waits."""
        for service in SERVICES:
            scope = f"x/20260101/us-east-1/{service}/aws4_request"
            headers = {"Authorization": f"AWS4-HMAC-SHA256 Credential={scope}"}
            httpx.get(f"{self.url}/warm/up", headers=headers, trust_env=False, timeout=60)

    def _ask(self, method: str, what: str, **more: Any) -> Any:
        answer = httpx.request(
            method, f"{self.url}/_microburst/{what}", trust_env=False, timeout=10, **more
        )
        if answer.is_error:
            raise LocalError(f"microburst: {answer.text}", self.child.log)
        return answer.json()


def start(children: Supervisor, upstream: str, *, seed: int) -> Microburst:
    """Start it on a free port, with no rules; `upstream` answers whatever it is asked."""
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
    raise LocalError("other programs took every port that was free for microburst", child.log)


def stop(children: Supervisor, microburst: Microburst) -> None:
    """Stop it before the rest of the stack."""
    microburst.child.stop()
    children.children.remove(microburst.child)
