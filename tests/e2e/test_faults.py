"""The short form of `make faults`: each fault of the provider, killed workers, things told twice.

What is promised of each row: every job ends once, nobody pays twice, nothing that was paid for is
lost, nothing hangs, and what is stored is what the provider sent, byte by byte.
"""

import pytest

from local.stack import Running
from reliability import breaking, phases
from reliability.audit import Row
from reliability.cases import CASES
from reliability.harness import ChaosHarness
from reliability.table import lines
from tests.e2e.desk import Desk

SEED = 7
# Rounds around the POST, before and after; `make faults` takes all steps of all functions.
KILLS = 2


@pytest.fixture(scope="module")
def harness(local_stack: Running, desk: Desk) -> ChaosHarness:
    return ChaosHarness(local_stack, desk.bus, seed=SEED)


@pytest.fixture(scope="module")
def rows(harness: ChaosHarness) -> dict[str, Row]:
    """Ask for all of them; they run side by side."""
    return {row.name: row for row in phases.provider(harness, 1)}


def told(rows: list[Row]) -> str:
    return "\n".join([*lines(rows), *(str(each) for row in rows for each in row.unexpected)])


@pytest.mark.parametrize("name", CASES)
def test_every_promise_is_kept_after(rows: dict[str, Row], name: str) -> None:
    assert rows[name].is_good, told([rows[name]])


def test_every_promise_is_kept_when_workers_are_killed_around_the_post(
    harness: ChaosHarness,
) -> None:
    rows = breaking.kills(harness, KILLS)

    assert all(row.is_good for row in rows), told(rows)


def test_every_promise_is_kept_when_things_are_told_again_or_forged(harness: ChaosHarness) -> None:
    rows = breaking.told_again(harness, 3)

    assert all(row.is_good for row in rows), told(rows)
