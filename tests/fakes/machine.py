"""The states of image_job.asl.yaml, an execution a job, over one world whose clock they move."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from darkroom.domain.errors import Code
from darkroom.domain.job import Job, Status
from darkroom.domain.steps import Outcome, Step
from darkroom.ports import Execution
from tests.fakes.account import Account
from tests.fakes.crashes import DeadError
from tests.fakes.pictures import PNG
from tests.fakes.provider import OUTPUT
from tests.fakes.signals import StoppedClock
from tests.fakes.world import World

TRIES = 9  # of a step: the first, and MaxAttempts of its Retry


@dataclass
class Run:
    """One execution: which state is next, with what, and when."""

    step: Step
    at: datetime
    state: str = "Submit"
    tries: int = 0
    waits: int = 0
    token: str | None = None  # what ends the wait it is in


@dataclass
class Machine:
    """Runs what is due, one state at a time; `late` is by how much a wait ends late, in seconds."""

    world: World
    late: Callable[[], float] = lambda: 0.0
    tells_ends: bool = True  # whether OnExecutionEnded comes
    runs: dict[str, Run] = field(default_factory=dict)

    def run(self, seconds: float = 86_400 * 30) -> None:
        """Run every execution to its end, or for so long."""
        until = self.world.clock() + timedelta(seconds=seconds)
        for _ in range(100_000):
            job_id = self.next()
            if job_id is None or self.runs[job_id].at > until:
                return
            self.go(job_id)
        raise AssertionError("the machine does not end")

    def next(self) -> str | None:
        """The job whose execution has the next state to run."""
        for job_id in self.world.workflow.started:
            if job_id not in self.runs:
                self.runs[job_id] = Run(Step(job_id=job_id), self.world.clock())
        for run in self.runs.values():
            if run.token in self.world.workflow.woken:
                run.at, run.token = min(run.at, self.world.clock()), None
        running = [name for name in self.runs if name not in self.world.workflow.ended]
        return min(running, key=lambda name: self.runs[name].at, default=None)

    def go(self, job_id: str) -> None:
        """Run the next state of a job, at its time."""
        run, world = self.runs[job_id], self.world
        world.clock.time = max(world.clock.time, run.at)
        if isinstance(world.provider, Account):
            world.provider.asking = job_id
        try:
            run.step = self._work(run)
        except DeadError:
            self._again(job_id, run)
        else:
            run.tries = 0
            self._follow(job_id, run)

    def stop(self, job_id: str) -> None:
        """Stop an execution by hand."""
        self._end(job_id, Execution.ABORTED, Code.CANCELED)

    def _work(self, run: Run) -> Step:
        world = self.world
        match run.state:
            case "Submit":
                return world.submit_job()(run.step)
            case "Check":
                return world.check_job()(run.step)
            case "Finalize":
                return world.finalize_job()(run.step)
        job = world.end_job().fail(run.step.job_id, run.step.code or Code.INTERNAL_ERROR)
        return run.step.failed((job and job.code) or Code.INTERNAL_ERROR)

    def _again(self, job_id: str, run: Run) -> None:
        run.tries += 1
        run.at = self.world.clock() + timedelta(seconds=1)
        if run.tries < TRIES:
            return
        if run.state == "Fail":
            self._end(job_id, Execution.FAILED, run.step.code or Code.INTERNAL_ERROR)
        run.step = run.step.model_copy(update={"code": Code.INTERNAL_ERROR})
        run.state, run.tries = "Fail", 0

    def _follow(self, job_id: str, run: Run) -> None:
        step, run.token = run.step, None
        wait = float(step.wait_seconds)
        match step.outcome:
            case Outcome.DEFERRED:
                run.state = "Submit"
            case Outcome.SUBMITTED | Outcome.PROCESSING:
                if step.await_webhook:
                    wait = self._listen(run)
                run.state = "Check"
            case Outcome.READY:
                run.state = "Finalize"
            case Outcome.STORED:
                self.world.workflow.ended[job_id] = Execution.SUCCEEDED
            case _ if run.state == "Fail":
                self._end(job_id, Execution.FAILED, step.code or Code.INTERNAL_ERROR)
            case _:
                run.state, wait = "Fail", 0.0
        late = self.late() if wait else 0.0
        run.at = self.world.clock() + timedelta(seconds=wait + late)

    def _listen(self, run: Run) -> float:
        """Wait for a webhook unless one has come: the state Listen."""
        job_id, jobs = run.step.job_id, self.world.jobs
        run.waits += 1
        token = f"wake-{job_id}-{run.waits}"
        job = jobs.update(job_id, when=[Status.SUBMITTED], absent="woken_at", wake_token=token)
        run.token = token if job else None
        return float(run.step.wait_seconds) if job else 0

    def _end(self, job_id: str, how: Execution, code: Code) -> None:
        self.world.workflow.ended[job_id] = how
        if self.tells_ends:
            end = self.world.end_job()
            persistently(lambda: end.fail(job_id, code))


def deployment(**settings: Any) -> tuple[World, Account]:
    """A deployment beside a provider that remembers, and what it makes can be downloaded."""
    clock = StoppedClock()
    account = Account(clock=clock)
    world = World(clock=clock, provider=account, **settings)
    world.downloads.files = {OUTPUT: PNG}
    return world, account


def persistently[T](call: Callable[[], T]) -> T:
    """Do it again as often as it dies."""
    while True:
        try:
            return call()
        except DeadError:
            continue


def alone(world: World) -> Job:
    """Take one job from its request to the end of its execution."""
    job = persistently(world.accepted)
    Machine(world).run()
    return world.job(job.job_id)
