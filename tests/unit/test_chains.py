"""Chains: each step is paid once, starts once and not after a cancellation; the chain ends once."""

import base64
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from darkroom.domain.callers import Caller, Role, of_key
from darkroom.domain.chain_state import ChainStatus
from darkroom.domain.errors import (
    BudgetExceededError,
    Charged,
    Code,
    ConflictError,
    EndedError,
    ForbiddenError,
    InvalidRequestError,
    NotEndedError,
    NotFoundError,
    NotResumableError,
)
from darkroom.domain.events import ChainCompleted, ChainFailed
from darkroom.domain.identity import step_key
from darkroom.domain.job import Job, Status
from darkroom.domain.keys import Revocation
from darkroom.domain.parsing import parse_request
from darkroom.domain.references import S3Object
from darkroom.ports import Failed, Prediction, Quote, Running, Succeeded
from darkroom.usecases.jobs.create_job import RequestSource
from tests.fakes.chains import (
    EDIT,
    THREE_STEPS,
    UPSCALE,
    ChainMachine,
    assert_money,
    assert_one_end,
    chain,
)
from tests.fakes.crashes import CrashAt, CrashTiming, Interruption, SimulatedCrashError
from tests.fakes.images import PNG
from tests.fakes.machine import deployment, retry_crashes
from tests.fakes.provider import OUTPUT
from tests.fakes.world import TEST_CALLER, World
from tests.profiles import examples

FAILED = Failed(Code.PROVIDER_FAILED, "no")
PRICES = (60_000, 190_000, 10_000)  # of THREE_STEPS, in micro-USD
UPSCALER = {"wavespeed-ai/upscaler": Quote(PRICES[2], "2026-11-30")}
CAP = 10_000_000


def start(
    body: dict[str, Any] = THREE_STEPS, *results: Prediction, **world_settings: Any
) -> tuple[World, Any, Job]:
    """Return a deployment with a budget, its account, and the first job of a chain."""
    world, account = deployment(**{"stack_budget": CAP, **world_settings})
    world.prices.quotes = dict(UPSCALER)
    account.results = list(results)
    return world, account, retry_crashes(lambda: world.accept_job(body))


def reserved(world: World) -> int:
    return sum(world.jobs.budgets.amounts.values())


def events_of(world: World, kind: type[Any]) -> list[Any]:
    return [event for event in world.events.published if isinstance(event, kind)]


def first_output(job: Job) -> str:
    return f"s3://{job.assets[0].bucket}/{job.assets[0].key}"


# --------------------------------------------------------------------------------------- The steps


def test_each_step_is_a_job_with_the_output_of_the_step_before() -> None:
    world, account, root = start()

    ChainMachine(world).run()

    first, second, third = chain(world, root).jobs
    assert [job.status for job in (first, second, third)] == [Status.COMPLETED] * 3
    assert [job.idempotency_key for job in (second, third)] == [
        step_key(root.job_id, 1), step_key(root.job_id, 2),
    ]  # fmt: skip
    assert [(job.chain_id, job.step) for job in (first, second, third)] == [
        (root.job_id, 0), (root.job_id, 1), (root.job_id, 2),
    ]  # fmt: skip
    assert second.references == (S3Object(bucket=first.assets[0].bucket, key=first.assets[0].key),)
    assert third.input == {"image": first_output(second), "scale": 2.5}
    models = [model for model, _ in account.posts]
    assert models == [job.model for job in (first, second, third)]
    assert account.posts[2][1]["image"].startswith(f"https://{third.references[0].bucket}")  # type: ignore[union-attr]


def test_completed_chain_publishes_the_outputs_of_its_last_step() -> None:
    world, _, root = start()

    ChainMachine(world).run()

    (event,) = events_of(world, ChainCompleted)
    last = chain(world, root).jobs[-1]
    assert (event.id, event.job_id) == (f"{root.job_id}.chain.0.completed", last.job_id)
    assert event.uris == (first_output(last),)
    assert [output.step for output in event.finished] == [0, 1, 2]
    assert (event.spent_micro_usd, event.uncertain_micro_usd) == (sum(PRICES), 0)


