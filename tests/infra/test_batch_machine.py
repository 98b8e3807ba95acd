"""The batch state machine: bounded, retried, and without row data in its states."""

import math
from typing import Any

import pytest
import yaml

from darkroom.domain.row_parser import MAX_ROWS
from darkroom.usecases.batches import start_batch
from tests.infra.retries import THROTTLING_ERRORS, longest_duration
from tests.infra.template import BATCH_DEFINITION, properties

TEXT = BATCH_DEFINITION.read_text()
MACHINE: dict[str, Any] = yaml.safe_load(TEXT)
CREATE_BRANCH, COLLECT_BRANCH = MACHINE["States"]["Run"]["Branches"]
CREATE_ALL: dict[str, Any] = CREATE_BRANCH["States"]["CreateAllRows"]
MAP_STATES: dict[str, Any] = CREATE_ALL["ItemProcessor"]["States"]
TASKS: dict[str, dict[str, Any]] = {
    "CreateRows": MAP_STATES["CreateRows"],
    "CollectBatch": COLLECT_BRANCH["States"]["CollectBatch"],
}


def test_failed_chunk_does_not_stop_the_other_chunks() -> None:
    assert CREATE_ALL["ToleratedFailurePercentage"] == 100


def test_states_carry_only_the_batch_id_chunk_and_attempts() -> None:
    assert CREATE_ALL["ItemSelector"] == {
        "batch_id.$": "$.batch_id", "chunk.$": "$$.Map.Item.Value", "step": {"attempts": 0},
    }  # fmt: skip
    for task in TASKS.values():
        assert set(task["ResultSelector"]) <= {"wait_seconds.$", "attempts.$"}
        assert set(task["Parameters"]["Payload"]) <= {"batch_id.$", "chunk.$", "attempts.$"}
    for state in (CREATE_ALL, MACHINE["States"]["Run"]):
        assert state["ResultPath"] is None


@pytest.mark.parametrize("name", TASKS)
def test_task_timeout_exceeds_the_function_timeout(name: str) -> None:
    assert TASKS[name]["Parameters"]["FunctionName"] == f"${{{name}FunctionArn}}"
    assert TASKS[name]["TimeoutSeconds"] > properties(f"{name}Function")["Timeout"]


@pytest.mark.parametrize("name", TASKS)
def test_task_is_retried_with_jitter_and_a_maximum_delay(name: str) -> None:
    throttled, crashed = TASKS[name]["Retry"]

    assert set(throttled["ErrorEquals"]) == THROTTLING_ERRORS
    assert set(crashed["ErrorEquals"]) == {"States.TaskFailed", "States.Timeout"}
    for retry in (throttled, crashed):
        assert retry["JitterStrategy"] == "FULL"
        assert retry["MaxAttempts"] >= 8
        assert retry["MaxDelaySeconds"] <= 60


def test_timeout_exceeds_the_sum_of_all_retries() -> None:
    """Also if every chunk of the longest batch takes all of its retries."""
    chunks = math.ceil(MAX_ROWS / start_batch._CHUNK_ROWS)
    rounds = math.ceil(chunks / CREATE_ALL["MaxConcurrency"])

    longest = rounds * longest_duration(TASKS["CreateRows"]) + longest_duration(
        TASKS["CollectBatch"]
    )
    assert MACHINE["TimeoutSeconds"] > longest


def test_each_loop_has_a_wait_state() -> None:
    for states, wait in (
        (MAP_STATES, "WaitForQueue"),
        (COLLECT_BRANCH["States"], "WaitBeforeCollect"),
    ):
        assert states[wait]["Type"] == "Wait"
        (task,) = [name for name, state in states.items() if state["Type"] == "Task"]
        assert [n for n, s in states.items() if s.get("Next") == task] == [wait]
