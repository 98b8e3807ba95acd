"""The definition as a graph: every way through it is bounded, retried, caught and ends."""

import re
from typing import Any

import pytest

from darkroom.domain.steps import Outcome, Step
from tests.infra.template import DEFINITION, definition, parameters, properties

STATES: dict[str, dict[str, Any]] = definition()["States"]
# What invokes functions; Listen is a task of another kind.
TASKS = [name for name, state in STATES.items() if "FunctionName" in state.get("Arguments", {})]
CHOICES = [name for name, state in STATES.items() if state["Type"] == "Choice"]
# Where each outcome of a step leads. What is not listed cannot come of that step.
ROUTES = {
    "SubmitResult": [
        (Outcome.SUBMITTED, True, "WaitForWebhook"),
        (Outcome.SUBMITTED, False, "WaitBeforeCheck"),
        (Outcome.DEFERRED, False, "WaitForSlot"),
        (Outcome.STORED, False, "Done"),
        (Outcome.FAILED, False, "Fail"),
    ],
    "CheckResult": [
        (Outcome.PROCESSING, True, "WaitForWebhook"),
        (Outcome.PROCESSING, False, "WaitBeforeCheck"),
        (Outcome.READY, False, "Finalize"),
        (Outcome.STORED, False, "Done"),
        (Outcome.FAILED, False, "Fail"),
    ],
    "FinalizeResult": [
        (Outcome.STORED, False, "Done"),
        (Outcome.PROCESSING, False, "WaitBeforeCheck"),
        (Outcome.FAILED, False, "Fail"),
    ],
}
# "…" or "… and may a webhook cut the wait short"; the first that holds is taken.
_CONDITION = re.compile(
    r"{% \$states\.input\.outcome = '(\w+)'( and \$states\.input\.await_webhook)? %}"
)


def ways(state: dict[str, Any]) -> set[str]:
    """Return the states that may follow."""
    branches = [state, *state.get("Choices", []), *state.get("Catch", [])]
    found = {branch["Next"] for branch in branches if "Next" in branch}
    return found | ({state["Default"]} if "Default" in state else set())


def tried(task: str) -> int:
    """Return the most seconds that a task may take: throttled, and then dying at its limit."""
    state = STATES[task]
    throttled, crashed = state["Retry"]
    dying = (crashed["MaxAttempts"] + 1) * (state["TimeoutSeconds"] + crashed["MaxDelaySeconds"])
    return int(throttled["MaxAttempts"] * throttled["MaxDelaySeconds"] + dying)


def function_of(task: str) -> str:
    """Return the logical id of the function that a task invokes, through the substitutions."""
    placeholder = STATES[task]["Arguments"]["FunctionName"].removeprefix("${").removesuffix("}")
    value = properties("ImageJobStateMachine")["DefinitionSubstitutions"][placeholder]
    name, attribute = value["Fn::GetAtt"]
    assert attribute == "Arn"
    return str(name)


def test_the_definition_fits_on_four_screens() -> None:
    assert len(DEFINITION.read_text().splitlines()) < 200


def test_the_machine_is_jsonata_and_has_a_time_limit() -> None:
    assert definition()["QueryLanguage"] == "JSONata"
    assert definition()["Comment"]
    text = DEFINITION.read_text()
    assert not re.search(r"\b(InputPath|OutputPath|ResultPath|ResultSelector|Parameters)\b", text)


def test_the_machines_time_limit_is_beyond_every_limit_inside_it() -> None:
    """It cannot be caught: the longest queue, the longest deadline and each task's tries fit in."""
    given = parameters()
    longest = (
        given["MaxQueueSeconds"]["MaxValue"]
        + given["MaxDeadlineSeconds"]["MaxValue"]
        + sum(tried(name) for name in TASKS)
    )
    assert definition()["TimeoutSeconds"] > longest


@pytest.mark.parametrize("name", TASKS)
def test_a_task_is_named_like_its_function_and_its_handler(name: str) -> None:
    function = function_of(name)

    assert function == f"{name}Function"
    assert properties(function)["Handler"] == f"darkroom.handlers.{name.lower()}.handler"


@pytest.mark.parametrize("name", TASKS)
def test_a_task_waits_longer_than_its_function_may_run(name: str) -> None:
    limit = STATES[name]["TimeoutSeconds"]

    assert isinstance(limit, int)  # the emulator takes nothing else
    assert limit > properties(function_of(name))["Timeout"]


