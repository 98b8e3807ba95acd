"""Functions that die, time out or are throttled: once, often and for ever."""

from itertools import repeat

import pytest

from tests.infra.template import definition
from tests.workflow.answers import failed
from tests.workflow.cloud import CHECK, FAIL, STRAIGHT, SUBMIT, Cloud
from tests.workflow.invariants import PROMPT
from tests.workflow.lambdas import Fault

STEPS = ["SubmitFunction", "CheckFunction", "FinalizeFunction"]


@pytest.mark.parametrize("fault", Fault)
@pytest.mark.parametrize("function", STEPS)
def test_a_step_that_fails_once_is_run_again(cloud: Cloud, function: str, fault: Fault) -> None:
    cloud.lambdas.faults(function, [fault])

    run = cloud.run()

    assert run.end == ("SUCCEEDED", None)
    assert run.states == STRAIGHT
    assert len(run.posts) == 1


@pytest.mark.parametrize("fault", Fault)
def test_fail_is_run_again_too(cloud: Cloud, fault: Fault) -> None:
    cloud.provider.checks(failed("content policy"))
    cloud.lambdas.faults("FailFunction", [fault])

    run = cloud.run()

    assert run.end == ("FAILED", "moderated")
    assert run.job.code == "moderated"


@pytest.mark.parametrize("fault", [Fault.CRASH_BEFORE, Fault.THROTTLED])
@pytest.mark.parametrize(
    ("function", "way"),
    [
        ("SubmitFunction", ["Submit"]),
        ("CheckFunction", [*SUBMIT, "WaitBeforeCheck", "Check"]),
        ("FinalizeFunction", [*SUBMIT, *CHECK, "Finalize"]),
    ],
)
def test_a_step_that_never_works_ends_the_job(
    cloud: Cloud, function: str, way: list[str], fault: Fault
) -> None:
    cloud.lambdas.faults(function, repeat(fault))

    run = cloud.run()

    assert run.end == ("FAILED", "internal_error")
    assert run.states == [*way, *FAIL]
    assert run.job.code == "internal_error"
    throttled, crashed = definition()["States"][way[-1]]["Retry"]
    tries = throttled if fault is Fault.THROTTLED else crashed
    assert run.history.count('"TaskFailed"') == tries["MaxAttempts"] + 1
    assert len(run.posts) == (0 if function == "SubmitFunction" else 1)


def test_a_submit_that_always_dies_at_its_end_has_still_sent_one_post(cloud: Cloud) -> None:
    cloud.lambdas.faults("SubmitFunction", repeat(Fault.CRASH_AFTER))

    run = cloud.run()

    assert run.end == ("FAILED", "internal_error")
    assert run.job.status == "failed"
    assert len(run.posts) == 1


def test_outputs_that_were_stored_stay_so_though_finalize_always_dies(cloud: Cloud) -> None:
    cloud.lambdas.faults("FinalizeFunction", repeat(Fault.CRASH_AFTER))

    run = cloud.run()

    assert run.end == ("FAILED", "internal_error")
    assert run.job.status == "completed"
    assert set(run.told) == {"JobSubmitted", "JobCompleted"}


@pytest.mark.parametrize("fault", [Fault.CRASH_BEFORE, Fault.CRASH_AFTER, Fault.THROTTLED])
def test_a_job_is_closed_by_the_rule_if_fail_never_works(cloud: Cloud, fault: Fault) -> None:
    cloud.provider.checks(failed("content policy"))
    cloud.lambdas.faults("FailFunction", repeat(fault))

    run = cloud.run()

    assert run.end == ("FAILED", "moderated")
    assert run.states == [*SUBMIT, *CHECK, *FAIL]
    assert (run.job.status, run.job.code) == ("failed", "moderated")


def test_the_rule_itself_may_die_twice(cloud: Cloud) -> None:
    cloud.lambdas.faults("FailFunction", repeat(Fault.CRASH_BEFORE))
    cloud.lambdas.faults("OnExecutionEndedFunction", [Fault.CRASH_BEFORE, Fault.CRASH_AFTER])
    cloud.provider.checks(failed("broke"))

    run = cloud.run()

    assert run.job.status == "failed"


@pytest.mark.parametrize("refusals", [1, 5])
def test_an_event_that_the_bus_refuses_is_put_again(cloud: Cloud, refusals: int) -> None:
    cloud.lambdas.refused_events = refusals

    run = cloud.run()

    assert run.end == ("SUCCEEDED", None)
    assert run.told == ["JobSubmitted"] * (refusals + 1) + ["JobCompleted"]
    assert len({detail["id"] for _, detail in run.events}) == 2


def test_a_crash_tells_its_kind_and_not_its_words(cloud: Cloud) -> None:
    def broken(_: object) -> None:
        raise RuntimeError(f"cannot draw {PROMPT} from https://x.example.com")

    cloud.provider.checks(broken)  # type: ignore[arg-type]

    run = cloud.run()

    assert run.end == ("FAILED", "internal_error")
    assert "RuntimeError" in run.history
    assert run.states == [*SUBMIT, "WaitBeforeCheck", "Check", *FAIL]