def test_steps_can_take_the_first_output_the_source_and_other_images() -> None:
    world, _ = deployment()
    world.references.objects["assets", "uploads/logo.png"] = [PNG]
    edit = {"operation": "edit", "prompt": "clean", "images": ["https://example.com/shoe.png"]}
    images = ["$first", "$source", "upload:logo.png"]
    root = world.accept_job({**edit, "then": [EDIT, {"prompt": "combine", "images": images}]})

    ChainMachine(world).run()

    first, _, third = chain(world, root).jobs
    assert [str(reference) for reference in third.references] == [
        first_output(first), "https://example.com/shoe.png", "s3://assets/uploads/logo.png",
    ]  # fmt: skip
    assert third.references[2].version_id == "v1"  # type: ignore[union-attr]


def test_outputs_of_a_chain_lie_in_the_folder_of_its_first_job() -> None:
    world, _, root = start()

    ChainMachine(world).run()

    folder = root.prefix.rpartition("/")[0]
    for job in chain(world, root).jobs:
        assert job.assets[0].key == f"{folder}/{job.job_id}/0.png"


def test_references_of_a_later_step_are_checked_before_the_first_is_charged() -> None:
    world, account = deployment()
    body = {**THREE_STEPS, "then": [EDIT, {"prompt": "x", "images": ["s3://assets/missing.png"]}]}

    with pytest.raises(InvalidRequestError) as caught:
        world.accept_job(body)

    (problem,) = caught.value.problems
    assert problem.field == "then.1.images.0"
    assert problem.message.startswith("Step 3: ")
    assert not world.jobs.records
    assert not account.posts


def test_key_of_a_step_cannot_be_used_by_a_request() -> None:
    world, _, root = start()

    with pytest.raises(InvalidRequestError, match="idempotency key"):
        world.accept_job(key=step_key(root.job_id, 1))


def test_same_key_with_other_steps_is_a_conflict() -> None:
    world, _, root = start()
    assert world.accept_job(THREE_STEPS).job_id == root.job_id

    for then in ([EDIT], [EDIT, {**UPSCALE, "deadline_seconds": 60}]):
        with pytest.raises(ConflictError):
            world.accept_job({**THREE_STEPS, "then": then})


def test_chain_that_is_too_long_for_the_record_is_refused() -> None:
    world, _ = deployment()
    steps = [{"prompt": "a" * 20_000}] * 5

    with pytest.raises(InvalidRequestError) as caught:
        world.accept_job({**THREE_STEPS, "then": steps})

    assert caught.value.problems[0].field == "then"
    assert not world.jobs.records


# --------------------------------------------------------------------------------------- The money


def test_whole_chain_is_reserved_when_it_is_created() -> None:
    world, _, root = start()

    assert reserved(world) == sum(PRICES)
    assert world.job(root.job_id).reservations[0].micro_usd == PRICES[0]
    assert_money(world)


@pytest.mark.parametrize("missing", [1, PRICES[1] + 1, sum(PRICES)])
def test_chain_that_exceeds_the_budget_is_refused_as_a_whole(missing: int) -> None:
    world, account = deployment(stack_budget=sum(PRICES) - missing or None)
    world.prices.quotes = dict(UPSCALER)
    if missing == sum(PRICES):
        world.stack_budget = 1

    with pytest.raises(BudgetExceededError) as caught:
        world.accept_job(THREE_STEPS)

    assert caught.value.cost == sum(PRICES)
    assert not world.jobs.records
    assert not reserved(world)
    assert not account.posts


def test_step_of_unknown_price_is_refused_if_there_is_a_budget() -> None:
    world, _ = deployment(stack_budget=CAP)

    with pytest.raises(BudgetExceededError, match="price of this request is not known"):
        world.accept_job(THREE_STEPS)


def test_price_of_a_step_counts_its_images() -> None:
    world, _ = deployment(stack_budget=CAP)
    images = ["$previous", "$first", "https://example.com/logo.png"]

    root = world.accept_job({**THREE_STEPS, "then": [{"prompt": "x", "images": images}]})

    assert chain(world, root).prices[1] == 70_000 + 2 * 12_000


def test_failed_step_releases_what_the_chain_does_not_use() -> None:
    world, _, root = start(THREE_STEPS, Succeeded((OUTPUT,)), FAILED)

    ChainMachine(world).run()

    assert reserved(world) == PRICES[0]
    assert_money(world)
    assert_one_end(world, root)


