"""A running stack, and everything that the experiments need of it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import httpx

from local.events import Listener
from local.stack import Running
from reliability.asking import Asker
from reliability.audit import Asked, Audit, Row
from reliability.cases import LISTED_AFTER, Case
from reliability.functions import Functions
from reliability.operating import Operator

# A job that has not ended by then is stuck: the longest deadline of a case, its looks, its waits.
PATIENCE = 600


class ChaosHarness:
    """Asks, waits until all is over, and audits."""

    def __init__(self, running: Running, bus: Listener, *, seed: int, callers: int = 10) -> None:
        self.running = running
        self.stack = running.stack
        self.bus = bus
        self.seed = seed
        self.operator = Operator(self.stack, bus)
        self.asker = Asker(self.stack, callers)
        self.functions = Functions(self.stack)

    def run(self, wanted: Sequence[tuple[str, Case]], seconds: float = PATIENCE) -> list[Asked]:
        """Ask for these jobs, and wait until all have ended."""
        asked = self.asker.ask_all(wanted)
        job_ids = [each.job_id for each in asked]
        # A few seconds more: the prediction is made after its submit is recorded.
        self.operator.settle(job_ids, seconds=seconds, listed_after=LISTED_AFTER + 5)
        return asked

    def rows(self, asked: Sequence[Asked]) -> list[Row]:
        """Judge what came of them."""
        return Audit(self.stack, self.operator).rows(asked)

    def options(self, **changes: Any) -> None:
        """Flip switches of the simulator."""
        self.admin("PATCH", "/options", json=changes)

    @contextmanager
    def rule(self, rule: dict[str, object]) -> Iterator[None]:
        """Let the simulator follow a rule for a while."""
        made = self.admin("POST", "/faults", json=rule)
        yield
        self.admin("DELETE", f"/faults/{made['id']}")

    def admin(self, method: str, path: str, **more: Any) -> Any:
        """Ask the simulator's admin API."""
        url = f"{self.stack.provider_admin_url}{path}"
        answer = httpx.request(method, url, timeout=60, trust_env=False, **more)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def throttled(self) -> int:
        """Return how many submits the provider has answered with 429."""
        found = self.admin("GET", "/requests", params={"origin": "api", "status": "429"})
        return len(found)
