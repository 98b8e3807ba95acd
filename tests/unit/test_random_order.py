"""Random order of crashes, provider faults, webhooks, cancels and sweeps, with invariants.

At every step no job is paid for twice, every job ends once, no prediction has two owners, and the
counts and budgets match the records. After the faults stop, every job ends.
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
from darkroom.usecases.jobs.create_job import RequestSource
from tests.fakes.crashes import CrashTiming, SimulatedCrashError
from tests.fakes.images import PNG
from tests.fakes.invariants import (
    assert_all_ended,
    assert_budgets,
    assert_claims,
    assert_queue_counts,
    terminal_event_ids,
)
from tests.fakes.machine import StateMachine, deployment
from tests.fakes.provider import OUTPUT
from tests.fakes.provider_account import PostResult
from tests.fakes.world import TEST_CALLER, TEXT_TO_IMAGE
from tests.profiles import examples
from tests.unit.test_receive_webhook import deliver_webhook

CAPS = {"key:ada": 180_000, "key:bob": 10**9, "STACK": 420_000}
INDEXES = st.integers(0, 30)
SECONDS = st.sampled_from([1, 10, 45, 130, 700, 2000])
CRASH_TIMINGS: st.SearchStrategy[CrashTiming] = st.sampled_from(["before", "after"])
RESULTS: st.SearchStrategy[Prediction] = st.sampled_from(
    [Succeeded((OUTPUT,)), Failed(Code.PROVIDER_FAILED, "no"), Running("odd", known=False)]
)


type Request = tuple[str, int, Priority, str]
REQUESTS: st.SearchStrategy[Request] = st.tuples(
    st.sampled_from(["ada", "bob"]),
    st.integers(0, 3),
    st.sampled_from(Priority),
    st.sampled_from("ab"),
)
CRASHES = st.just(dict[int, CrashTiming]()) | st.dictionaries(
    st.integers(0, 25), CRASH_TIMINGS, max_size=3
)


class RandomOrder(RuleBasedStateMachine):
    """One deployment with a low, medium or high rate limit, under random events."""

    @initialize(
        rate_limit=st.sampled_from([RateLimit(2, 2), RateLimit(10, 3), RateLimit(500, 300)]),
        resubmits=st.booleans(),
        has_webhooks=st.booleans(),
        requests=st.lists(REQUESTS, min_size=1, max_size=5),
    )
    def deploy(
        self, rate_limit: RateLimit, resubmits: bool, has_webhooks: bool, requests: list[Request]
    ) -> None:
        self.world, self.account = deployment(
            rate_limit=rate_limit, resubmits=resubmits, stack_budget=CAPS["STACK"]
        )
        self.machine = StateMachine(self.world)
        self.ended: dict[str, tuple[Status, Code | None]] = {}
        self.world.flag_store.set(webhook_url="https://api.test" if has_webhooks else None)
        for request in requests:
            self.create_job(request)

    @rule(request=REQUESTS)
    def create_job(self, request: Request) -> None:
        name, key, priority, prompt = request
        body = TEXT_TO_IMAGE | {"prompt": prompt, "priority": str(priority)}
        caller = of_key(name, Role.SUBMIT)
        idempotency_key = f"{key}-{prompt}-{priority}"
        request_source = RequestSource(
            caller, idempotency_key, idempotency_key, daily_budget_micro_usd=CAPS[caller.name]
        )
        job_request = parse_request(body)
        with suppress(SimulatedCrashError, BudgetExceededError):
            self.world.app.create_job.run(job_request, request_source)

    @rule(states=st.integers(1, 12), crashes=CRASHES)
    def run(self, states: int, crashes: dict[int, CrashTiming]) -> None:
        self.plan_crashes(crashes)
        for _ in range(states):
            job_id = self.machine.next_job_id()
            if job_id is not None:
                self.machine.run_next_state(job_id)

    @rule(
        action=st.sampled_from(["cancel", "submit twice", "stop", "stop without event"]),
        index=INDEXES,
        crashes=CRASHES,
    )
    def disturb_job(self, action: str, index: int, crashes: dict[int, CrashTiming]) -> None:
        if not self.world.jobs.records:
            return
        self.plan_crashes(crashes)
        job_id = list(self.world.jobs.records)[index % len(self.world.jobs.records)]
        with suppress(SimulatedCrashError, EndedError):
            if action == "cancel":
                self.world.app.cancel_job.run(TEST_CALLER, job_id)
            elif action == "submit twice":  # Lambda may run a function twice
                self.account.current_job_id = job_id
                self.world.app.submit_job.run(Step(job_id=job_id))
            elif job_id in self.machine.runs and job_id not in self.world.workflow.ended:
                self.machine.runs_on_execution_ended = action == "stop"
                self.machine.stop(job_id)
        self.machine.runs_on_execution_ended = True

    @rule(index=INDEXES, job_index=INDEXES, crashes=CRASHES)
    def webhook(self, index: int, job_index: int, crashes: dict[int, CrashTiming]) -> None:
        """Deliver a webhook, mostly for the job that owns the prediction."""
        if self.account.created:
            self.plan_crashes(crashes)
            prediction = self.account.created[index % len(self.account.created)]
            jobs = [prediction.job_id, prediction.job_id, *self.world.jobs.records]
            with suppress(SimulatedCrashError):
                deliver_webhook(self.world, self.world.job(jobs[job_index % len(jobs)]), prediction)

    @rule(seconds=SECONDS, crashes=CRASHES)
    def sweep(self, seconds: int, crashes: dict[int, CrashTiming]) -> None:
        self.world.clock.advance(seconds)
        self.plan_crashes(crashes)
        with suppress(SimulatedCrashError):
            self.world.app.sweep_jobs.run()

    @rule(
        post_results=st.lists(st.sampled_from(PostResult), max_size=4),
        result=RESULTS,
        can_poll=st.booleans(),
        can_list=st.booleans(),
        list_lag=st.sampled_from([0, 60, 300]),
        can_download=st.booleans(),
    )
    def provider(
        self,
        post_results: list[PostResult],
        result: Prediction,
        can_poll: bool,
        can_list: bool,
        list_lag: int,
        can_download: bool,
    ) -> None:
        self.account.post_results, self.account.results = post_results, [result]
        self.account.can_poll, self.account.can_list = can_poll, can_list
        self.account.list_lag = timedelta(seconds=list_lag)
        missing = NotDownloaded(Code.ASSET_UNAVAILABLE, "")
        self.world.downloads.files = {OUTPUT: PNG if can_download else [missing]}

    def plan_crashes(self, crashes: dict[int, CrashTiming]) -> None:
        calls = self.world.crash_at.calls
        self.world.crash_at.plan = {calls + at: timing for at, timing in crashes.items()}

    # -------------------------------------------------------------------------- invariants

    @invariant()
    def counts_match_records(self) -> None:
        assert_queue_counts(self.world.jobs)
        assert_claims(self.world.jobs)
        assert_budgets(self.world.jobs, CAPS)
        assert self.world.jobs.queue.shard.in_flight <= self.world.rate_limit.max_in_flight

    @invariant()
    def no_job_is_paid_for_twice(self) -> None:
        max_posts = 3 if self.world.resubmits else 1
        assert all(
            self.account.possibly_accepted(job) <= max_posts for job in self.world.jobs.records
        )

    @invariant()
    def ended_jobs_do_not_change(self) -> None:
        for job in self.world.jobs.records.values():
            if not job.is_open:
                end = (job.status, job.code)
                assert self.ended.setdefault(job.job_id, end) == end
                assert job.canceled_at is None or job.status is Status.FAILED
        assert all(len(ids) == 1 for ids in terminal_event_ids(self.world).values())

    def teardown(self) -> None:
        """Stop all faults and run every job to its end."""
        if not hasattr(self, "world"):
            return
        self.world.crash_at.plan = {}
        self.provider(
            [], Succeeded((OUTPUT,)), can_poll=True, can_list=True, list_lag=0, can_download=True
        )
        for _ in range(300):
            self.machine.run()
            due = [job.sweep_after for job in self.world.jobs.records.values() if job.sweep_after]
            if not due:
                break
            self.world.clock.time = max(self.world.clock.time, min(due))
            self.world.app.sweep_jobs.run()
        self.counts_match_records()
        self.no_job_is_paid_for_twice()
        self.ended_jobs_do_not_change()
        assert_all_ended(self.world)
        shard = self.world.jobs.queue.shard
        assert (shard.in_flight, len(shard.normal), len(shard.low)) == (0, 0, 0)
        self.paid_outputs_are_stored()

    def paid_outputs_are_stored(self) -> None:
        owners = self.world.jobs.claims.owners
        for prediction in self.account.created:
            owner = owners.get(prediction.prediction_id)
            assert owner or self.world.resubmits, "a prediction without a job"
            if owner and isinstance(prediction.result, Succeeded):
                stored = self.world.job(owner).assets
                assert [self.world.assets.files[asset.key] for asset in stored] == [PNG]


RandomOrder.TestCase.settings = settings(
    max_examples=examples(60),
    stateful_step_count=40,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
TestRandomOrder = RandomOrder.TestCase
