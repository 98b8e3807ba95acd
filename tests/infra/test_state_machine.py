"""The job state machine: every path is bounded, retried, caught and reaches an end."""

import re
from typing import Any

import pytest

from darkroom.domain import polling
from darkroom.domain.requests import MAX_DEADLINE_SECONDS
from darkroom.domain.steps import Outcome, Step
from darkroom.usecases.jobs import submit_job
from tests.infra.retries import THROTTLING_ERRORS, longest_duration
from tests.infra.template import DEFINITION, definition, parameters, properties

STATES: dict[str, dict[str, Any]] = definition()["States"]
# Tasks that invoke functions; WaitForWebhook is a task of another type.
TASKS = [name for name, state in STATES.items() if "FunctionName" in state.get("Arguments", {})]
CHOICES = [name for name, state in STATES.items() if state["Type"] == "Choice"]
_CONDITION = re.compile(r"{% \$states\.input\.outcome = '(\w+)' %}")


def next_states(state: dict[str, Any]) -> set[str]:
    """Return the states that can follow."""
    branches = [state, *state.get("Choices", []), *state.get("Catch", [])]
    targets = {branch["Next"] for branch in branches if "Next" in branch}
    return targets | ({state["Default"]} if "Default" in state else set())


def function_of(task: str) -> str:
    """Return the logical id of the function that a task invokes."""
    placeholder = STATES[task]["Arguments"]["FunctionName"].removeprefix("${").removesuffix("}")
    value = properties("ImageJobStateMachine")["DefinitionSubstitutions"][placeholder]
    name, attribute = value["Fn::GetAtt"]
    assert attribute == "Arn"
    return str(name)


def test_timeout_exceeds_the_sum_of_all_inner_limits() -> None:
    """A timeout cannot be caught. A limit ends a job at its next step, whose retries take longer.

    The search for an unanswered POST is that of AWS, where DurationScale is 1.
    """
    submit, check, finalize, fail = (longest_duration(STATES[name]) for name in TASKS)
    queue_seconds = parameters()["MaxQueueSeconds"]["MaxValue"]
    search_seconds = polling._SEARCH_SECONDS * polling._UNREAD_FACTOR
    copies = len(polling.COPY_WAITS) + 1

    longest = (
        queue_seconds
        + submit
        + submit_job._MAX_SUBMITS * (search_seconds + submit)
        + MAX_DEADLINE_SECONDS
        + copies * (check + finalize)
        + sum(polling.COPY_WAITS)
        + fail
    )
    assert TASKS == ["Submit", "Check", "Finalize", "Fail"]
    assert definition()["TimeoutSeconds"] > longest


@pytest.mark.parametrize("name", TASKS)
def test_task_timeout_exceeds_the_function_timeout(name: str) -> None:
    limit = STATES[name]["TimeoutSeconds"]

    assert isinstance(limit, int)  # the emulator accepts only integers
    assert limit > properties(function_of(name))["Timeout"]


@pytest.mark.parametrize("name", TASKS)
def test_task_is_retried_with_jitter_and_a_maximum_delay(name: str) -> None:
    throttled, crashed = STATES[name]["Retry"]

    # Lambda.Unknown is a function that timed out or had too little memory: a crash.
    assert set(throttled["ErrorEquals"]) == THROTTLING_ERRORS
    assert throttled["MaxAttempts"] * throttled["MaxDelaySeconds"] >= 900
    assert set(crashed["ErrorEquals"]) == {"States.TaskFailed", "States.Timeout"}
    assert crashed["MaxAttempts"] >= 8
    for retry in (throttled, crashed):
        assert retry["JitterStrategy"] == "FULL"
        assert retry["MaxDelaySeconds"] >= retry["IntervalSeconds"] > 0
        assert retry["BackoffRate"] > 1


@pytest.mark.parametrize("name", ["Check", "Finalize"])
def test_check_and_finalize_are_retried_for_ten_minutes(name: str) -> None:
    crashed = STATES[name]["Retry"][1]

    waits = [
        min(crashed["IntervalSeconds"] * crashed["BackoffRate"] ** n, crashed["MaxDelaySeconds"])
        for n in range(crashed["MaxAttempts"])
    ]
    assert sum(waits) >= 600


@pytest.mark.parametrize("name", TASKS)
def test_failed_task_leads_to_the_failure_path(name: str) -> None:
    (catch,) = STATES[name]["Catch"]

    assert catch["ErrorEquals"] == ["States.ALL"]
    assert catch["Next"] == ("Failed" if name == "Fail" else "Fail")
    # Only the step is passed on, because an error message can contain private data.
    assert "$states.errorOutput" not in catch["Output"]


def test_webhook_wait_leads_to_finalize_in_every_case() -> None:
    wait = STATES["WaitForWebhook"]
    (catch,) = wait["Catch"]

    assert catch["ErrorEquals"] == ["States.ALL"]
    assert wait["Next"] == catch["Next"] == "Finalize"
    # Neither the record nor an error that can contain it is passed on or kept in the history.
    assert wait["Output"] == catch["Output"] == "{% $states.input %}"
    assert "ReturnValues" not in wait["Arguments"]


def test_every_outcome_is_routed_and_another_value_fails_the_job() -> None:
    routed = set()
    for name in CHOICES:
        assert STATES[name]["Default"] == "Fail"
        for choice in STATES[name]["Choices"]:
            match = _CONDITION.fullmatch(choice["Condition"])
            assert match, choice["Condition"]
            routed.add(Outcome(match[1]))

    assert routed == set(Outcome)


def test_fields_read_by_the_machine_are_in_the_step() -> None:
    """On AWS, a missing field fails the execution."""
    read_fields = set(re.findall(r"\$states\.input\.(\w+)", DEFINITION.read_text()))

    assert read_fields == {"outcome", "wait_seconds", "job_id", "code"}
    assert read_fields <= Step(job_id="a").model_dump(mode="json").keys()


def test_every_state_leads_to_an_end() -> None:
    end_states = {name for name, state in STATES.items() if state["Type"] in ("Succeed", "Fail")}
    assert end_states == {"Done", "Failed"}
    ending = set(end_states)
    while added := {n for n, s in STATES.items() if n not in ending and next_states(s) & ending}:
        ending |= added

    assert ending == set(STATES)


def test_each_loop_has_a_waiting_state() -> None:
    """Without the waiting states the graph has no cycle."""
    waiting = {name for name, state in STATES.items() if state["Type"] == "Wait"} | {
        "WaitForWebhook"
    }
    graph = {name: next_states(state) for name, state in STATES.items() if name not in waiting}
    while end_states := [name for name, target in graph.items() if not target & set(graph)]:
        for name in end_states:
            del graph[name]

    assert graph == {}
