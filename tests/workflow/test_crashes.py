"""Every function dies: once, for ever, and at each moment around a change that it makes."""

from itertools import repeat

import pytest

from tests.infra.template import definition
from tests.workflow.cloud import CHECK, FAIL, PROMPT, STRAIGHT, SUBMIT, Cloud
from tests.workflow.lambdas import Fault, KilledError
from tests.workflow.provider import failed

# What a job that succeeds, and one that fails, change in the world, in this order.
SUCCESS = [
    "Submit: UpdateItem",  # submitting
    "Submit: POST",
    "Submit: UpdateItem",  # submitted
    "Submit: PutEvents",
    "Check: UpdateItem",
    "Finalize: PutObject",  # the picture
    "Finalize: PutObject",  # the manifest
    "Finalize: UpdateItem",  # completed
    "Finalize: PutEvents",
    "Finalize: UpdateItem",  # announced
]
FAILURE = [*SUCCESS[:5], "Fail: UpdateItem", "Fail: PutEvents", "Fail: UpdateItem"]
# From the record's `submitting` to its `submitted` nobody can know whether the POST was taken.
IN_DOUBT = [(0, "after"), (1, "before"), (1, "after"), (2, "before")]
STEPS = ["SubmitFunction", "CheckFunction", "FinalizeFunction"]


def moments(changes: list[str]) -> list[tuple[int, str]]:
    return [(index, when) for index in range(len(changes)) for when in ("before", "after")]


def kill_at(cloud: Cloud, index: int, when: str) -> None:
    """Make the sandbox die before or after the index-th change, and never again."""
    moment = 2 * index + (when == "after")
    already = len(cloud.lambdas.effects)

    def die(_: str) -> None:
        if len(cloud.lambdas.effects) - already == moment + 1:
            raise KilledError

    cloud.lambdas.on_effect = die


@pytest.mark.parametrize(("answer", "changes"), [("completed", SUCCESS), ("failed", FAILURE)])
def test_the_lists_of_changes_are_complete(cloud: Cloud, answer: str, changes: list[str]) -> None:
    if answer == "failed":
        cloud.provider.checks(failed("broke"))

    cloud.run()

    seen = [effect.replace(" before", "") for effect in cloud.lambdas.effects if "before" in effect]
    # The rule on failed executions finds the job closed.
    assert seen[1 : len(changes) + 1] == changes
    assert seen[len(changes) + 1 :] in ([], ["OnExecutionEnded: UpdateItem"])


@pytest.mark.parametrize(("index", "when"), moments(SUCCESS))
def test_a_job_survives_a_death_at_any_moment(cloud: Cloud, index: int, when: str) -> None:
    job_id = cloud.request()
    kill_at(cloud, index, when)
    cloud.machine.run_pending()
    cloud.end(job_id)

    run = cloud.look(job_id)

    if (index, when) in IN_DOUBT:
        assert run.end == ("FAILED", "submission_unknown")
        assert run.states == [*SUBMIT, *FAIL]
    else:
        assert run.end == ("SUCCEEDED", None)
        assert run.states == STRAIGHT
    assert len(cloud.provider.posts) == (0 if (index, when) in IN_DOUBT[:2] else 1)


@pytest.mark.parametrize(("index", "when"), moments(FAILURE)[10:])
def test_a_failure_is_told_whenever_fail_dies(cloud: Cloud, index: int, when: str) -> None:
    cloud.provider.checks(failed("content policy"))
    job_id = cloud.request()
    kill_at(cloud, index, when)
    cloud.machine.run_pending()
    cloud.end(job_id)

    run = cloud.look(job_id)

    assert run.end == ("FAILED", "moderated")
    assert run.states == [*SUBMIT, *CHECK, *FAIL]
    assert run.job.code == "moderated"


@pytest.mark.parametrize("fault", Fault)
@pytest.mark.parametrize("function", STEPS)
def test_a_step_that_fails_once_is_run_again(cloud: Cloud, function: str, fault: Fault) -> None:
    cloud.lambdas.faults(function, [fault])

    run = cloud.run()

    assert run.end == ("SUCCEEDED", None)
    assert run.states == STRAIGHT
    assert len(cloud.provider.posts) == 1


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
        ("CheckFunction", [*SUBMIT, "Wait", "Check"]),
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
    assert len(cloud.provider.posts) == (0 if function == "SubmitFunction" else 1)


def test_a_submit_that_always_dies_at_its_end_has_still_sent_one_post(cloud: Cloud) -> None:
    cloud.lambdas.faults("SubmitFunction", repeat(Fault.CRASH_AFTER))

    run = cloud.run()

    assert run.end == ("FAILED", "internal_error")
    assert run.job.status == "failed"
    assert len(cloud.provider.posts) == 1


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
    assert run.states == [*SUBMIT, "Wait", "Check", *FAIL]
