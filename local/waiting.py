"""Wait for a condition by polling."""

import time
from collections.abc import Callable

from local.errors import LocalError


def until[T](probe: Callable[[], T | None], *, seconds: float, what: str, every: float = 0.05) -> T:
    """Return the probe's first result that is not None. Raises LocalError after `seconds`."""
    deadline = time.monotonic() + seconds
    while (result := probe()) is None:
        if time.monotonic() >= deadline:
            raise LocalError(f"timed out after {seconds:g} seconds waiting for {what}")
        time.sleep(every)
    return result