@pytest.mark.parametrize("name", TASKS)
def test_a_task_is_retried_after_any_crash_with_jitter_and_a_cap(name: str) -> None:
    throttled, crashed = STATES[name]["Retry"]

    assert set(throttled["ErrorEquals"]) == {"Lambda.TooManyRequestsException", "Lambda.Unknown"}
    assert throttled["MaxAttempts"] * throttled["MaxDelaySeconds"] >= 900
    assert set(crashed["ErrorEquals"]) == {"States.TaskFailed", "States.Timeout"}
    assert crashed["MaxAttempts"] >= 8
    for retry in (throttled, crashed):
        assert retry["JitterStrategy"] == "FULL"
        assert retry["MaxDelaySeconds"] >= retry["IntervalSeconds"] > 0
        assert retry["BackoffRate"] > 1


@pytest.mark.parametrize("name", ["Check", "Finalize"])
def test_a_step_of_what_is_paid_for_is_tried_for_ten_minutes(name: str) -> None:
    crashed = STATES[name]["Retry"][1]

    waits = [
        min(crashed["IntervalSeconds"] * crashed["BackoffRate"] ** n, crashed["MaxDelaySeconds"])
        for n in range(crashed["MaxAttempts"])
    ]
    assert sum(waits) >= 600


@pytest.mark.parametrize("name", TASKS)
def test_a_task_that_cannot_be_done_leads_to_the_failure_path(name: str) -> None:
    (catch,) = STATES[name]["Catch"]

    assert catch["ErrorEquals"] == ["States.ALL"]
    assert catch["Next"] == ("Failed" if name == "Fail" else "Fail")
    # Only the job's own step goes on: an error's words may quote what is private.
    assert "$states.errorOutput" not in catch["Output"]


@pytest.mark.parametrize("name", TASKS)
def test_a_task_passes_on_its_step_and_no_more(name: str) -> None:
    assert STATES[name]["Arguments"]["Payload"] == "{% $states.input %}"
    assert STATES[name]["Output"] == "{% $states.result.Payload %}"
    assert STATES[name]["Resource"] == "arn:aws:states:::lambda:invoke"


@pytest.mark.parametrize("name", CHOICES)
def test_a_choice_names_each_outcome_and_sends_the_rest_to_fail(name: str) -> None:
    routes = []
    for choice in STATES[name]["Choices"]:
        match = _CONDITION.fullmatch(choice["Condition"])
        assert match, choice["Condition"]
        routes.append((Outcome(match[1]), match[2] is not None, choice["Next"]))

    assert routes == ROUTES[name]
    assert STATES[name]["Default"] == "Fail"


def test_every_outcome_is_routed_somewhere() -> None:
    assert set(ROUTES) == set(CHOICES)
    assert {outcome for routes in ROUTES.values() for outcome, _, _ in routes} == set(Outcome)


def test_what_the_machine_reads_of_a_step_is_there() -> None:
    """Always, by its name: on AWS, a field that is not there ends the execution."""
    read = set(re.findall(r"\$states\.input\.(\w+)", DEFINITION.read_text()))
    written = Step(job_id="a").model_dump(mode="json")

    assert read == {"outcome", "await_webhook", "wait_seconds", "job_id", "code"}
    assert read <= written.keys()
    for word in ("outcome", "await_webhook"):  # a Choice reads these of whatever a task has put out
        assert word in written


def test_every_next_state_exists() -> None:
    for name, state in STATES.items():
        assert ways(state) <= set(STATES), name


def test_every_state_can_be_reached() -> None:
    reached: set[str] = set()
    ahead = {definition()["StartAt"]}
    while ahead:
        reached |= ahead
        ahead = {after for name in ahead for after in ways(STATES[name])} - reached

    assert reached == set(STATES)


def test_from_every_state_an_end_can_be_reached() -> None:
    ends = {name for name, state in STATES.items() if state["Type"] in ("Succeed", "Fail")}
    assert ends == {"Done", "Failed"}
    finite = set(ends)
    while more := {n for n, s in STATES.items() if n not in finite and ways(s) & finite}:
        finite |= more

    assert finite == set(STATES)


def test_a_loop_always_waits() -> None:
    """Without the states that wait no state can come twice: nothing spins."""
    waiting = {name for name, state in STATES.items() if state["Type"] == "Wait"} | {
        "WaitForWebhook"
    }
    quick = {name: ways(state) for name, state in STATES.items() if name not in waiting}
    while ends := [name for name, after in quick.items() if not after & set(quick)]:
        for name in ends:
            del quick[name]

    assert quick == {}


def test_the_machine_ends_red_with_our_code() -> None:
    assert STATES["Failed"]["Type"] == "Fail"
    assert "$states.input.code" in STATES["Failed"]["Error"]
    assert STATES["Failed"]["Cause"]


def test_placeholders_and_substitutions_are_the_same_set() -> None:
    placeholders = set(re.findall(r"\${(\w+)}", DEFINITION.read_text()))

    assert placeholders == set(properties("ImageJobStateMachine")["DefinitionSubstitutions"])
