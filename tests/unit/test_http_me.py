"""GET /v1/me: whose key it is, and what may be spent today."""

import pytest

from tests.fakes.world import World
from tests.unit.http import Client


def test_a_key_without_a_budget_says_so_by_null() -> None:
    told = Client().get("/v1/me").json

    assert told == {
        "caller": "key:ada", "role": "submit", "can_read_all": False, "can_submit": True,
        "day": World().clock().date().isoformat(), "daily_budget_micro_usd": None,
        "left_micro_usd": None, "stack_budget_micro_usd": None, "stack_left_micro_usd": None,
    }  # fmt: skip


def test_what_a_job_holds_is_not_left() -> None:
    ada = Client(World(stack_budget=1_000_000), daily_budget=100_000)
    ada.accepted()

    told = ada.get("/v1/me").json

    assert (told["daily_budget_micro_usd"], told["left_micro_usd"]) == (100_000, 40_000)
    assert (told["stack_budget_micro_usd"], told["stack_left_micro_usd"]) == (1_000_000, 940_000)


@pytest.mark.parametrize(
    ("role", "can_submit", "can_read_all"),
    [("read", False, False), ("submit", True, False), ("admin", True, True)],
)
def test_a_role_says_what_it_may(role: str, can_submit: bool, can_read_all: bool) -> None:
    told = Client(role=role).get("/v1/me").json

    assert (told["role"], told["can_submit"], told["can_read_all"]) == (
        role,
        can_submit,
        can_read_all,
    )
