"""Every path through the state machine, with and without webhooks."""

from collections.abc import Callable
from itertools import pairwise, repeat

import pytest

from tests.infra.test_state_machine import STATES, next_states
from tests.workflow.cloud import AWAIT_WEBHOOK, CHECK, DEFER, FAIL, FINALIZE, SUBMIT, Cloud
from tests.workflow.lambdas import Fault
from tests.workflow.provider import Response, completed, error_response, failed, file, processing

type Arrange = Callable[[Cloud], object]


def crashing(function: str) -> Arrange:
    return lambda cloud: cloud.lambdas.faults(function, repeat(Fault.CRASH_BEFORE))


def polls(*responses: Response) -> Arrange:
    return lambda cloud: cloud.provider.script_polls(*responses)


def refusals(status: int) -> Arrange:
    return lambda cloud: cloud.provider.refusals.append(error_response(status))


def failed_without_fail(cloud: Cloud) -> None:
    cloud.provider.script_polls(failed("broke"))
    cloud.lambdas.faults("FailFunction", repeat(Fault.CRASH_BEFORE))


def failed_download(cloud: Cloud) -> None:
    cloud.provider.script_files(error_response(500), file())


def second_execution_at(point: str) -> Arrange:
    """Run another execution of the same job to its end at this effect."""

    def arrange(cloud: Cloud) -> None:
        def on_effect(effect: str) -> None:
            if effect == point:
                cloud.lambdas.on_effect = lambda _: None
                (job,) = cloud.jobs()
                cloud.start(job.job_id, name="other")

        cloud.lambdas.on_effect = on_effect

    return arrange


def paths_with(poll: list[str], finalize: list[str]) -> dict[str, tuple[Arrange, list[str]]]:
    """Return each path by name: its arrangement and its states.

    `poll` waits and polls; `finalize` has the further states that store the outputs.
    """
    wait, task, _ = poll
    return {
        "success": (lambda _: None, [*SUBMIT, *poll, *finalize, "Done"]),
        "processing": (polls(processing(), completed()), [*SUBMIT, *poll * 2, *finalize, "Done"]),
        "deferred": (refusals(429), [*DEFER, *SUBMIT, *poll, *finalize, "Done"]),
        "refused": (refusals(400), [*SUBMIT, *FAIL]),
        "failed": (polls(failed("broke")), [*SUBMIT, *poll, *FAIL]),
        "download retried": (
            failed_download, [*SUBMIT, *poll, *finalize, *CHECK, *FINALIZE, "Done"]
        ),
        "output on another host": (
            polls(completed("https://elsewhere.example.com/1.png")),
            [*SUBMIT, *poll, *finalize, *FAIL],
        ),
        "submitted by another": (
            second_execution_at("Submit: before PutEvents"), [*SUBMIT, *poll, "Done"]
        ),
        "stored by another": (
            second_execution_at("Submit: before TransactWriteItems"), [*SUBMIT, "Done"]
        ),
        "no submit": (crashing("SubmitFunction"), ["Submit", *FAIL]),
        "no poll": (crashing(f"{task}Function"), [*SUBMIT, wait, task, *FAIL]),
        "no finalize": (
            crashing("FinalizeFunction"),
            [*SUBMIT, *(poll if finalize else [wait]), "Finalize", *FAIL],
        ),
        "no fail": (failed_without_fail, [*SUBMIT, *poll, *FAIL]),
    }  # fmt: skip


PATHS = {"polling": paths_with(CHECK, FINALIZE), "webhooks": paths_with(AWAIT_WEBHOOK, [])}


@pytest.mark.parametrize("name", PATHS["polling"])
@pytest.mark.parametrize("mode", PATHS)
def test_job_follows_the_path(cloud: Cloud, mode: str, name: str) -> None:
    arrange, states = PATHS[mode][name]
    if mode == "webhooks":
        cloud.enable_webhooks()
    arrange(cloud)

    run = cloud.run()

    assert run.states == states
    assert run.status == ("SUCCEEDED" if states[-1] == "Done" else "FAILED")
    # An execution in which Fail always crashes is closed by OnExecutionEnded.
    assert run.job.status == ("completed" if states[-1] == "Done" else "failed")


def test_paths_cover_all_transitions() -> None:
    transitions = {
        transition for paths in PATHS.values() for _, states in paths.values()
        for transition in pairwise(states)
    }  # fmt: skip

    assert transitions == {
        (name, target) for name, state in STATES.items() for target in next_states(state)
    }