def test_chain_whose_first_job_is_reused_pays_only_its_further_steps() -> None:
    body = {**THREE_STEPS, "reuse_seconds": 3600}
    world, account, _ = start(body)
    ChainMachine(world).run()
    for key in world.assets.files:
        world.references.objects["assets", key] = [PNG]

    request, folder = parse_request(body), "edits/shoe.png"
    source = RequestSource(TEST_CALLER, "again", "request-2", folder=folder)
    second = world.app.create_job.run(request, source)
    ChainMachine(world).run()

    state = chain(world, second)
    assert state.status is ChainStatus.COMPLETED
    assert len(account.created) == 3 + 2
    assert state.cost(Charged.YES) == PRICES[1] + PRICES[2]
    assert all(job.assets[0].key.startswith(folder) for job in state.jobs[1:])
    assert_money(world)


# ------------------------------------------------------------------------------------- The failures


def test_failed_step_ends_the_chain_with_what_exists() -> None:
    world, account, root = start(THREE_STEPS, Succeeded((OUTPUT,)), FAILED)

    ChainMachine(world).run()

    (event,) = events_of(world, ChainFailed)
    first, second = chain(world, root).jobs
    assert (event.step, event.job_id, event.code) == (1, second.job_id, Code.PROVIDER_FAILED)
    assert [(output.job_id, output.uris) for output in event.finished] == [
        (first.job_id, (first_output(first),))
    ]
    assert event.message.startswith("Step 2: ")
    assert len(account.created) == 2
    assert not events_of(world, ChainCompleted)


def test_edit_of_an_output_that_is_no_image_ends_the_chain_with_a_clear_message() -> None:
    body = {"model": "maker/unknown", "input": {"text": "x"}, "then": [EDIT]}
    world, account = deployment()
    root = world.accept_job(body)
    world.downloads.files = {OUTPUT: b"\x00\x00\x00\x18ftypmp42" + bytes(64)}

    ChainMachine(world).run()

    (event,) = events_of(world, ChainFailed)
    assert (event.step, event.job_id, event.code) == (1, root.job_id, Code.INVALID_REQUEST)
    assert event.message == "Step 2: $previous is video/mp4, not a PNG, JPEG or WebP image."
    assert len(account.created) == 1


def test_recovered_output_of_a_failed_step_is_not_paid_again_by_a_resume() -> None:
    world, account, root = start(THREE_STEPS, Running("processing", known=True))
    machine = ChainMachine(world)
    machine.run(until=lambda: not chain(world, root).root.has_open_chain)
    assert chain(world, root).status is ChainStatus.FAILED
    account.created[0].result = Succeeded((OUTPUT,))
    machine.run(until=lambda: world.job(root.job_id).is_recovered)
    failure = chain(world, root).failure
    assert failure is not None
    assert (failure.step, failure.job_id) == (0, root.job_id)

    world.app.resume_chain.run(TEST_CALLER, root.job_id)
    machine.run()

    assert len(account.created) == 3
    assert chain(world, root).status is ChainStatus.COMPLETED
    assert_one_end(world, root)
    assert_money(world)


# -------------------------------------------------------------------------------------- The cancel


@pytest.mark.parametrize("step", range(3))
@pytest.mark.parametrize("of_first", [True, False])
def test_no_step_starts_after_a_cancellation(step: int, of_first: bool) -> None:
    world, account, root = start()
    machine = ChainMachine(world)
    machine.run(until=lambda: len(account.created) > step)
    jobs = chain(world, root).jobs

    world.app.cancel_job.run(TEST_CALLER, root.job_id if of_first else jobs[-1].job_id)
    machine.run()

    assert len(account.created) == step + 1
    assert chain(world, root).status is ChainStatus.CANCELED
    assert chain(world, root).jobs[-1].code is Code.CANCELED
    (event,) = {event.id: event for event in events_of(world, ChainFailed)}.values()
    assert (event.code, event.step) == (Code.CANCELED, step)
    assert_money(world)


def test_cancellation_between_two_steps_ends_the_chain() -> None:
    world, account, root = start()
    machine = ChainMachine(world, deliveries=lambda _: 0)
    machine.run(until=lambda: world.job(root.job_id).status is Status.COMPLETED)

    job = world.app.cancel_job.run(TEST_CALLER, root.job_id)
    world.app.continue_chain.run(root.job_id)
    machine.run()

    assert job.status is Status.COMPLETED
    assert len(account.created) == 1
    assert reserved(world) == PRICES[0]
    assert world.app.cancel_job.run(TEST_CALLER, root.job_id).job_id == root.job_id


def test_deletion_of_a_prediction_cancels_its_chain() -> None:
    world, account, root = start()
    machine = ChainMachine(world, deliveries=lambda _: 0)
    machine.run(until=lambda: world.job(root.job_id).status is Status.COMPLETED)

    world.app.hide_job.run(TEST_CALLER, root.job_id)
    machine.run()

    assert chain(world, root).status is ChainStatus.CANCELED
    assert len(account.created) == 1


