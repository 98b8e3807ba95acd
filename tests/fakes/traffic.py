"""Many jobs at one line: they come, wait as long as they are told, are sent, and come back."""

import heapq
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from darkroom.domain.durations import published
from darkroom.domain.errors import Code
from darkroom.domain.job import Job
from darkroom.domain.submit_queue import Priority, RateLimit
from darkroom.usecases.acquire_slot import Deferred
from tests.fakes.invariants import assert_counts
from tests.fakes.signals import START, StoppedClock
from tests.fakes.world import World

NOT_LATE: Callable[[], float] = lambda: 0.0  # noqa: E731


@dataclass(frozen=True)
class Arrival:
    """A job that comes so many seconds after the start, and may be canceled some time later."""

    at: float = 0.0
    caller: str = "ada"
    priority: Priority = Priority.NORMAL
    gone_after: float | None = None
    kind: tuple[str, str] = ("medium", "1k")  # quality and resolution

    @property
    def input(self) -> dict[str, str]:
        return {"quality": self.kind[0], "resolution": self.kind[1]}


@dataclass(frozen=True)
class Sent:
    """A POST: which job's, of all that arrived, when it was decided, and when it left."""

    number: int
    arrival: Arrival
    decided_at: float
    at: float
    deferrals: int


@dataclass
class OwnTime(StoppedClock):
    """A clock on which whoever sleeps does so alone."""

    slept: float = 0.0

    def sleep(self, seconds: float) -> None:
        self.slept += seconds

    def __call__(self) -> datetime:
        return self.time + timedelta(seconds=self.slept)

    def at(self, seconds: float) -> None:
        self.time, self.slept = START + timedelta(seconds=seconds), 0.0

    @property
    def seconds(self) -> float:
        return (self() - START).total_seconds()


@dataclass
class Traffic:
    """One line with its jobs; `throttled` says for how long the n-th POST is put off, if it is."""

    rate_limit: RateLimit
    takes: float | None = None  # seconds in flight; None: as many as are expected
    wakes_late: Callable[[], float] = NOT_LATE
    sends_late: Callable[[], float] = NOT_LATE
    answers_late: Callable[[], float] = NOT_LATE  # those that put a job off
    throttled: dict[int, int] = field(default_factory=dict)
    sent: list[Sent] = field(default_factory=list)
    most_in_flight: int = 0

    def __post_init__(self) -> None:
        self.clock = OwnTime()
        self.world = World(clock=self.clock, rate_limit=self.rate_limit)
        self._admit, self._end = self.world.acquire_slot(), self.world.end_job()
        self._heap: list[tuple[float, int, Callable[[], object]]] = []
        self._turns = self._posts = 0

    def run(self, arrivals: Iterable[Arrival], *, until: float = 1e9) -> list[Sent]:
        """Let all of them come and be sent; return the POSTs that were taken, in their order."""
        model = World().accepted()
        for number, arrival in enumerate(arrivals):
            job = model.model_copy(
                update={
                    "job_id": f"{number:026}",
                    "caller": arrival.caller,
                    "priority": arrival.priority,
                    "input": arrival.input,
                    "accepted_at": START + timedelta(seconds=arrival.at),
                }
            )
            self._at(arrival.at, partial(self._come, job, arrival, number))
            if arrival.gone_after is not None:
                self._at(arrival.at + arrival.gone_after, partial(self._end.cancel, job.job_id))
        while self._heap and self._heap[0][0] <= until:
            moment, _, act = heapq.heappop(self._heap)
            self.clock.at(moment)
            act()
            self.most_in_flight = max(
                self.most_in_flight,
                sum(shard.in_flight for shard in self.world.jobs.queue.read_all()),
            )
        assert_counts(self.world.jobs)
        return sorted(self.sent, key=lambda each: each.at)

    def _at(self, moment: float, act: Callable[[], object]) -> None:
        self._turns += 1
        heapq.heappush(self._heap, (moment, self._turns, act))

    def _come(self, job: Job, arrival: Arrival, number: int) -> None:
        self.world.jobs.records[job.job_id] = job
        self._ask(job.job_id, arrival, number, 0)

    def _ask(self, job_id: str, arrival: Arrival, number: int, deferrals: int) -> None:
        asked_at = self.clock.seconds
        if not self.world.job(job_id).is_open:
            return  # canceled
        answer = self._admit(self.world.job(job_id), ())
        assert answer is not None
        if isinstance(answer, Deferred):
            again = self.clock.seconds + answer.seconds + self.wakes_late()
            self._at(again, partial(self._ask, job_id, arrival, number, deferrals + 1))
            return
        self._posts += 1
        if self._posts in self.throttled:
            seconds = self.throttled[self._posts]
            back = partial(self._put_off, answer, seconds, arrival, number, deferrals + 1)
            self._at(self.clock.seconds + self.answers_late(), back)
            return
        sent_at = self.clock.seconds + self.sends_late()
        self.sent.append(Sent(number, arrival, asked_at, sent_at, deferrals))
        takes = published(arrival.input).median if self.takes is None else self.takes
        self._at(sent_at + takes, partial(self._come_back, job_id))

    def _put_off(
        self, job: Job, seconds: int, arrival: Arrival, number: int, deferrals: int
    ) -> None:
        assert self._admit.put_back(job, pause_all_seconds=seconds)
        again = self.clock.seconds + seconds + self.wakes_late()
        self._at(again, partial(self._ask, job.job_id, arrival, number, deferrals))

    def _come_back(self, job_id: str) -> None:
        self._end.fail(job_id, Code.PROVIDER_FAILED)
