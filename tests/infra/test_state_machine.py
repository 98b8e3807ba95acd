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
# Next state per outcome of a step; a step has no other outcomes.
ROUTES = {
    "SubmitResult": [
        (Outcome.AWAITING_WEBHOOK, "WaitForWebhook"),
        (Outcome.PROCESSING, "WaitBeforeCheck"),
        (Outcome.DEFERRED, "WaitForSlot"),
        (Outcome.STORED, "Done"),
        (Outcome.FAILED, "Fail"),
    ],
    "CheckResult": [
        (Outcome.PROCESSING, "WaitBeforeCheck"),
        (Outcome.READY, "Finalize"),
        (Outcome.STORED, "Done"),
        (Outcome.FAILED, "Fail"),
    ],
    "FinalizeResult": [
        (Outcome.STORED, "Done"),
        (Outcome.AWAITING_WEBHOOK, "WaitForWebhook"),
        (Outcome.PROCESSING, "WaitBeforeCheck"),
        (Outcome.FAILED, "Fail"),
    ],
}
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


def test_definition_has_fewer_than_200_lines() -> None:
    assert len(DEFINITION.read_text().splitlines()) < 200


def test_definition_uses_jsonata() -> None:
    assert definition()["QueryLanguage"] == "JSONata"
    assert definition()["Comment"]
    text = DEFINITION.read_text()
    assert not re.search(r"\b(InputPath|OutputPath|ResultPath|ResultSelector|Parameters)\b", text)


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
def test_task_has_the_name_of_its_function_and_handler(name: str) -> None:
    function = function_of(name)

    assert function == f"{name}Function"
    assert properties(function)["Handler"] == f"darkroom.handlers.{name.lower()}.handler"


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


@pytest.mark.parametrize("name", TASKS)
def test_task_passes_on_only_its_step(name: str) -> None:
    assert STATES[name]["Arguments"]["Payload"] == "{% $states.input %}"
    assert STATES[name]["Output"] == "{% $states.result.Payload %}"
    assert STATES[name]["Resource"] == "arn:aws:states:::lambda:invoke"


@pytest.mark.parametrize("name", CHOICES)
def test_choice_routes_each_outcome_and_defaults_to_fail(name: str) -> None:
    routes = []
    for choice in STATES[name]["Choices"]:
        match = _CONDITION.fullmatch(choice["Condition"])
        assert match, choice["Condition"]
        routes.append((Outcome(match[1]), choice["Next"]))

    assert routes == ROUTES[name]
    assert STATES[name]["Default"] == "Fail"


def test_every_outcome_is_routed() -> None:
    assert set(ROUTES) == set(CHOICES)
    assert {outcome for routes in ROUTES.values() for outcome, _ in routes} == set(Outcome)


def test_fields_read_by_the_machine_are_in_the_step() -> None:
    """On AWS, a missing field fails the execution."""
    read_fields = set(re.findall(r"\$states\.input\.(\w+)", DEFINITION.read_text()))

    assert read_fields == {"outcome", "wait_seconds", "job_id", "code"}
    assert read_fields <= Step(job_id="a").model_dump(mode="json").keys()


def test_every_next_state_exists() -> None:
    for name, state in STATES.items():
        assert next_states(state) <= set(STATES), name


def test_every_state_can_be_reached() -> None:
    reached: set[str] = set()
    frontier = {definition()["StartAt"]}
    while frontier:
        reached |= frontier
        frontier = {target for name in frontier for target in next_states(STATES[name])} - reached

    assert reached == set(STATES)


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


def test_failed_execution_has_the_job_code() -> None:
    assert STATES["Failed"]["Type"] == "Fail"
    assert "$states.input.code" in STATES["Failed"]["Error"]
    assert STATES["Failed"]["Cause"]


def test_placeholders_match_the_substitutions() -> None:
    placeholders = set(re.findall(r"\${(\w+)}", DEFINITION.read_text()))

    assert placeholders == set(properties("ImageJobStateMachine")["DefinitionSubstitutions"])
