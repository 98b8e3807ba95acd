"""Every path through the state machine, with and without webhooks."""

from collections.abc import Callable
from itertools import pairwise, repeat

import pytest

from tests.infra.test_state_machine import STATES, next_states
from tests.workflow.actions import finish, run_once_at
from tests.workflow.cloud import (
    AWAIT_WEBHOOK,
    CHECK,
    DEFER,
    FAIL,
    FINALIZE,
    SUBMIT,
    SUCCESS_PATH,
    Cloud,
)
from tests.workflow.lambdas import Fault
from tests.workflow.provider import Accepted
from tests.workflow.responses import completed, error_response, failed, file, html, status_response

type Arrange = Callable[[Cloud], None]


def _crashing(function: str) -> Arrange:
    return lambda cloud: cloud.lambdas.faults(function, repeat(Fault.CRASH_BEFORE))


def _polls(*responses: object) -> Arrange:
    return lambda cloud: cloud.provider.script_polls(*responses)  # type: ignore[arg-type]


def _submits(*responses: object) -> Arrange:
    return lambda cloud: cloud.provider.script_submits(*responses)  # type: ignore[arg-type]


def _files(*responses: object) -> Arrange:
    return lambda cloud: cloud.provider.script_files(*responses)  # type: ignore[arg-type]


def _combined(first: Arrange, second: Arrange) -> Arrange:
    def arrange(cloud: Cloud) -> None:
        first(cloud)
        second(cloud)

    return arrange


def _second_execution_at(point: str) -> Arrange:
    """Run another execution of the same job to its end at this point."""

    def arrange(cloud: Cloud) -> None:
        def start() -> None:
            (job,) = cloud.jobs()
            cloud.start(job.job_id, name="other")
            cloud.machine.run_pending()

        run_once_at(cloud, point, start)

    return arrange


def paths_with(poll: list[str], finalize: list[str]) -> dict[str, tuple[Arrange, list[str]]]:
    """Return each path by name: its arrangement and its states.

    `poll` waits and polls; `finalize` has the further states that store the outputs.
    """
    wait, task, _ = poll
    return {
        "success": (lambda _: None, [*SUBMIT, *poll, *finalize, "Done"]),
        "processing": (
            _polls(status_response("processing"), completed()),
            [*SUBMIT, *poll * 2, *finalize, "Done"],
        ),
        "deferred": (
            _submits(error_response(429), Accepted()),
            [*DEFER, *SUBMIT, *poll, *finalize, "Done"],
        ),
        "refused": (_submits(error_response(400)), [*SUBMIT, *FAIL]),
        "failed": (_polls(failed("broke")), [*SUBMIT, *poll, *FAIL]),
        "download retried": (
            _files(html(500), file()),
            [*SUBMIT, *poll, *finalize, *CHECK, *FINALIZE, "Done"],
        ),
        "output on another host": (
            _polls(completed("https://elsewhere.example.com/1.png")),
            [*SUBMIT, *poll, *finalize, *FAIL],
        ),
        "submitted by another": (
            _second_execution_at("Submit: before PutEvents"),
            [*SUBMIT, *poll, "Done"],
        ),
        "stored by another": (
            _second_execution_at("Submit: before TransactWriteItems"),
            [*SUBMIT, "Done"],
        ),
        "no submit": (_crashing("SubmitFunction"), ["Submit", *FAIL]),
        "no poll": (_crashing(f"{task}Function"), [*SUBMIT, wait, task, *FAIL]),
        "no finalize": (
            _crashing("FinalizeFunction"),
            [*SUBMIT, *(poll if finalize else [wait]), "Finalize", *FAIL],
        ),
        "no fail": (
            _combined(_polls(failed("broke")), _crashing("FailFunction")),
            [*SUBMIT, *poll, *FAIL],
        ),
    }


PATHS = {"polling": paths_with(CHECK, FINALIZE), "webhooks": paths_with(AWAIT_WEBHOOK, [])}


@pytest.mark.parametrize("name", PATHS["polling"])
@pytest.mark.parametrize("mode", PATHS)
def test_job_follows_the_path(cloud: Cloud, mode: str, name: str) -> None:
    arrange, states = PATHS[mode][name]
    if mode == "webhooks":
        cloud.enable_webhooks()
    arrange(cloud)

    run = finish(cloud, cloud.request())

    assert run.states == states
    assert run.status == ("SUCCEEDED" if states[-1] == "Done" else "FAILED")


def test_paths_cover_all_transitions() -> None:
    transitions = {
        transition for paths in PATHS.values() for _, states in paths.values()
        for transition in pairwise(states)
    }  # fmt: skip

    assert transitions == {
        (name, target) for name, state in STATES.items() for target in next_states(state)
    }


def test_success_path_is_covered() -> None:
    assert PATHS["polling"]["success"][1] == SUCCESS_PATH
