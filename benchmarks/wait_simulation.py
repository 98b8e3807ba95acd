"""Simulate the waiting of one job: shipped use cases in simulated time.

Check, Finalize and the waits before them are the shipped code, without the copy. The state
machine's transitions are counted, not run. Polls, state entries and webhooks take the assumed times
below.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from darkroom.domain import polling
from darkroom.domain.durations import ExpectedDuration
from darkroom.domain.job import OPEN, Asset, Job, Status
from darkroom.domain.requests import TEXT_TO_IMAGE_MODEL, Operation
from darkroom.domain.steps import Outcome, Step
from darkroom.ports import Prediction, Running, Succeeded
from darkroom.usecases.jobs.check_job import CheckJob
from darkroom.usecases.jobs.finalize_job import FinalizeJob
from darkroom.usecases.jobs.poll_prediction import PollPrediction

POLL_SECONDS = 0.2  # round trip to the provider
STATE_SECONDS = 0.05  # until the warm function of a state runs
WEBHOOK_SECONDS = 0.25  # from completion to the end of the wait: webhook, API Gateway, OnWebhook
DEADLINE = 3600  # seconds
# Submit, SubmitResult and Done; a wait, a step that polls, and its result; Finalize after Check.
_FIXED_TRANSITIONS, _POLL_TRANSITIONS, _FINALIZE_TRANSITIONS = 3, 3, 2
LOOP_TRANSITIONS = 4  # of a hand-written loop, without its polls
_START = datetime(2026, 11, 22, tzinfo=UTC)


class WaitResult(NamedTuple):
    """What the wait of one job took."""

    lag: float  # seconds from completion until Darkroom detects it
    polls: int
    transitions: int
    seconds: float  # in the function that polls
    recorded_seconds: float  # the duration that the deployment records for the prediction


@dataclass
class _FakePorts:
    """The ports of Check and Finalize, with a provider that takes `duration` seconds."""

    duration: float
    seconds: float = 0.0  # since _START
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
        self.seconds += POLL_SECONDS / 2
        is_completed = self.seconds >= self.duration
        self.seconds += POLL_SECONDS / 2
        if is_completed:
            return Succeeded(("https://cdn.example.com/0.png",))
        return Running("processing", known=True)

    def count(self, *_: object, **__: object) -> None:
        pass

    def transact(self, job_id: str, _: object, *, when: object, **changes: Any) -> Job | None:
        return self.update(job_id, when=when, **changes)

    def run(self, _: Job, __: tuple[str, ...]) -> tuple[Asset, ...]:
        """Stand in for StoreOutputs."""
        return ()

    def complete(self, job_id: str, _: tuple[Asset, ...]) -> Job | None:
        """Stand in for EndJob."""
        return self.update(job_id, when=OPEN, status=Status.COMPLETED)


def simulate_darkroom(
    duration: float,
    kind: ExpectedDuration,
    *,
    check_poll_seconds: float = 300,
    webhook: bool = False,
    is_webhook_lost: bool = False,
) -> WaitResult:
    """Run a job whose prediction takes `duration` seconds from its submit to its last poll."""
    ports: Any = _FakePorts(duration)
    ports.job = _job(kind, webhook=webhook)
    poll = PollPrediction(
        jobs=ports, provider=ports, breaker=ports, metrics=ports, now=ports.now, duration_scale=1
    )
    check = CheckJob(
        jobs=ports, poll=poll, now=ports.now, sleep=ports.sleep,
        check_poll_seconds=check_poll_seconds,
    )  # fmt: skip
    finalize = FinalizeJob(jobs=ports, poll=poll, store_outputs=ports, metrics=ports, end=ports)
    step, transitions, seconds = _first_wait(kind, webhook=webhook), _FIXED_TRANSITIONS, 0.0
    while True:
        wait_end = ports.seconds + step.wait_seconds
        webhook_at = duration + WEBHOOK_SECONDS
        awaits_webhook = step.outcome is Outcome.AWAITING_WEBHOOK
        if awaits_webhook and not is_webhook_lost and webhook_at < wait_end:
            wait_end = max(ports.seconds, webhook_at)
            woken_at = _START + timedelta(seconds=wait_end)
            ports.job = ports.job.model_copy(update={"woken_at": woken_at})
        ports.seconds = wait_end + STATE_SECONDS
        started_at, transitions = ports.seconds, transitions + _POLL_TRANSITIONS
        step = finalize.run(step) if awaits_webhook else check.run(step)
        seconds += ports.seconds - started_at
        match step.outcome:
            case Outcome.PROCESSING | Outcome.AWAITING_WEBHOOK:
                continue
            case Outcome.READY:
                transitions += _FINALIZE_TRANSITIONS
            case Outcome.STORED:
                pass
            case _:
                raise AssertionError(f"unexpected outcome: {step}")
        return WaitResult(
            lag=ports.seconds - duration,
            polls=step.checks,
            transitions=transitions,
            seconds=seconds,
            recorded_seconds=ports.job.took_seconds,
        )


def _first_wait(kind: ExpectedDuration, *, webhook: bool) -> Step:
    step = Step(job_id="bench")
    if webhook:
        return step.awaiting_webhook(polling.webhook_wait(0, kind, DEADLINE))
    return step.processing(polling.first_wait(0, kind, DEADLINE))


def _job(kind: ExpectedDuration, *, webhook: bool) -> Job:
    return Job(
        job_id="bench", caller="bench", request_id="bench", idempotency_key="k", fingerprint="",
        operation=Operation.TEXT_TO_IMAGE, model=TEXT_TO_IMAGE_MODEL, input={},
        prefix="jobs/bench", deadline_seconds=DEADLINE, status=Status.SUBMITTED,
        prediction_id="bench", has_webhook=webhook, expected=kind, accepted_at=_START,
        submitted_at=_START, expires_at=0,
    )  # fmt: skip


def simulate_loop(duration: float, pause: Callable[[int], float], *, states: int) -> WaitResult:
    """Run a job through a loop that polls after each pause.

    `states` is the number of states per poll; 0 for a script. `pause` maps the number of polls so
    far to seconds.
    """
    now, polls = 0.0, 0
    while True:
        now += max(1, round(pause(polls))) if states else pause(polls)
        now += STATE_SECONDS if states else 0
        polls += 1
        is_completed = now + POLL_SECONDS / 2 >= duration
        now += POLL_SECONDS
        if is_completed:
            return WaitResult(
                lag=now - duration,
                polls=polls,
                transitions=LOOP_TRANSITIONS + states * polls if states else 0,
                seconds=POLL_SECONDS * polls if states else now,
                recorded_seconds=now,
            )
