"""What can stop the local stack, said in one sentence for a person."""

from pathlib import Path


class LocalError(Exception):
    """A failure that ends the command: one clear sentence and, if there is one, the log to read."""

    def __init__(self, message: str, log: Path | None = None) -> None:
        super().__init__(message)
        self.log = log
