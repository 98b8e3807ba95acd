"""What holds for every job, however it went."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

from darkroom.domain.errors import Charged
from darkroom.domain.job import Job
from darkroom.domain.submit_queue import QueueShard
from tests.workflow.answers import HOOK_SECRET, KEY, ROTATED_KEY, SIGNATURE
from tests.workflow.provider import Post

PROMPT = "A lighthouse at dawn, nobody else's business"
PRIVATE = (PROMPT, "https:", SIGNATURE, KEY, ROTATED_KEY, HOOK_SECRET)


@dataclass(frozen=True)
class Run:
    """What one execution came to."""

    status: str
    error: str | None
    states: list[str]
    job: Job
    statuses: list[str]
    posts: list[Post]
    events: list[tuple[str, dict[str, Any]]]
    history: str

    @property
    def told(self) -> list[str]:
        """The events on the bus, by name."""
        return [name for name, _ in self.events]

    @property
    def end(self) -> tuple[str, str | None]:
        """The execution's end, in short."""
        return self.status, self.error


def check(run: Run, *, may_pay_twice: bool) -> None:
    """Check what holds however a job went."""
    # Paid for once: every POST but the last is proven not to have been taken.
    assert may_pay_twice or all(post.is_proven for post in run.posts[:-1])
    assert may_pay_twice or len([post for post in run.posts if post.made]) <= 1
    # One terminal status, and it is the last.
    assert run.job.status in ("completed", "failed")
    assert [s for s in run.statuses if s in ("completed", "failed")] == [run.job.status]
    # One terminal event or more, all with one id.
    ids = {detail["id"] for name, detail in run.events if name in ("JobCompleted", "JobFailed")}
    assert ids == {f"{run.job.job_id}.{run.job.status}"}
    assert run.job.published_at is not None
    # Nothing private in the execution's history; what wakes it has to be there.
    tokens = {each.partition("?token=")[2] for post in run.posts if (each := post.webhook)}
    assert not [private for private in (*PRIVATE, *tokens) if private in run.history]


def check_counts(jobs: list[Job], shard: QueueShard, reserved: Callable[[date, str], int]) -> None:
    """See that what is counted is what there is: in the line, in flight, and of budgets."""
    assert shard.in_flight == len([job for job in jobs if job.is_in_flight])
    waiting = len([job for job in jobs if job.is_waiting])
    assert len(shard.normal) + len(shard.low) == waiting
    reservations = [
        h for j in jobs if j.is_open or j.charge is not Charged.NO for h in j.reservations
    ]
    for day, scope in {(h.day, h.scope) for job in jobs for h in job.reservations}:
        counted = sum(h.micro_usd for h in reservations if (h.day, h.scope) == (day, scope))
        assert reserved(day, scope) == counted
