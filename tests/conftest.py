"""Settings of all tests: the Hypothesis profile, and no test is lost."""

from tests import profiles
from tests.completeness import pytest_configure

__all__ = ["pytest_configure"]

profiles.load()
