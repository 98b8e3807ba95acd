"""A chain changes together with the record of its next step and its budgets, or not at all."""

from typing import Any

import pytest

from darkroom.domain.chain import Chain, ChainStep
from darkroom.domain.errors import BudgetExceededError
from darkroom.domain.job import Job
from darkroom.domain.requests import Operation
from tests.contract.stores import Stores, job, reservation
from tests.fakes.signals import START

STEP = ChainStep(
    operation=Operation.MODEL,
    model="a/b",
    input={"strength": 0.8, "image": "$previous", "nested": [None, 1.0]},
    deadline_seconds=900,
    estimated_cost_micro_usd=30,
)


def create_root(stores: Stores, caps: list[int] | None = None, **changes: Any) -> Job:
    """Store the first job of a chain; it reserves 60 for itself and 30 for its step."""
    fields: dict[str, Any] = {
        "chain_request": Chain(steps=(STEP,)), "chain_id": "j", "step": 0, "chain_jobs": ("j",),
        "reservations": [reservation(60)], "chain_reservations": [reservation(30)],
        "status": "completed",
    }  # fmt: skip
    assert stores.jobs.create(job(**fields | changes), caps or [1000])
    return stores.job()


def step_job() -> Job:
    return job(job_id="s", chain_id="j", step=1, reservations=[reservation(30)])


def start_step(stores: Stores, root: Job) -> bool:
    return stores.jobs.change_chain(
        root, create=step_job(), chain_jobs=("j", "s"), chain_reservations=None
    )


def test_record_of_a_chain_is_read_as_it_was_written(stores: Stores) -> None:
    root = create_root(stores)

    assert root.chain_request == Chain(steps=(STEP,))
    assert (root.chain_id, root.step, root.chain_jobs) == ("j", 0, ("j",))


def test_creation_reserves_the_whole_chain(stores: Stores) -> None:
    with pytest.raises(BudgetExceededError) as caught:
        create_root(stores, [89])
    assert caught.value.cost == 90
    assert stores.jobs.get("j") is None

    create_root(stores, [90])

    assert stores.reserved("tests") == 90


def test_next_step_starts_once(stores: Stores) -> None:
    root = create_root(stores)

    assert start_step(stores, root)
    assert not start_step(stores, root)
    assert not start_step(stores, stores.job())  # the record of the step exists

    assert stores.job().chain_jobs == ("j", "s")
    assert stores.job().chain_reservations == ()
    assert stores.job("s") == step_job()
    assert stores.reserved("tests") == 90


def test_step_does_not_start_after_the_end(stores: Stores) -> None:
    root = create_root(stores)
    ended: dict[str, Any] = {"chain_ended_at": START, "chain_reservations": None}

    assert stores.jobs.change_chain(root, release=[reservation(30)], **ended)
    assert not start_step(stores, root)
    assert not stores.jobs.change_chain(root, release=[reservation(30)], **ended)

    assert stores.jobs.get("s") is None
    assert stores.reserved("tests") == 60


def test_chain_does_not_end_with_the_money_of_a_step_that_has_started(stores: Stores) -> None:
    root = create_root(stores)
    assert start_step(stores, root)

    assert not stores.jobs.change_chain(root, release=[reservation(30)], chain_ended_at=START)

    assert stores.reserved("tests") == 90
    assert stores.job().has_open_chain


def test_resume_reserves_and_reopens_once(stores: Stores) -> None:
    root = create_root(stores, chain_ended_at=START, chain_jobs=("j", "s"), chain_reservations=[])
    changes: dict[str, Any] = {"chain_ended_at": None, "chain_attempt": 1, "chain_jobs": ()}

    with pytest.raises(BudgetExceededError) as caught:
        stores.jobs.change_chain(root, reserve=[(reservation(30), 89)], **changes)
    assert (caught.value.cost, caught.value.cap) == (30, 89)
    assert stores.job() == root
    assert stores.jobs.change_chain(root, reserve=[(reservation(30), 90)], **changes)
    assert not stores.jobs.change_chain(root, reserve=[(reservation(30), 1000)], **changes)

    reopened = stores.job()
    assert (reopened.has_open_chain, reopened.chain_attempt) == (True, 1)
    assert stores.reserved("tests") == 90
    assert stores.jobs.change_chain(reopened, create=step_job(), chain_jobs=("s",))
    assert not stores.jobs.change_chain(root, chain_jobs=("x",))


def test_state_before_a_resume_does_not_match_the_same_jobs_after_it(stores: Stores) -> None:
    before = create_root(stores)
    assert stores.jobs.change_chain(before, chain_ended_at=START)
    assert stores.jobs.change_chain(stores.job(), chain_ended_at=None, chain_attempt=1)

    assert not start_step(stores, before)


def test_erased_chain_is_not_resumed_from_an_earlier_state(stores: Stores) -> None:
    root = create_root(stores, chain_ended_at=START)
    assert root.chain_request is not None
    erased = root.chain_request.without_content()

    assert stores.jobs.change_chain(root, chain_request=erased, chain_erased_at=START)
    assert not stores.jobs.change_chain(root, chain_ended_at=None, chain_attempt=1)

    assert stores.job().chain_request == erased


def test_chain_of_a_missing_record_is_not_changed(stores: Stores) -> None:
    assert not start_step(stores, job(chain_jobs=("j",)))
    assert stores.jobs.get("s") is None
