"""Stands for time and for the account's owner: runs the sweep, moves records on, reads the bus."""

import json
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from darkroom.adapters.table import JobTable
from darkroom.domain.job import OPEN, Job, Status
from local.events import Listener
from local.stack import Stack

TERMINAL = ("JobCompleted", "JobFailed")
# A late result is looked for again and again: as often as this, here.
_LOOKS = 3


class Operator:
    """What an operator and the passing of time would do."""

    def __init__(self, stack: Stack, bus: Listener) -> None:
        self.stack = stack
        self.bus = bus
        self._jobs = JobTable(stack.client("dynamodb"), stack.table)
        self._lambda = stack.client("lambda")
        self._sweep = self.function("SweepFunction")

    def function(self, logical_id: str) -> str:
        """Return the name of a function of the stack."""
        answer = self.stack.client("cloudformation").describe_stack_resource(
            StackName=self.stack.stack_name, LogicalResourceId=logical_id
        )
        name: str = answer["StackResourceDetail"]["PhysicalResourceId"]
        return name

    def terminal_events(self, job_id: str) -> int:
        """Return how many different terminal events a job has had."""
        return sum(
            event["detail"].get("job_id") == job_id and event["detail-type"] in TERMINAL
            for event in self.bus.events
        )

    def settle(self, job_ids: Iterable[str], *, seconds: float, listed_after: float = 0.0) -> None:
        """Wait until all have ended, then let the late ones come: hours, in a moment.

        The provider may list what it made some seconds later: the last look is no sooner.
        """
        left = set(job_ids)
        give_up_at = time.monotonic() + seconds
        while left and time.monotonic() < give_up_at:
            self.bus.receive()
            left = {each for each in left if not self.terminal_events(each)}
        for look in range(1, _LOOKS + 1):
            waiting = [job for job in map(self._jobs.get, job_ids) if job and self._is_late(job)]
            if not waiting:
                break
            if look == _LOOKS:
                last = max(job.submitting_at or job.accepted_at for job in waiting)
                age = (datetime.now(UTC) - last).total_seconds()
                time.sleep(max(0.0, listed_after - age))
            for job in waiting:
                self._jobs.update(job.job_id, when=[Status.FAILED], sweep_after=datetime.now(UTC))
            self.sweep()
        while self.bus.receive(0):
            continue

    def overdue(self, job_ids: Iterable[str]) -> None:
        """Make open jobs due for the sweep, as they would be some minutes from now."""
        for job_id in job_ids:
            self._jobs.update(job_id, when=OPEN, sweep_after=datetime.now(UTC))

    def sweep(self) -> dict[str, Any]:
        """Run the sweep now, and return what it did."""
        answer = self._lambda.invoke(
            FunctionName=self._sweep, Payload=json.dumps({"id": "reliability"})
        )
        told: dict[str, Any] = json.loads(answer["Payload"].read())
        return told

    @staticmethod
    def _is_late(job: Job) -> bool:
        return job.status is Status.FAILED and job.may_come_late and job.sweep_after is not None
