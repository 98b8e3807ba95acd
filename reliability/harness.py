"""A running stack with the tools that every phase uses."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import httpx

from local.events import Listener
from local.stack import Stack
from reliability.audit import Audit, AuditRow, RequestedJob
from reliability.fault_cases import FaultCase
from reliability.functions import Functions
from reliability.job_requests import JobRequester
from reliability.stack_operator import Operator

# Seconds after which an open job counts as stuck: the longest deadline of a case, plus its waits.
SETTLE_SECONDS = 600


class ChaosHarness:
    """Requests jobs, waits until they have ended, and audits them."""

    def __init__(self, stack: Stack, bus: Listener, *, seed: int, callers: int = 10) -> None:
        self.stack = stack
        self.bus = bus
        self.seed = seed
        self.operator = Operator(self.stack, bus)
        self.requester = JobRequester(self.stack, callers)
        self.functions = Functions(self.stack)

    def run(
        self, requests: Sequence[tuple[str, FaultCase]], seconds: float = SETTLE_SECONDS
    ) -> list[RequestedJob]:
        """Request jobs, and wait until all have ended, for at most `seconds`."""
        requested = self.requester.request_all(requests)
        job_ids = [job.job_id for job in requested]
        # Five seconds more: the provider creates the prediction after the submit is recorded.
        listed_after = max(case.late_seconds for _, case in requests) + 5
        self.operator.settle(job_ids, seconds=seconds, listed_after=listed_after)
        return requested

    def audit(self, requested: Sequence[RequestedJob]) -> list[AuditRow]:
        """Return the audit of these jobs, one row per row name."""
        return Audit(self.stack, self.operator).rows(requested)

    def set_options(self, **options: Any) -> None:
        """Change options of the simulator."""
        self.admin("PATCH", "/options", json=options)

    @contextmanager
    def simulator_rule(self, rule: dict[str, object]) -> Iterator[None]:
        """Add a fault rule to the simulator, and delete it on exit."""
        created = self.admin("POST", "/faults", json=rule)
        yield
        self.admin("DELETE", f"/faults/{created['id']}")

    def admin(self, method: str, path: str, **options: Any) -> Any:
        """Call the simulator's admin API. Return the JSON body, or None if it is empty."""
        url = f"{self.stack.provider_admin_url}{path}"
        response = httpx.request(method, url, timeout=60, trust_env=False, **options)
        response.raise_for_status()
        return response.json() if response.content else None

    def throttled_submits(self) -> int:
        """Return the number of submits that the provider has answered with 429."""
        return len(self.admin("GET", "/requests", params={"origin": "api", "status": "429"}))
