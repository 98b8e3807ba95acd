"""Workers whose clock is wrong."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from local.stack import Stack
from reliability.functions import Functions

HOOK = Path(__file__).with_name("skewed")


def variables(seconds: float) -> dict[str, str]:
    """What makes a worker's clock that far ahead of ours (behind, if negative)."""
    return {"PYTHONPATH": str(HOOK), "CLOCK_SKEW_SECONDS": f"{seconds:g}"}


@contextmanager
def skewed(stack: Stack, seconds: float, functions: Iterable[str] | None = None) -> Iterator[None]:
    """Let the clocks of these functions' workers (all) be wrong.

    The services refuse what is signed more than 5 minutes from their time, S3 more than 15.
    """
    known = Functions(stack)
    with known.environment({name: variables(seconds) for name in known.choose(functions)}):
        yield
