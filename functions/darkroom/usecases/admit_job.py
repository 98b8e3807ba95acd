"""Admit: let a job out of the line when its turn has come, or say exactly how long to wait."""

import hashlib
import random
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from darkroom.domain.breaker import Verdict
from darkroom.domain.errors import Code
from darkroom.domain.job import Job, Status
from darkroom.domain.limiter import Line, Tier
from darkroom.domain.turns import Place, Turn, turn
from darkroom.ports import Clock, Hitch, Jobs, LineChange, Lines, Metrics, Sleep
from darkroom.usecases.expect_duration import ExpectDuration
from darkroom.usecases.watch_provider import WatchProvider

# The line is one item: who meets another there tries again.
TRIES = 40
_PAUSE, _LONGER = 0.1, 5  # seconds at first, how often they double
# Who is next, with all places in flight taken, stays for one: cheaper than a wait, and sooner.
STAYS, STAY = 6, 0.5  # times, seconds
# When a submit is certainly over, one way or the other; the sweep looks after that.
_SUBMIT_OVER = timedelta(minutes=10)
_GRACE = timedelta(minutes=10)


def longest_pause(tries: int) -> float:
    """Return the most seconds to pause after so many `tries` in vain."""
    return _PAUSE * 2.0 ** min(tries, _LONGER)


@dataclass(frozen=True)
class Held:
    """Not yet: ask again after so many seconds."""

    seconds: int
    by_breaker: Code | None = None


@dataclass(frozen=True)
class AdmitJob:
    """The line's rules over its record: a place, a turn, a way back."""

    jobs: Jobs
    lines: Lines
    metrics: Metrics
    now: Clock
    sleep: Sleep
    watch: WatchProvider
    tier: Tier
    expect: ExpectDuration

    def __call__(
        self, job: Job, sent_images: tuple[str, ...], *, has_webhook: bool = False
    ) -> Job | Held | None:
        """Return the job, `submitting` by this very call, or how long to wait.

        None if somebody else has moved it. What follows is the POST.
        """
        sends = _Post(uuid.uuid4().hex, sent_images, has_webhook)
        for tries in range(TRIES):
            line, mine = self._ask(job)
            if not mine.has_come:
                answer: Job | Held | Hitch = self._hold(line, job, mine)
                if isinstance(answer, Held):
                    return answer
            else:
                answer = self._let_out(line, mine, job, sends)
            # Where it was refused, too: the SDK may have repeated what had been done.
            known = answer if isinstance(answer, Job) else self.jobs.get(job.job_id)
            if known is not None and known.is_submit_of(sends.token):
                self.sleep(max(0.0, mine.slot - self.now().timestamp()))
                waited = (self.now() - known.accepted_at).total_seconds()
                self.metrics.count("QueueWait", waited, "Seconds")
                return known
            if known is None or known.status is not Status.QUEUED:
                return None
            job = known
            self.sleep(random.uniform(0, longest_pause(tries)))  # noqa: S311 - a jitter
        return Held(1)

    def put_back(
        self, job: Job, *, hold_all: int = 0, stop: Code | None = None, unanswered: bool = False
    ) -> Job | None:
        """Return an admitted job to its place: its POST took nothing, or was not answered.

        `hold_all`: seconds for which nobody is to send; `stop`: why nobody would be served.
        """
        now = self.now().timestamp()

        def said(line: Line) -> Line:
            if hold_all:  # an answer, if not the one that was hoped for
                line = self.watch.judged(line.held_until(now + hold_all), Verdict.WELL)
            return self.watch.judged(line, Verdict.STOP, stop) if stop else line

        for _ in range(TRIES):
            line, interval = self.lines.read(job.line), self._interval(job)
            queue = line.queue(job.lane).put_back(job.caller, job.place or 1, interval)
            after = said(line.with_queue(job.lane, queue))
            back = self.jobs.together(
                job.job_id,
                [LineChange(line, after, flight=-1)],
                when=[Status.SUBMITTING],
                status=Status.QUEUED,
                submitting_at=None,
                unanswered=job.unanswered + unanswered,
                due_at=self.now() + _GRACE,
            )
            if isinstance(back, Job):
                self.watch.tell(line, after)
                if hold_all or stop:
                    self.watch.change_others(line.number, said)
                return back
            if back is Hitch.JOB:
                return None
        raise RuntimeError("the line moves too fast")

    def _line(self, job: Job) -> Line:
        """Return the line that the job stands in; for a newcomer, the shorter of two."""
        if job.place is not None or self.tier.lines == 1:
            return self.lines.read(job.line)
        # Two of many, by chance: nearly as even as the shortest of all, and only two are read.
        chance = int.from_bytes(hashlib.sha256(job.job_id.encode()).digest()[:8])
        one = chance % self.tier.lines
        other = (one + 1 + chance // self.tier.lines % (self.tier.lines - 1)) % self.tier.lines
        now = self.now().timestamp()
        return min(
            (self.lines.read(one), self.lines.read(other)),
            key=lambda line: max(line.next_at, now) + line.seconds,
        )

    def _interval(self, job: Job) -> float:
        if job.interval is not None:  # as the line counts it, whatever has changed since
            return job.interval
        return round(self.tier.share.interval(self.expect(job).median), 3)

    def _ask(self, job: Job) -> tuple[Line, Turn]:
        place = Place(job.lane, job.caller, job.place, self._interval(job))
        for stays in range(STAYS + 1):
            if stays:
                self.sleep(STAY)
            line, now = self._line(job), self.now().timestamp()
            mine = turn(line, self.tier.share, place, self.expect(job).median, now)
            if not mine.is_next:
                break
        return line, mine

    def _hold(self, line: Line, job: Job, mine: Turn) -> Held | Hitch:
        held = Held(mine.wait, mine.by_breaker)
        self.metrics.count("LimiterWait", held.seconds, "Seconds")
        if held.by_breaker:
            self.metrics.count("BreakerOpen")
        if job.place is not None:
            return held
        entered = self.jobs.together(
            job.job_id,
            [LineChange(line, mine.entered)],
            when=[Status.QUEUED],
            absent="place",
            line=line.number,
            place=mine.number,
            interval=mine.place.interval,
            due_at=self.now() + timedelta(seconds=held.seconds) + _GRACE,
        )
        if isinstance(entered, Job):
            self.metrics.count("JobsHeld")
            return held
        return entered

    def _let_out(self, line: Line, mine: Turn, job: Job, sends: "_Post") -> Job | Hitch:
        now = self.now()
        after = mine.sent(now.timestamp())
        return self.jobs.together(
            job.job_id,
            [LineChange(line, after, flight=1, below=self.tier.share.in_flight)],
            when=[Status.QUEUED],
            absent="place" if job.place is None else None,
            status=Status.SUBMITTING,
            submitting_at=max(now, datetime.fromtimestamp(mine.slot, now.tzinfo)),
            submit_attempts=job.submit_attempts + 1,
            submit_token=sends.token,
            sent_images=sends.images or None,
            has_webhook=sends.has_webhook,
            line=line.number,
            place=mine.number,
            interval=mine.place.interval,
            expected=self.expect(job),
            due_at=now + _SUBMIT_OVER,
        )


@dataclass(frozen=True)
class _Post:
    """What the record says of the POST that follows."""

    token: str
    images: tuple[str, ...]
    has_webhook: bool
