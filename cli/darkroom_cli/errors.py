"""Exit codes, and errors with a hint on how to fix them."""

from enum import IntEnum


class Exit(IntEnum):
    """The exit codes. docs/cli.md has the same table."""

    DONE = 0
    INTERNAL = 1  # the deployment or this program failed
    USAGE = 2  # invalid command line; click uses the same code
    NO_TARGET = 3  # no deployment is configured, or it does not answer
    REFUSED_KEY = 4
    BAD_REQUEST = 5  # invalid request, not found, or conflict
    MONEY = 6  # over the budget, or price not confirmed
    FAILED = 7  # the job or batch ended without an image
    CANCELED = 8
    STILL_RUNNING = 9  # waiting stopped; the job or batch continues


class CliError(Exception):
    """An error message for people, with a hint on how to fix it."""

    def __init__(self, code: Exit, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint


_EXIT_BY_STATUS = {
    401: Exit.REFUSED_KEY,
    402: Exit.MONEY,
    403: Exit.REFUSED_KEY,
    429: Exit.NO_TARGET,
}
_HINTS = {
    401: "Pass a valid key with --key or DARKROOM_KEY. Create one with: make key NAME=me DAYS=90"
    " BUDGET=5",
    403: "Use a key that may do this. Create one with: make key NAME=me"
    " ROLE=submit DAYS=90 BUDGET=5",
    429: "Wait a few seconds, then run the command again.",
}
_TYPE = "urn:darkroom:problem:"


class ProblemError(CliError):
    """An error response of the API, with the detail of its problem document."""

    def __init__(self, status: int, document: dict[str, object]) -> None:
        self.status = status
        self.type = str(document.get("type", ""))
        detail = document.get("detail") or document.get("message")
        code = _EXIT_BY_STATUS.get(status, Exit.BAD_REQUEST if status < 500 else Exit.INTERNAL)
        if self.needs_confirmation:
            code = Exit.MONEY
        message = str(detail or f"The API returned HTTP {status}.")
        super().__init__(code, message, _HINTS.get(status, ""))

    @property
    def needs_confirmation(self) -> bool:
        """Whether the API accepts the same request with its price confirmed."""
        return self.type == f"{_TYPE}confirmation-required"

    @property
    def is_typed(self) -> bool:
        """Whether the document is one of Darkroom's problems."""
        return self.type.startswith(_TYPE)
