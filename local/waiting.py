"""Waiting by looking: a probe is asked until it answers or its time is up."""

import time
from collections.abc import Callable

from local.errors import LocalError


def until[T](probe: Callable[[], T | None], *, seconds: float, what: str, every: float = 0.05) -> T:
    """The probe's first answer that is not None; a LocalError naming `what` after `seconds`."""
    deadline = time.monotonic() + seconds
    while (answer := probe()) is None:
        if time.monotonic() >= deadline:
            raise LocalError(f"{what} did not happen within {seconds:g} seconds")
        time.sleep(every)
    return answer
