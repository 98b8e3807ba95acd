"""Hypothesis profiles: `local` by default, `ci` with HYPOTHESIS_PROFILE=ci.

Both generate the same examples in every run; `ci` generates ten times as many.
"""

import os
from typing import Final

from hypothesis import HealthCheck, settings

NAME: Final = os.environ.get("HYPOTHESIS_PROFILE", "local")
_FACTORS: Final = {"local": 1, "ci": 10}
_EXAMPLES: Final = 25


def examples(local: int) -> int:
    """Return the number of examples of a test that needs more or fewer than its profile has."""
    return local * _FACTORS[NAME]


def load() -> None:
    """Register the profile and use it for all tests."""
    settings.register_profile(
        NAME,
        max_examples=examples(_EXAMPLES),
        deadline=None,
        derandomize=True,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )
    settings.load_profile(NAME)
