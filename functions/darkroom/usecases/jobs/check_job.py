"""Check: poll a prediction until it has finished, and decide when to check again."""

from dataclasses import dataclass
from datetime import timedelta
from typing import assert_never

from darkroom.domain.job import Job
from darkroom.domain.steps import Step
from darkroom.ports import Clock, Jobs, Sleep
from darkroom.usecases.jobs.poll_prediction import Finished, PollPrediction, Unfinished


@dataclass(frozen=True)
class CheckJob:
    """Poll a prediction without waiting for a webhook.

    One run polls repeatedly for up to `check_poll_seconds`, because polling in the function costs
    less than returning to the state machine.
    """

    jobs: Jobs
    poll: PollPrediction
    now: Clock
    sleep: Sleep
    check_poll_seconds: float

    def run(self, step: Step) -> Step:
        """Return the step with its outcome. Idempotent."""
        job = self.jobs.get(step.job_id)
        if job is None or not job.is_open:
            return step.ended(job)
        return self._poll(step, job)

    def _poll(self, step: Step, job: Job) -> Step:
        poll_until = self.now() + timedelta(seconds=self.check_poll_seconds)
        while True:
            polled = self.poll.run(step, job)
            match polled:
                case Finished():
                    return polled.step
                case Unfinished():
                    if self.now() + timedelta(seconds=polled.seconds) > poll_until:
                        return self.poll.record(polled.step, job)
                    self.sleep(polled.seconds)
                    step = polled.step
                case Step():
                    return polled
                case _:
                    assert_never(polled)
