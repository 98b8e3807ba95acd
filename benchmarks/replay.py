"""One job after another through Darkroom's own waiting: real use cases, made-up time.

Submit's first wait and Check are the shipped code; the machine around them is counted, not run.
Looks take time, states take time to be entered, and a webhook takes time to arrive: see below.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from darkroom.domain import polling
from darkroom.domain.durations import Expected
from darkroom.domain.job import Job, Status
from darkroom.domain.requests import TEXT_TO_IMAGE_MODEL, Operation
from darkroom.domain.steps import Outcome, Step
from darkroom.domain.submit_queue import QueueShard
from darkroom.ports import Prediction, Running, Succeeded
from darkroom.usecases.check_job import CheckJob
from darkroom.usecases.circuit_breaker import CircuitBreaker

LOOK = 0.2  # seconds from here to the provider and back
ENTER = 0.05  # until a state's function runs, which is warm
CALL = 0.25  # from the provider's end to the end of the wait: webhook, API Gateway, OnWebhook
DEADLINE = 3600
# Submit, Submitted, Finalize, Finalized, Done; and Wait or Listen, Check, Checked each time.
_ONCE, _EACH = 5, 3
_START = datetime(2026, 11, 22, tzinfo=UTC)


class Waited(NamedTuple):
    """What it took to see that a job was done."""

    lag: float  # seconds
    looks: int
    transitions: int
    held: float  # seconds in Check
    took: float  # what the deployment believes that the provider took


@dataclass
class _World:
    """The ports of Check, with a provider that takes so long."""

    duration: float
    seconds: float = 0.0
    changes: dict[str, Any] = field(default_factory=dict)
    job: Job | None = None

    def now(self) -> datetime:
        return _START + timedelta(seconds=self.seconds)

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds

    def get(self, _: str) -> Job | None:
        return self.job

    def update(self, _: str, *, when: object, absent: object = None, **changes: Any) -> Job | None:
        assert self.job is not None
        self.job = self.job.model_copy(update=changes)
        return self.job

    def check(self, _: str) -> Prediction:
        self.seconds += LOOK / 2
        done = self.seconds >= self.duration
        self.seconds += LOOK / 2
        return (
            Succeeded(("https://cdn.example.com/0.png",))
            if done
            else Running("processing", known=True)
        )

    def count(self, *_: object, **__: object) -> None:
        pass

    def transact(self, job_id: str, _: object, *, when: object, **changes: Any) -> Job | None:
        return self.update(job_id, when=when, **changes)

    def read(self, number: int = 0) -> QueueShard:
        return QueueShard(index=number)


def wait(
    duration: float, kind: Expected, *, hold: float = 300, webhook: bool = False, lost: bool = False
) -> Waited:
    """Take one job that runs so long from its submit to the look that finds it done."""
    world: Any = _World(duration)
    world.job = _job(kind, webhook=webhook)
    check = CheckJob(
        jobs=world, provider=world, metrics=world, now=world.now, sleep=world.sleep,
        breaker=CircuitBreaker(queue=world, metrics=world, now=world.now, breaker_seconds=30),
        duration_scale=1, check_poll_seconds=hold,
    )  # fmt: skip
    step, transitions, held = _first(kind, webhook=webhook), _ONCE, 0.0
    while True:
        until = world.seconds + step.wait_seconds
        called = duration + CALL
        if step.await_webhook and not lost and called < until:
            until = max(world.seconds, called)
            woken = _START + timedelta(seconds=until)
            world.job = world.job.model_copy(update={"woken_at": woken})
        world.seconds = until + ENTER
        before, transitions = world.seconds, transitions + _EACH
        step = check(step)
        held += world.seconds - before
        if step.outcome is Outcome.READY:
            took = world.job.took_seconds
            return Waited(world.seconds - duration, step.checks, transitions, held, took)
        if step.outcome is not Outcome.PROCESSING:
            raise AssertionError(f"the job does not end: {step}")


def _first(kind: Expected, *, webhook: bool) -> Step:
    step = Step(job_id="bench")
    if webhook:
        return step.submitted(0).wait_for_webhook(polling.webhook_wait(0, kind, DEADLINE))
    return step.submitted(polling.first_wait(0, kind, DEADLINE))


def _job(kind: Expected, *, webhook: bool) -> Job:
    return Job(
        job_id="bench", caller="bench", request_id="bench", idempotency_key="k", fingerprint="",
        operation=Operation.TEXT_TO_IMAGE, model=TEXT_TO_IMAGE_MODEL, input={},
        prefix="jobs/bench", deadline_seconds=DEADLINE, status=Status.SUBMITTED,
        prediction_id="bench", has_webhook=webhook, expected=kind, accepted_at=_START,
        submitted_at=_START, expires_at=0,
    )  # fmt: skip


def loop(duration: float, pause: Callable[[int], float], *, states: int, start: float) -> Waited:
    """Take one job through a loop that looks after each pause; `states` a turn, 0 for a script."""
    now, looks = start, 0
    while True:
        now += max(1, round(pause(looks))) if states else pause(looks)
        now += ENTER if states else 0
        looks += 1
        done = now + LOOK / 2 >= duration
        now += LOOK
        if done:
            held = LOOK * looks if states else now
            return Waited(
                now - duration, looks, _ONCE - 1 + states * looks if states else 0, held, now
            )
