"""The error that ends a command of the local stack."""

from pathlib import Path


class LocalError(Exception):
    """A failure that ends the command, with a message of one sentence and an optional log file."""

    def __init__(self, message: str, log: Path | None = None) -> None:
        super().__init__(message)
        self.log = log
