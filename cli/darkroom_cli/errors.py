"""How a command ends: the closed set of exit codes, and errors that say what to do."""

from enum import IntEnum


class Exit(IntEnum):
    """What the shell is told; docs/cli.md has the same table."""

    DONE = 0
    INTERNAL = 1  # the deployment itself failed, or this program
    USAGE = 2  # so says the library that reads the command line
    NO_TARGET = 3  # no deployment is known, or none answers
    REFUSED_KEY = 4
    BAD_REQUEST = 5  # not valid, not there, or in conflict with what is
    MONEY = 6  # over the budget, or not confirmed
    FAILED = 7  # the job or batch ended without what was asked for
    CANCELED = 8
    STILL_RUNNING = 9  # it was not waited for any longer; it goes on


class CliError(Exception):
    """Something that a person can mend: what is wrong, and what to do."""

    def __init__(self, code: Exit, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint


_OF_STATUS = {
    401: Exit.REFUSED_KEY,
    402: Exit.MONEY,
    403: Exit.REFUSED_KEY,
    429: Exit.NO_TARGET,
}
_HINTS = {
    401: "Give another by --key or DARKROOM_KEY; a new one is made by: make key NAME=me",
    402: "A budget is free again at midnight UTC.",
    403: "It takes a key with the role submit or admin: make key NAME=me ROLE=submit",
}
_CONFIRM = "urn:darkroom:problem:confirmation-required"


class ProblemError(CliError):
    """What the API refused, as its problem document says."""

    def __init__(self, status: int, document: dict[str, object]) -> None:
        self.type = str(document.get("type", ""))
        detail = str(document.get("detail") or document.get("message") or f"HTTP {status}")
        code = _OF_STATUS.get(status, Exit.BAD_REQUEST if status < 500 else Exit.INTERNAL)
        if self.needs_confirmation:
            code = Exit.MONEY
        super().__init__(code, detail, _HINTS.get(status, ""))

    @property
    def needs_confirmation(self) -> bool:
        """Whether the same, with its price confirmed, is taken."""
        return self.type == _CONFIRM
