"""Invariants of every job, independent of its course."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

from darkroom.domain.errors import Charged
from darkroom.domain.job import Job
from darkroom.domain.submit_queue import QueueShard
from tests.workflow.provider import Post
from tests.workflow.responses import KEY, ROTATED_KEY, SIGNATURE, WEBHOOK_SECRET

PROMPT = "A lighthouse at dawn, private to its caller"
PRIVATE = (PROMPT, "https:", SIGNATURE, KEY, ROTATED_KEY, WEBHOOK_SECRET)


@dataclass(frozen=True)
class Run:
    """The result of one execution."""

    status: str
    error: str | None
    states: list[str]
    job: Job
    statuses: list[str]
    posts: list[Post]
    events: list[tuple[str, dict[str, Any]]]
    history: str

    @property
    def event_names(self) -> list[str]:
        """The names of the published events, in order."""
        return [name for name, _ in self.events]

    @property
    def outcome(self) -> tuple[str, str | None]:
        """The status and error of the execution."""
        return self.status, self.error


def check(run: Run, *, allows_double_charge: bool) -> None:
    """Check the invariants of a job."""
    # Paid for once: each POST but the last is proven not to have created a prediction.
    assert allows_double_charge or all(post.is_proven for post in run.posts[:-1])
    assert allows_double_charge or len([post for post in run.posts if post.prediction]) <= 1
    # Exactly one terminal status, which is the last one.
    assert run.job.status in ("completed", "failed")
    assert [s for s in run.statuses if s in ("completed", "failed")] == [run.job.status]
    # At least one terminal event, all with the same id.
    ids = {detail["id"] for name, detail in run.events if name in ("JobCompleted", "JobFailed")}
    assert ids == {f"{run.job.job_id}.{run.job.status}"}
    assert run.job.published_at is not None
    # The history contains no private data, but it must contain the task token.
    tokens = {url.partition("?token=")[2] for post in run.posts if (url := post.webhook)}
    assert not [private for private in (*PRIVATE, *tokens) if private in run.history]


def check_counts(jobs: list[Job], shard: QueueShard, reserved: Callable[[date, str], int]) -> None:
    """Check the counts of the queue, in flight and of budgets against the job records."""
    assert shard.in_flight == len([job for job in jobs if job.is_in_flight])
    waiting = len([job for job in jobs if job.is_in_queue])
    assert len(shard.normal) + len(shard.low) == waiting
    reservations = [
        h for j in jobs if j.is_open or j.charge is not Charged.NO for h in j.reservations
    ]
    for day, scope in {(h.day, h.scope) for job in jobs for h in job.reservations}:
        counted = sum(h.micro_usd for h in reservations if (h.day, h.scope) == (day, scope))
        assert reserved(day, scope) == counted
