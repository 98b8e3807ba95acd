"""The states of image_job.asl.yaml with one execution per job; they advance the world's clock."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from darkroom.domain.errors import Code
from darkroom.domain.executions import Execution
from darkroom.domain.job import Job, Status
from darkroom.domain.steps import Outcome, Step
from tests.fakes.crashes import SimulatedCrashError
from tests.fakes.images import PNG
from tests.fakes.provider import OUTPUT
from tests.fakes.provider_account import ProviderAccount
from tests.fakes.signals import StoppedClock
from tests.fakes.world import World

TRIES = 9  # attempts of a step: the first one and MaxAttempts of its Retry


@dataclass
class Run:
    """One execution: its next state, the input of that state and the start time."""

    step: Step
    at: datetime
    state: str = "Submit"
    tries: int = 0
    waits: int = 0
    token: str | None = None  # the task token of the current wait


@dataclass
class StateMachine:
    """Run the due states one at a time. `wait_delay`: by how many seconds a wait overruns."""

    world: World
    wait_delay: Callable[[], float] = lambda: 0.0
    runs_on_execution_ended: bool = True
    runs: dict[str, Run] = field(default_factory=dict)

    def run(self, seconds: float = 86_400 * 30) -> None:
        """Run every execution to its end, or for `seconds`."""
        deadline = self.world.clock() + timedelta(seconds=seconds)
        for _ in range(100_000):
            job_id = self.next_job_id()
            if job_id is None or self.runs[job_id].at > deadline:
                return
            self.run_next_state(job_id)
        raise AssertionError("the executions do not end")

    def next_job_id(self) -> str | None:
        """Return the job whose execution has the next state to run."""
        for job_id in self.world.workflow.started:
            if job_id not in self.runs:
                self.runs[job_id] = Run(Step(job_id=job_id), self.world.clock())
        for run in self.runs.values():
            if run.token in self.world.workflow.woken:
                run.at, run.token = min(run.at, self.world.clock()), None
        running = [job_id for job_id in self.runs if job_id not in self.world.workflow.ended]
        return min(running, key=lambda job_id: self.runs[job_id].at, default=None)

    def run_next_state(self, job_id: str) -> None:
        """Run the next state of a job and advance the clock to its time."""
        run, world = self.runs[job_id], self.world
        world.clock.time = max(world.clock.time, run.at)
        if isinstance(world.provider, ProviderAccount):
            world.provider.current_job_id = job_id
        try:
            run.step = self._invoke(run)
        except SimulatedCrashError:
            self._retry(job_id, run)
        else:
            run.tries = 0
            self._transition(job_id, run)

    def stop(self, job_id: str) -> None:
        """Stop an execution, like an operator."""
        self._end(job_id, Execution.ABORTED, Code.CANCELED)

    def _invoke(self, run: Run) -> Step:
        world = self.world
        match run.state:
            case "Submit":
                return world.app.submit_job.run(run.step)
            case "Check":
                return world.app.check_job.run(run.step)
            case "Finalize":
                return world.app.finalize_job.run(run.step)
        job = world.app.end_job.fail(run.step.job_id, run.step.code or Code.INTERNAL_ERROR)
        return run.step.failed((job and job.code) or Code.INTERNAL_ERROR)

    def _retry(self, job_id: str, run: Run) -> None:
        run.tries += 1
        run.at = self.world.clock() + timedelta(seconds=1)
        if run.tries < TRIES:
            return
        if run.state == "Fail":
            self._end(job_id, Execution.FAILED, run.step.code or Code.INTERNAL_ERROR)
        run.step = run.step.model_copy(update={"code": Code.INTERNAL_ERROR})
        run.state, run.tries = "Fail", 0

    def _transition(self, job_id: str, run: Run) -> None:
        step, run.token = run.step, None
        wait = float(step.wait_seconds)
        match step.outcome:
            case Outcome.DEFERRED:
                run.state = "Submit"
            case Outcome.PROCESSING:
                run.state = "Check"
            case Outcome.AWAITING_WEBHOOK:
                wait = self._wait_for_webhook(run)
                run.state = "Finalize"
            case Outcome.READY:
                run.state = "Finalize"
            case Outcome.STORED:
                self.world.workflow.ended[job_id] = Execution.SUCCEEDED
            case _ if run.state == "Fail":
                self._end(job_id, Execution.FAILED, step.code or Code.INTERNAL_ERROR)
            case _:
                run.state, wait = "Fail", 0.0
        delay = self.wait_delay() if wait else 0.0
        run.at = self.world.clock() + timedelta(seconds=wait + delay)

    def _wait_for_webhook(self, run: Run) -> float:
        """The state WaitForWebhook: return the wait in seconds, 0 if a webhook has arrived."""
        job_id, jobs = run.step.job_id, self.world.jobs
        run.waits += 1
        token = f"wake-{job_id}-{run.waits}"
        job = jobs.update(job_id, when=[Status.SUBMITTED], absent="woken_at", wake_token=token)
        run.token = token if job else None
        return float(run.step.wait_seconds) if job else 0

    def _end(self, job_id: str, execution: Execution, code: Code) -> None:
        self.world.workflow.ended[job_id] = execution
        if self.runs_on_execution_ended:
            end = self.world.app.end_job
            retry_crashes(lambda: end.fail(job_id, code))


def deployment(**settings: Any) -> tuple[World, ProviderAccount]:
    """Return a world on a stateful provider account whose outputs can be downloaded."""
    clock = StoppedClock()
    account = ProviderAccount(clock=clock)
    world = World(clock=clock, provider=account, **settings)
    world.downloads.files = {OUTPUT: PNG}
    return world, account


def retry_crashes[T](call: Callable[[], T]) -> T:
    """Repeat the call until it does not crash."""
    while True:
        try:
            return call()
        except SimulatedCrashError:
            continue


def run_one_job(world: World) -> Job:
    """Run one job from its request to the end of its execution."""
    job = retry_crashes(world.accept_job)
    StateMachine(world).run()
    return world.job(job.job_id)