def test_ended_chain_cannot_be_canceled() -> None:
    world, _, root = start()
    ChainMachine(world).run()

    with pytest.raises(EndedError):
        world.app.cancel_job.run(TEST_CALLER, root.job_id)

    assert chain(world, root).status is ChainStatus.COMPLETED


# -------------------------------------------------------------------------------------- The resume


@pytest.mark.parametrize("failed", range(3))
def test_resume_goes_on_from_the_failed_step(failed: int) -> None:
    results: list[Prediction] = [*[Succeeded((OUTPUT,))] * failed, FAILED]
    world, account, root = start(THREE_STEPS, *results)
    machine = ChainMachine(world)
    machine.run()
    before = chain(world, root)

    world.app.resume_chain.run(TEST_CALLER, before.jobs[-1].job_id)
    machine.run()

    after = chain(world, root)
    assert after.status is ChainStatus.COMPLETED
    assert [job.job_id for job in after.jobs[:failed]] == [
        job.job_id for job in before.jobs[:failed]
    ]
    assert after.jobs[failed].idempotency_key == step_key(root.job_id, failed, 1)
    assert len(account.created) == 4
    assert reserved(world) == sum(PRICES)
    assert_money(world)
    assert_one_end(world, root)
    (event,) = events_of(world, ChainCompleted)
    assert event.id == f"{root.job_id}.chain.1.completed"


def test_resume_reserves_the_remaining_steps_or_is_refused() -> None:
    world, _account, root = start(THREE_STEPS, Succeeded((OUTPUT,)), FAILED)
    machine = ChainMachine(world)
    machine.run()
    world.stack_budget = sum(PRICES) - 1

    with pytest.raises(BudgetExceededError) as caught:
        world.app.resume_chain.run(TEST_CALLER, root.job_id)
    assert caught.value.cost == PRICES[1] + PRICES[2]
    assert chain(world, root).status is ChainStatus.FAILED
    world.stack_budget = sum(PRICES)
    world.app.resume_chain.run(TEST_CALLER, root.job_id)

    assert reserved(world) == sum(PRICES)
    assert_money(world)


def test_two_resumes_create_one_job() -> None:
    world, account, root = start(THREE_STEPS, Succeeded((OUTPUT,)), FAILED)
    machine = ChainMachine(world)
    machine.run()
    failed = world.job(root.job_id)
    app = world.app
    first = app.resume_chain.run(TEST_CALLER, root.job_id)
    world.jobs.records[root.job_id], current = failed, world.jobs.records[root.job_id]
    state = app.read_chain.run(failed)
    world.jobs.records[root.job_id] = current

    assert state is not None
    assert not app.budget.reopen_chain(state.root, [1], chain_attempt=1, chain_ended_at=None)
    machine.run()

    assert first.job_id == root.job_id
    assert len(account.created) == 4
    assert_money(world)


@pytest.mark.parametrize("status", [ChainStatus.RUNNING, ChainStatus.COMPLETED])
def test_only_a_chain_that_has_failed_is_resumed(status: ChainStatus) -> None:
    world, _, root = start()
    if status is ChainStatus.COMPLETED:
        ChainMachine(world).run()

    with pytest.raises(NotResumableError, match=str(status)):
        world.app.resume_chain.run(TEST_CALLER, root.job_id)


def test_key_must_be_permitted_to_run_the_model_of_every_step() -> None:
    world, account = deployment()
    edits = TEST_CALLER.model_copy(update={"models": ("openai/*",)})
    with pytest.raises(ForbiddenError):
        world.accept_job(THREE_STEPS, caller=edits)
    account.results = [Succeeded((OUTPUT,)), FAILED]
    root = world.accept_job(THREE_STEPS)
    ChainMachine(world).run()

    with pytest.raises(ForbiddenError):
        world.app.resume_chain.run(edits, root.job_id)

    assert chain(world, root).status is ChainStatus.FAILED


def test_job_without_a_chain_is_not_resumed() -> None:
    world, _ = deployment()
    job = world.accept_job()

    with pytest.raises(NotResumableError, match="no chain"):
        world.app.resume_chain.run(TEST_CALLER, job.job_id)


def test_chain_of_another_caller_is_not_found() -> None:
    world, _, root = start()
    other = of_key("bob", Role.SUBMIT)

    for run in (world.app.resume_chain.run, world.app.cancel_job.run):
        with pytest.raises(NotFoundError):
            run(other, root.job_id)


