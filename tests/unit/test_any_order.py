"""Anything in any order: functions that die, a provider that lies low, webhooks, cancels, sweeps.

Whatever happened before: no job is paid for twice, every job ends once, no prediction has two
owners, no count and no budget drifts; and once all is well again, everything comes to its end.
"""

from contextlib import suppress
from datetime import timedelta

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from darkroom.domain.callers import Role, of_key
from darkroom.domain.errors import BudgetExceededError, Code, EndedError
from darkroom.domain.job import Status
from darkroom.domain.parsing import parse_request
from darkroom.domain.steps import Step
from darkroom.domain.submit_queue import Priority, RateLimit
from darkroom.ports import Failed, NotDownloaded, Prediction, Running, Succeeded
from darkroom.usecases.create_job import RequestSource
from tests.fakes.account import Take
from tests.fakes.crashes import DeadError, When
from tests.fakes.invariants import assert_budgets, assert_claims, assert_counts, assert_ended, ends
from tests.fakes.machine import Machine, deployment
from tests.fakes.pictures import PNG
from tests.fakes.provider import OUTPUT
from tests.fakes.world import TESTS, TEXT_TO_IMAGE
from tests.unit.test_receive_webhook import call

CAPS = {"key:ada": 180_000, "key:bob": 10**9, "STACK": 420_000}
WHICH = st.integers(0, 30)
SECONDS = st.sampled_from([1, 10, 45, 130, 700, 2000])
WHEN: st.SearchStrategy[When] = st.sampled_from(["before", "after"])
ENDS: st.SearchStrategy[Prediction] = st.sampled_from(
    [Succeeded((OUTPUT,)), Failed(Code.PROVIDER_FAILED, "no"), Running("odd", known=False)]
)


type Asked = tuple[str, int, Priority, str]
ASKED: st.SearchStrategy[Asked] = st.tuples(
    st.sampled_from(["ada", "bob"]),
    st.integers(0, 3),
    st.sampled_from(Priority),
    st.sampled_from("ab"),
)
CRASHES = st.just(dict[int, When]()) | st.dictionaries(st.integers(0, 25), WHEN, max_size=3)


