"""Simulate an operator and the passage of time: sweep, make jobs due, read the event bus."""

import json
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from darkroom.adapters.dynamodb.jobs import JobTable
from darkroom.domain.job import Job, Status
from local.events import Listener
from local.stack import Stack

TERMINAL_EVENTS = ("JobCompleted", "JobFailed")
# Sweeps that search for late results; in production they repeat over hours.
_LATE_SWEEPS = 3


class Operator:
    """Runs the sweep of a stack and waits for its jobs to end."""

    def __init__(self, stack: Stack, bus: Listener) -> None:
        self.stack = stack
        self.bus = bus
        self._jobs = JobTable(stack.client("dynamodb"), stack.table)
        self._lambda = stack.client("lambda")
        self._sweep = self.function("SweepFunction")

    def function(self, logical_id: str) -> str:
        """Return the deployed name of a function of the stack."""
        response = self.stack.client("cloudformation").describe_stack_resource(
            StackName=self.stack.stack_name, LogicalResourceId=logical_id
        )
        name: str = response["StackResourceDetail"]["PhysicalResourceId"]
        return name

    def terminal_events(self, job_id: str) -> int:
        """Return the number of distinct terminal events of a job."""
        return sum(
            event["detail"].get("job_id") == job_id and event["detail-type"] in TERMINAL_EVENTS
            for event in self.bus.events
        )

    def settle(self, job_ids: Iterable[str], *, seconds: float, listed_after: float = 0.0) -> None:
        """Wait until all jobs have ended, for at most `seconds`; then sweep for late results.

        The provider may list a prediction some seconds after its submit: the last sweep runs at
        least `listed_after` seconds after the last submit.
        """
        open_ids = set(job_ids)
        deadline = time.monotonic() + seconds
        while open_ids and time.monotonic() < deadline:
            self.bus.receive()
            open_ids = {job_id for job_id in open_ids if not self.terminal_events(job_id)}
        for sweep in range(1, _LATE_SWEEPS + 1):
            awaited = [job for job in map(self._jobs.get, job_ids) if job and self._is_late(job)]
            if not awaited:
                break
            if sweep == _LATE_SWEEPS:
                last = max(job.submitting_at or job.accepted_at for job in awaited)
                age = (datetime.now(UTC) - last).total_seconds()
                time.sleep(max(0.0, listed_after - age))
            for job in awaited:
                self._jobs.update(job.job_id, when=[Status.FAILED], sweep_after=datetime.now(UTC))
            self.sweep()
        while self.bus.receive(0):
            continue

    def sweep(self) -> dict[str, Any]:
        """Run the sweep now. Return its report."""
        response = self._lambda.invoke(
            FunctionName=self._sweep, Payload=json.dumps({"id": "reliability"})
        )
        report: dict[str, Any] = json.loads(response["Payload"].read())
        return report

    @staticmethod
    def _is_late(job: Job) -> bool:
        return job.status is Status.FAILED and job.is_recoverable and job.sweep_after is not None
