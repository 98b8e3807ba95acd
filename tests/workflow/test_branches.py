"""Every way through the machine, with webhooks and without: one machine for both."""

from collections.abc import Callable
from itertools import pairwise, repeat

import pytest

from tests.infra.test_state_machine import STATES, ways
from tests.workflow.answers import completed, failed, file, html, problem, standing
from tests.workflow.cloud import CHECK, DEFER, FAIL, FINALIZE, LISTEN, STRAIGHT, SUBMIT, Cloud
from tests.workflow.lambdas import Fault
from tests.workflow.provider import Taken
from tests.workflow.scenes import finish, once

type Arrange = Callable[[Cloud], None]


def _crashes(function: str) -> Arrange:
    return lambda cloud: cloud.lambdas.faults(function, repeat(Fault.CRASH_BEFORE))


def _checks(*answers: object) -> Arrange:
    return lambda cloud: cloud.provider.checks(*answers)  # type: ignore[arg-type]


def _submits(*answers: object) -> Arrange:
    return lambda cloud: cloud.provider.submits(*answers)  # type: ignore[arg-type]


def _files(*answers: object) -> Arrange:
    return lambda cloud: cloud.provider.files(*answers)  # type: ignore[arg-type]


def _both(one: Arrange, other: Arrange) -> Arrange:
    def arrange(cloud: Cloud) -> None:
        one(cloud)
        other(cloud)

    return arrange


def _other_at(moment: str) -> Arrange:
    """Another execution of the same job runs to its end at this moment."""

    def arrange(cloud: Cloud) -> None:
        def start() -> None:
            (job,) = cloud.jobs()
            cloud.start(job.job_id, name="other")
            cloud.machine.run_pending()

        once(cloud, moment, start)

    return arrange


def table(way: list[str]) -> dict[str, tuple[Arrange, list[str]]]:
    """Return each way by its name: how it comes about, and the states that it goes through."""
    wait, *check = way
    return {
        "at once": (lambda _: None, [*SUBMIT, *way, *FINALIZE, "Done"]),
        "processing": (
            _checks(standing("processing"), completed()),
            [*SUBMIT, *way * 2, *FINALIZE, "Done"],
        ),
        "put off": (
            _submits(problem(429), Taken()),
            [*DEFER, *SUBMIT, *way, *FINALIZE, "Done"],
        ),
        "refused": (_submits(problem(400)), [*SUBMIT, *FAIL]),
        "failed": (_checks(failed("broke")), [*SUBMIT, *way, *FAIL]),
        "copied again": (
            _files(html(500), file()),
            [*SUBMIT, *way, *FINALIZE, *CHECK, *FINALIZE, "Done"],
        ),
        "elsewhere": (
            _checks(completed("https://elsewhere.example.com/1.png")),
            [*SUBMIT, *way, *FINALIZE, *FAIL],
        ),
        "submitted by another": (
            _other_at("Submit: before PutEvents"),
            [*SUBMIT, *way, "Done"],
        ),
        "stored by another": (
            _other_at("Submit: before TransactWriteItems"),
            [*SUBMIT, "Done"],
        ),
        "no submit": (_crashes("SubmitFunction"), ["Submit", *FAIL]),
        "no check": (_crashes("CheckFunction"), [*SUBMIT, wait, check[0], *FAIL]),
        "no finalize": (_crashes("FinalizeFunction"), [*SUBMIT, *way, "Finalize", *FAIL]),
        "no fail": (
            _both(_checks(failed("broke")), _crashes("FailFunction")),
            [*SUBMIT, *way, *FAIL],
        ),
    }


WAYS = {"plain": table(CHECK), "listening": table(LISTEN)}


@pytest.mark.parametrize("name", WAYS["plain"])
@pytest.mark.parametrize("mode", WAYS)
def test_a_job_goes_this_way(cloud: Cloud, mode: str, name: str) -> None:
    arrange, states = WAYS[mode][name]
    if mode == "listening":
        cloud.listen()
    arrange(cloud)

    run = finish(cloud, cloud.request())

    assert run.states == states
    assert run.status == ("SUCCEEDED" if states[-1] == "Done" else "FAILED")


def test_these_are_all_the_ways_there_are() -> None:
    taken = {
        step for ways_of in WAYS.values() for _, states in ways_of.values()
        for step in pairwise(states)
    }  # fmt: skip

    assert taken == {(name, after) for name, state in STATES.items() for after in ways(state)}


def test_the_way_of_the_documents_is_one_of_them() -> None:
    assert WAYS["plain"]["at once"][1] == STRAIGHT
