"""The failure code of a job whose execution does not end it."""

import pytest

from darkroom.domain.errors import Code
from darkroom.domain.executions import Execution, failure_code


@pytest.mark.parametrize(
    ("execution", "code"),
    [
        (Execution.ABORTED, Code.CANCELED),
        (Execution.TIMED_OUT, Code.DEADLINE_EXCEEDED),
        (Execution.RUNNING, Code.DEADLINE_EXCEEDED),
        (Execution.FAILED, Code.INTERNAL_ERROR),
        (Execution.SUCCEEDED, Code.INTERNAL_ERROR),
        (None, Code.INTERNAL_ERROR),
    ],
)
def test_code_follows_from_the_status_of_the_execution(
    execution: Execution | None, code: Code
) -> None:
    assert failure_code(execution) is code
    assert failure_code(execution, "States.Runtime") is code


@pytest.mark.parametrize("code", Code)
def test_error_that_is_a_code_overrides_the_status(code: Code) -> None:
    assert failure_code(Execution.FAILED, str(code)) is code
