"""Simulated load on the submit queue: jobs arrive, wait for a slot, are submitted and end."""

import heapq
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from darkroom.domain.breaker import Health
from darkroom.domain.durations import published
from darkroom.domain.errors import Code
from darkroom.domain.job import Job
from darkroom.domain.submit_queue import Priority, RateLimit
from darkroom.usecases.jobs.acquire_slot import Deferred
from tests.fakes.invariants import assert_queue_counts
from tests.fakes.signals import START, StoppedClock
from tests.fakes.world import World

ON_TIME: Callable[[], float] = lambda: 0.0  # noqa: E731


@dataclass(frozen=True)
class Arrival:
    """A job that arrives `at` seconds after the start, and may be canceled later."""

    at: float = 0.0
    caller: str = "ada"
    priority: Priority = Priority.NORMAL
    cancel_after: float | None = None
    kind: tuple[str, str] = ("medium", "1k")  # quality and resolution

    @property
    def input(self) -> dict[str, str]:
        return {"quality": self.kind[0], "resolution": self.kind[1]}


@dataclass(frozen=True)
class SentPost:
    """A POST: the number of its job by arrival, the time of the decision and of the POST."""

    number: int
    arrival: Arrival
    decided_at: float
    at: float
    deferrals: int


@dataclass
class IndependentClock(StoppedClock):
    """A clock on which a sleep delays only the function that sleeps."""

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
    """A submit queue and its jobs. `throttled`: Retry-After in seconds, by number of the POST."""

    rate_limit: RateLimit
    in_flight_seconds: float | None = None  # None: the expected median
    wake_delay: Callable[[], float] = ON_TIME
    send_delay: Callable[[], float] = ON_TIME
    throttle_delay: Callable[[], float] = ON_TIME  # of a 429 response
    throttled: dict[int, int] = field(default_factory=dict)
    sent: list[SentPost] = field(default_factory=list)
    peak_in_flight: int = 0

    def __post_init__(self) -> None:
        self.clock = IndependentClock()
        self.world = World(clock=self.clock, rate_limit=self.rate_limit)
        self._acquire, self._end = self.world.app.acquire_slot, self.world.app.end_job
        self._breaker = self.world.app.circuit_breaker
        self._heap: list[tuple[float, int, Callable[[], object]]] = []
        self._events = self._posts = 0

    def run(self, arrivals: Iterable[Arrival], *, until: float = 1e9) -> list[SentPost]:
        """Run all arrivals; return the accepted POSTs in the order in which they were sent."""
        template = World().accept_job()
        for number, arrival in enumerate(arrivals):
            job = template.model_copy(
                update={
                    "job_id": f"{number:026}",
                    "caller": arrival.caller,
                    "priority": arrival.priority,
                    "input": arrival.input,
                    "accepted_at": START + timedelta(seconds=arrival.at),
                }
            )
            self._at(arrival.at, partial(self._arrive, job, arrival, number))
            if arrival.cancel_after is not None:
                self._at(arrival.at + arrival.cancel_after, partial(self._end.cancel, job.job_id))
        while self._heap and self._heap[0][0] <= until:
            time, _, action = heapq.heappop(self._heap)
            self.clock.at(time)
            action()
            self.peak_in_flight = max(
                self.peak_in_flight,
                sum(shard.in_flight for shard in self.world.jobs.queue.shards.values()),
            )
        assert_queue_counts(self.world.jobs)
        return sorted(self.sent, key=lambda post: post.at)

    def _at(self, time: float, action: Callable[[], object]) -> None:
        self._events += 1
        heapq.heappush(self._heap, (time, self._events, action))

    def _arrive(self, job: Job, arrival: Arrival, number: int) -> None:
        self.world.jobs.records[job.job_id] = job
        self._submit(job.job_id, arrival, number, 0)

    def _submit(self, job_id: str, arrival: Arrival, number: int, deferrals: int) -> None:
        decided_at = self.clock.seconds
        if not self.world.job(job_id).is_open:
            return  # canceled
        acquired = self._acquire.run(self.world.job(job_id), ())
        assert isinstance(acquired, Job | Deferred)
        if isinstance(acquired, Deferred):
            retry_at = self.clock.seconds + acquired.seconds + self.wake_delay()
            self._at(retry_at, partial(self._submit, job_id, arrival, number, deferrals + 1))
            return
        self._posts += 1
        if self._posts in self.throttled:
            seconds = self.throttled[self._posts]
            put_back = partial(self._put_back, acquired, seconds, arrival, number, deferrals + 1)
            self._at(self.clock.seconds + self.throttle_delay(), put_back)
            return
        sent_at = self.clock.seconds + self.send_delay()
        self.sent.append(SentPost(number, arrival, decided_at, sent_at, deferrals))
        duration = (
            published(arrival.input).median
            if self.in_flight_seconds is None
            else self.in_flight_seconds
        )
        self._at(sent_at + duration, partial(self._finish, job_id))

    def _put_back(
        self, job: Job, seconds: int, arrival: Arrival, number: int, deferrals: int
    ) -> None:
        assert self._acquire.put_back(job)
        self._breaker.run(job, Health.OK, pause_seconds=seconds)
        retry_at = self.clock.seconds + seconds + self.wake_delay()
        self._at(retry_at, partial(self._submit, job.job_id, arrival, number, deferrals))

    def _finish(self, job_id: str) -> None:
        self._end.fail(job_id, Code.PROVIDER_FAILED)