def test_steps_of_a_revoked_key_are_not_sent() -> None:
    world, account = deployment()
    caller = Caller(name="key:ada", key_id="0123456789ab")
    root = world.accept_job(THREE_STEPS, caller=caller)
    machine = ChainMachine(world)
    machine.run(until=lambda: world.job(root.job_id).status is Status.COMPLETED)

    world.keys.revoked["0123456789ab"] = Revocation(
        key_id="0123456789ab", caller=caller.name, revoked_at=world.clock()
    )
    machine.run()

    assert len(account.created) == 1
    assert chain(world, root).status is ChainStatus.CANCELED


# ------------------------------------------------------------------------------------- The erasure


def test_job_of_a_running_chain_is_not_erased() -> None:
    """A later step may still need the output of an earlier one."""
    world, _, root = start()
    machine = ChainMachine(world)
    machine.run(until=lambda: len(world.jobs.records) == 2)

    with pytest.raises(NotEndedError, match="chain"):
        world.app.erase_job.run(TEST_CALLER, root.job_id)
    machine.run()

    assert chain(world, root).status is ChainStatus.COMPLETED


@pytest.mark.parametrize("step", range(2))
def test_erasure_of_any_job_erases_the_requests_of_all_steps(step: int) -> None:
    images = ["$previous", "upload:logo.png"]
    body = {**THREE_STEPS, "then": [EDIT, {"prompt": "my secret", "images": images}]}
    world, account = deployment()
    world.references.objects["assets", "uploads/logo.png"] = [PNG]
    world.references.owners["uploads/logo.png"] = TEST_CALLER.name
    account.results = [Succeeded((OUTPUT,)), FAILED]
    root = world.accept_job(body)
    ChainMachine(world).run()

    world.app.erase_job.run(TEST_CALLER, chain(world, root).jobs[step].job_id)

    assert "my secret" not in world.job(root.job_id).model_dump_json()
    assert "studio light" not in str(world.job(root.job_id).chain_request)
    assert not world.references.objects.get(("assets", "uploads/logo.png"))
    assert chain(world, root).prices == (60_000, 190_000, 82_000)
    with pytest.raises(NotResumableError, match="erased"):
        world.app.resume_chain.run(TEST_CALLER, root.job_id)


@pytest.mark.parametrize("step", [1, 2])
def test_erasure_deletes_the_bytes_that_a_step_had(step: int) -> None:
    """They are stored under the first job; step 2 has none that started."""
    inline = {"prompt": "x", "images": ["$previous", base64.b64encode(PNG).decode()]}
    then = [EDIT, EDIT]
    then[step - 1] = inline
    world, _, root = start({**THREE_STEPS, "then": then}, Succeeded((OUTPUT,)), FAILED)
    ChainMachine(world).run()
    stored = [key for (_, key), data in world.references.objects.items() if data]
    assert [key.startswith(f"references/{root.job_id}/") for key in stored] == [True]

    world.app.erase_job.run(TEST_CALLER, chain(world, root).jobs[1].job_id)

    assert not any(world.references.objects.values())


def test_event_of_a_chain_is_published_before_the_erasure() -> None:
    world, _, root = start(crash_at=CrashAt({}))
    machine = ChainMachine(world, deliveries=lambda _: 0)
    machine.run(until=lambda: len(chain(world, root).jobs) == 3)
    machine.run(until=lambda: not chain(world, root).jobs[-1].is_open)
    world.crash_at.methods["publish"] = "before"
    with pytest.raises(SimulatedCrashError):
        world.app.continue_chain.run(root.job_id)

    world.app.erase_job.run(TEST_CALLER, root.job_id)

    (event,) = events_of(world, ChainCompleted)
    assert event.finished[0].assets


# ------------------------------------------------------------------ Crashes, duplicates, reordering

CRASH_TIMINGS: st.SearchStrategy[CrashTiming] = st.sampled_from(["before", "after"])
CRASHES = st.dictionaries(st.integers(0, 120), CRASH_TIMINGS, max_size=8)
RESULTS: st.SearchStrategy[Prediction] = st.sampled_from([Succeeded((OUTPUT,)), FAILED])