class AnyOrder(RuleBasedStateMachine):
    """One deployment of the lowest tiers, from outside and from inside."""

    @initialize(
        rate_limit=st.sampled_from([RateLimit(2, 2), RateLimit(10, 3), RateLimit(500, 300)]),
        resubmits=st.booleans(),
        hooked=st.booleans(),
        jobs=st.lists(ASKED, min_size=1, max_size=5),
    )
    def deploy(
        self, rate_limit: RateLimit, resubmits: bool, hooked: bool, jobs: list[Asked]
    ) -> None:
        self.world, self.account = deployment(
            rate_limit=rate_limit, resubmits=resubmits, stack_budget=CAPS["STACK"]
        )
        self.machine = Machine(self.world)
        self.ended: dict[str, tuple[Status, Code | None]] = {}
        self.world.flag_store.set(webhook_url="https://api.test" if hooked else None)
        for asked in jobs:
            self.ask(asked)

    @rule(asked=ASKED)
    def ask(self, asked: Asked) -> None:
        caller, key, priority, prompt = asked
        body = TEXT_TO_IMAGE | {"prompt": prompt, "priority": str(priority)}
        who = of_key(caller, Role.SUBMIT)
        name = f"{key}-{prompt}-{priority}"
        request_source = RequestSource(who, name, name, daily_budget_micro_usd=CAPS[who.name])
        request = parse_request(body, max_deadline_seconds=3600)
        with suppress(DeadError, BudgetExceededError):
            self.world.create_job()(request, request_source)

    @rule(states=st.integers(1, 12), crashes=CRASHES)
    def run(self, states: int, crashes: dict[int, When]) -> None:
        self.break_soon(crashes)
        for _ in range(states):
            job_id = self.machine.next()
            if job_id is not None:
                self.machine.go(job_id)

    @rule(
        act=st.sampled_from(["cancel", "submit again", "stop", "stop and tell nobody"]),
        which=WHICH,
        crashes=CRASHES,
    )
    def disturb(self, act: str, which: int, crashes: dict[int, When]) -> None:
        if not self.world.jobs.records:
            return
        self.break_soon(crashes)
        job_id = list(self.world.jobs.records)[which % len(self.world.jobs.records)]
        with suppress(DeadError, EndedError):
            if act == "cancel":
                self.world.cancel_job()(TESTS, job_id)
            elif act == "submit again":  # Lambda runs a function twice
                self.account.asking = job_id
                self.world.submit_job()(Step(job_id=job_id))
            elif job_id in self.machine.runs and job_id not in self.world.workflow.ended:
                self.machine.tells_ends = act == "stop"
                self.machine.stop(job_id)
        self.machine.tells_ends = True

    @rule(which=WHICH, of=WHICH, crashes=CRASHES)
    def webhook(self, which: int, of: int, crashes: dict[int, When]) -> None:
        """The provider calls, mostly for the job that it was asked by."""
        if self.account.made:
            self.break_soon(crashes)
            made = self.account.made[which % len(self.account.made)]
            jobs = [made.job_id, made.job_id, *self.world.jobs.records]
            with suppress(DeadError):
                call(self.world, self.world.job(jobs[of % len(jobs)]), made)

    @rule(seconds=SECONDS, crashes=CRASHES)
    def sweep(self, seconds: int, crashes: dict[int, When]) -> None:
        self.world.clock.advance(seconds)
        self.break_soon(crashes)
        with suppress(DeadError):
            self.world.sweep_jobs()()

    @rule(
        takes=st.lists(st.sampled_from(Take), max_size=4),
        end=ENDS,
        answers=st.booleans(),
        lists=st.booleans(),
        lag=st.sampled_from([0, 60, 300]),
        copies=st.booleans(),
    )
    def provider(
        self,
        takes: list[Take],
        end: Prediction,
        answers: bool,
        lists: bool,
        lag: int,
        copies: bool,
    ) -> None:
        self.account.takes, self.account.ends = takes, [end]
        self.account.answers, self.account.lists = answers, lists
        self.account.lag = timedelta(seconds=lag)
        missing = NotDownloaded(Code.ASSET_UNAVAILABLE, "")
        self.world.downloads.files = {OUTPUT: PNG if copies else [missing]}

    def break_soon(self, crashes: dict[int, When]) -> None:
        calls = self.world.crash_at.calls
        self.world.crash_at.plan = {calls + at: how for at, how in crashes.items()}

    # -------------------------------------------------------------------------- what always holds

    @invariant()
    def nothing_drifts(self) -> None:
        assert_counts(self.world.jobs)
        assert_claims(self.world.jobs)
        assert_budgets(self.world.jobs, CAPS)
        assert self.world.jobs.queue.shard.in_flight <= self.world.rate_limit.max_in_flight

    @invariant()
    def nothing_is_paid_for_twice(self) -> None:
        most = 3 if self.world.resubmits else 1
        assert all(self.account.possibly_taken(job) <= most for job in self.world.jobs.records)

    @invariant()
    def an_end_is_for_good(self) -> None:
        for job in self.world.jobs.records.values():
            if not job.is_open:
                assert self.ended.setdefault(job.job_id, (job.status, job.code)) == (
                    job.status,
                    job.code,
                )
        assert all(len(ids) == 1 for ids in ends(self.world).values())

    def teardown(self) -> None:
        """All is well again: everything comes to its end."""
        if not hasattr(self, "world"):
            return
        self.world.crash_at.plan = {}
        self.provider([], Succeeded((OUTPUT,)), answers=True, lists=True, lag=0, copies=True)
        for _ in range(300):
            self.machine.run()
            due = [job.sweep_after for job in self.world.jobs.records.values() if job.sweep_after]
            if not due:
                break
            self.world.clock.time = max(self.world.clock.time, min(due))
            self.world.sweep_jobs()()
        self.nothing_drifts()
        self.nothing_is_paid_for_twice()
        self.an_end_is_for_good()
        assert_ended(self.world)
        shard = self.world.jobs.queue.shard
        assert (shard.in_flight, len(shard.normal), len(shard.low)) == (0, 0, 0)
        self.what_was_paid_for_is_kept()

    def what_was_paid_for_is_kept(self) -> None:
        owners = self.world.jobs.claims.owners
        for made in self.account.made:
            owner = owners.get(made.prediction_id)
            assert owner or self.world.resubmits, "a prediction that no job has found"
            if owner and isinstance(made.end, Succeeded):
                stored = self.world.job(owner).assets
                assert [self.world.assets.files[asset.key] for asset in stored] == [PNG]


AnyOrder.TestCase.settings = settings(
    max_examples=250,
    stateful_step_count=40,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
TestAnyOrder = AnyOrder.TestCase
