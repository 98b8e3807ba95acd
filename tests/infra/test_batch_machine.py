"""The machine of batches as a graph: bounded, retried, without a word of a row in its states."""

import re
from typing import Any

import pytest
import yaml

from tests.infra.template import BATCH_DEFINITION, properties

TEXT = BATCH_DEFINITION.read_text()
MACHINE: dict[str, Any] = yaml.safe_load(TEXT)
MAP, GATHER = MACHINE["States"]["Run"]["Branches"]
CREATE_ALL: dict[str, Any] = MAP["States"]["CreateAllRows"]
PARTS: dict[str, Any] = CREATE_ALL["ItemProcessor"]["States"]
TASKS: dict[str, dict[str, Any]] = {
    "CreateRows": PARTS["CreateRows"],
    "CollectBatch": GATHER["States"]["CollectBatch"],
}


def test_its_rows_are_made_by_a_distributed_map_over_a_file_in_s3() -> None:
    assert CREATE_ALL["ItemReader"]["Resource"] == "arn:aws:states:::s3:getObject"
    assert CREATE_ALL["ItemProcessor"]["ProcessorConfig"]["Mode"] == "DISTRIBUTED"
    assert 0 < CREATE_ALL["MaxConcurrency"] <= 10


def test_no_part_that_fails_ends_the_others() -> None:
    assert CREATE_ALL["ToleratedFailurePercentage"] == 100


def test_it_carries_the_batchs_id_places_in_a_file_a_count_and_no_more() -> None:
    assert CREATE_ALL["ItemSelector"] == {
        "batch_id.$": "$.batch_id", "chunk.$": "$$.Map.Item.Value", "step": {"attempts": 0},
    }  # fmt: skip
    for task in TASKS.values():
        assert set(task["ResultSelector"]) <= {"wait_seconds.$", "attempts.$"}
        assert set(task["Parameters"]["Payload"]) <= {"batch_id.$", "chunk.$", "attempts.$"}
    for state in (CREATE_ALL, MACHINE["States"]["Run"]):
        assert state["ResultPath"] is None


@pytest.mark.parametrize("name", TASKS)
def test_a_task_waits_longer_than_its_function_may_run(name: str) -> None:
    assert TASKS[name]["Parameters"]["FunctionName"] == f"${{{name}FunctionArn}}"
    assert TASKS[name]["TimeoutSeconds"] > properties(f"{name}Function")["Timeout"]


@pytest.mark.parametrize("name", TASKS)
def test_a_task_is_retried_after_any_crash_with_jitter_and_a_cap(name: str) -> None:
    throttled, crashed = TASKS[name]["Retry"]

    assert set(throttled["ErrorEquals"]) == {"Lambda.TooManyRequestsException", "Lambda.Unknown"}
    assert set(crashed["ErrorEquals"]) == {"States.TaskFailed", "States.Timeout"}
    for retry in (throttled, crashed):
        assert retry["JitterStrategy"] == "FULL"
        assert retry["MaxAttempts"] >= 8
        assert retry["MaxDelaySeconds"] <= 60


def test_a_loop_always_waits() -> None:
    for states, wait in ((PARTS, "WaitForQueue"), (GATHER["States"], "WaitBeforeCollect")):
        assert states[wait]["Type"] == "Wait"
        (task,) = [name for name, state in states.items() if state["Type"] == "Task"]
        assert [n for n, s in states.items() if s.get("Next") == task] == [wait]


def test_its_history_has_room_for_every_look_until_its_time_is_over() -> None:
    """25,000 events; a look has eight, and the longest wait is ten minutes."""
    assert MACHINE["TimeoutSeconds"] / 600 * 8 < 25_000 * 0.7


def test_placeholders_and_substitutions_are_the_same_set() -> None:
    placeholders = set(re.findall(r"\${(\w+)}", TEXT))

    assert placeholders == set(properties("BatchStateMachine")["DefinitionSubstitutions"])