@settings(max_examples=examples(75))
@given(
    results=st.lists(RESULTS, max_size=3),
    crashes=CRASHES,
    deliveries=st.lists(st.sampled_from([0, 1, 1, 2]), max_size=6),
    newest_first=st.booleans(),
    cancel_after=st.none() | st.integers(0, 40),
)
@example(results=[], crashes={}, deliveries=[0, 0, 0], newest_first=False, cancel_after=None)
def test_steps_start_once_and_the_chain_ends_once(
    results: list[Prediction],
    crashes: dict[int, CrashTiming],
    deliveries: list[int],
    newest_first: bool,
    cancel_after: int | None,
) -> None:
    world, account, root = start(THREE_STEPS, *results, crash_at=CrashAt(crashes))
    script = iter(deliveries)
    machine = ChainMachine(world, lambda _: next(script, 1), newest_first)
    if cancel_after is not None:
        for _ in range(cancel_after):
            machine.step()
        canceled = retry_crashes(lambda: _cancel(world, root))
        started = len(chain(world, root).jobs)
    machine.run()

    state = chain(world, root)
    assert_one_end(world, root)
    assert_money(world)
    assert len(world.jobs.records) == len(state.jobs) <= 3
    for job in state.jobs:
        assert account.possibly_accepted(job.job_id) <= 1
    if cancel_after is not None and canceled:
        assert len(state.jobs) == started
        assert state.status is ChainStatus.CANCELED
    if not crashes and not results and cancel_after is None:
        assert state.status is ChainStatus.COMPLETED


def _cancel(world: World, root: Job) -> bool:
    """Cancel the chain; return False if it has ended before."""
    try:
        world.app.cancel_job.run(TEST_CALLER, root.job_id)
    except EndedError:
        return False
    return True


@pytest.mark.parametrize("action", ["continue", "cancel", "resume"])
@pytest.mark.parametrize("end", ["continue", "fail"])
def test_calls_that_interleave_change_a_chain_once(action: str, end: str) -> None:
    """One call runs just before each call of a port that another one makes."""
    for at in range(12):
        results = [] if end == "continue" else [FAILED]
        world, account, root = start(THREE_STEPS, *results)
        machine = ChainMachine(world, deliveries=lambda _: 0)
        machine.run(until=lambda: not world.job(root.job_id).is_open)  # noqa: B023
        if action == "resume":
            world.app.continue_chain.run(root.job_id)
        other = world.without_crashes().app
        actions: dict[str, Callable[[], object]] = {
            "continue": lambda: other.continue_chain.run(root.job_id),  # noqa: B023
            "cancel": lambda: _cancel(world.without_crashes(), root),  # noqa: B023
            "resume": lambda: _resume(world.without_crashes(), root),  # noqa: B023
        }
        world.crash_at = Interruption({}, at=at, action=actions[action])
        if action == "resume":
            _resume(world, root)
        else:
            world.app.continue_chain.run(root.job_id)
        world.crash_at = CrashAt({})
        ChainMachine(world).run()

        state = chain(world, root)
        assert len(world.jobs.records) == len(state.jobs) + len(state.replaced)
        assert all(account.possibly_accepted(job_id) <= 1 for job_id in world.jobs.records)
        assert_one_end(world, root)
        assert_money(world)


def _resume(world: World, root: Job) -> None:
    with suppress(NotResumableError):
        world.app.resume_chain.run(TEST_CALLER, root.job_id)


def test_lost_event_is_repaired_within_minutes() -> None:
    world, account, root = start()
    machine = ChainMachine(world, deliveries=lambda _: 0)
    machine.run(until=lambda: world.job(root.job_id).status is Status.COMPLETED)
    completed_at = world.clock()

    machine.run(until=lambda: len(chain(world, root).jobs) == 2)

    assert world.clock() - completed_at <= timedelta(minutes=10)
    machine.run()
    assert len(account.created) == 3


def test_sweep_of_a_job_that_completed_recovers_nothing() -> None:
    """A slow function may set `sweep_after` after the chain has ended."""
    world, _, root = start()
    ChainMachine(world).run()
    world.jobs.update(root.job_id, when=[Status.COMPLETED], sweep_after=world.clock())

    world.app.sweep_jobs.run()

    assert not world.events.of_type("JobRecovered")
    assert world.job(root.job_id).sweep_after is None


def test_nothing_is_left_to_sweep_after_the_end_of_a_chain() -> None:
    world, _, root = start()

    ChainMachine(world).run()

    assert [job.sweep_after for job in world.jobs.records.values()] == [None] * 3
    recovered = [e for e in world.events.published if type(e).__name__ == "JobRecovered"]
    assert not recovered
    assert root.job_id in world.jobs.records
