"""Clock skew in workers."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from local.stack import Stack
from reliability.functions import Functions

HOOK = Path(__file__).with_name("skewed")


def variables(seconds: float) -> dict[str, str]:
    """Return the variables that shift a worker's clock by `seconds` (negative: behind)."""
    return {"PYTHONPATH": str(HOOK), "CLOCK_SKEW_SECONDS": f"{seconds:g}"}


@contextmanager
def skewed(stack: Stack, seconds: float, functions: Iterable[str] | None = None) -> Iterator[None]:
    """Shift the clocks of these functions' workers (None: all) by `seconds`.

    AWS services reject signatures that are more than 5 minutes off, S3 more than 15.
    """
    stack_functions = Functions(stack)
    names = stack_functions.select(functions)
    with stack_functions.environment({name: variables(seconds) for name in names}):
        yield
