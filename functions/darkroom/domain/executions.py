"""Executions of the state machines, and the failure code of a job whose execution has ended."""

from enum import StrEnum

from darkroom.domain.errors import Code


class Execution(StrEnum):
    """The status of an execution."""

    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    TIMED_OUT = "TIMED_OUT"
    ABORTED = "ABORTED"


_CODES: dict[Execution | None, Code] = {
    Execution.ABORTED: Code.CANCELED,  # an operator has stopped it
    Execution.TIMED_OUT: Code.DEADLINE_EXCEEDED,
    Execution.RUNNING: Code.DEADLINE_EXCEEDED,  # stuck long after the job's deadline
}


def failure_code(execution: Execution | None, error: str | None = None) -> Code:
    """Return the failure code of an open job whose execution does not end it.

    `error` is the error of a failed execution. It overrides the status if it is a failure code.
    """
    if error in list(Code):
        return Code(error)
    return _CODES.get(execution, Code.INTERNAL_ERROR)
