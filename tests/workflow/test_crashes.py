"""Functions that crash, time out or are throttled: once, always, or in the middle of their work."""

from itertools import repeat

import httpx
import pytest

from tests.infra.template import definition
from tests.workflow.cloud import CHECK, FAIL, PROMPT, SUBMIT, SUCCESS_PATH, Cloud
from tests.workflow.lambdas import Fault
from tests.workflow.provider import failed

STEPS = ["SubmitFunction", "CheckFunction", "FinalizeFunction"]


@pytest.mark.parametrize("fault", Fault)
@pytest.mark.parametrize("function", STEPS)
def test_step_is_retried_after_a_fault(cloud: Cloud, function: str, fault: Fault) -> None:
    cloud.lambdas.faults(function, [fault])

    run = cloud.run()

    assert run.outcome == ("SUCCEEDED", None)
    assert run.states == SUCCESS_PATH
    assert run.event_names[-1] == "JobCompleted"


@pytest.mark.parametrize("fault", Fault)
def test_fail_is_retried_after_a_fault(cloud: Cloud, fault: Fault) -> None:
    cloud.provider.script_polls(failed("content policy"))
    cloud.lambdas.faults("FailFunction", [fault])

    run = cloud.run()

    assert run.outcome == ("FAILED", "moderated")
    assert run.job.code == "moderated"


@pytest.mark.parametrize("fault", [Fault.CRASH_BEFORE, Fault.THROTTLED])
@pytest.mark.parametrize(
    ("function", "path"),
    [
        ("SubmitFunction", ["Submit"]),
        ("CheckFunction", [*SUBMIT, "WaitBeforeCheck", "Check"]),
        ("FinalizeFunction", [*SUBMIT, *CHECK, "Finalize"]),
    ],
)
def test_step_that_always_crashes_fails_the_job(
    cloud: Cloud, function: str, path: list[str], fault: Fault
) -> None:
    cloud.lambdas.faults(function, repeat(fault))

    run = cloud.run()

    assert run.outcome == ("FAILED", "internal_error")
    assert run.states == [*path, *FAIL]
    assert run.job.code == "internal_error"
    throttled, crashed = definition()["States"][path[-1]]["Retry"]
    retry = throttled if fault is Fault.THROTTLED else crashed
    assert run.history.count('"TaskFailed"') == retry["MaxAttempts"] + 1


def test_stored_outputs_are_kept_if_finalize_always_crashes(cloud: Cloud) -> None:
    cloud.lambdas.faults("FinalizeFunction", repeat(Fault.CRASH_AFTER))

    run = cloud.run()

    assert run.outcome == ("FAILED", "internal_error")
    assert run.job.status == "completed"
    assert run.event_names[-1] == "JobCompleted"


@pytest.mark.parametrize("fault", [Fault.CRASH_BEFORE, Fault.CRASH_AFTER, Fault.THROTTLED])
def test_on_execution_ended_closes_the_job_if_fail_always_crashes(
    cloud: Cloud, fault: Fault
) -> None:
    cloud.provider.script_polls(failed("content policy"))
    cloud.lambdas.faults("FailFunction", repeat(fault))
    cloud.lambdas.faults("OnExecutionEndedFunction", [Fault.CRASH_BEFORE, Fault.CRASH_AFTER])

    run = cloud.run()

    assert run.outcome == ("FAILED", "moderated")
    assert run.states == [*SUBMIT, *CHECK, *FAIL]
    assert (run.job.status, run.job.code) == ("failed", "moderated")


def test_crash_records_its_error_type_but_not_its_message(cloud: Cloud) -> None:
    def raise_error(_: httpx.Request) -> httpx.Response:
        raise RuntimeError(f"cannot draw {PROMPT} from https://x.example.com")

    cloud.provider.script_polls(raise_error)

    run = cloud.run()

    assert run.outcome == ("FAILED", "internal_error")
    assert "RuntimeError" in run.history
