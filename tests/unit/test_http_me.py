"""GET /v1/me: the caller of the key, its permissions and its remaining budgets."""

import pytest

from tests.fakes.world import World
from tests.unit.http import Client


def test_key_without_a_budget_has_null_budgets() -> None:
    payload = Client().get("/v1/me").json

    assert payload == {
        "caller": "key:ada", "role": "submit", "can_read_all": False, "can_submit": True,
        "day": World().clock().date().isoformat(), "daily_budget_micro_usd": None,
        "left_micro_usd": None, "stack_budget_micro_usd": None, "stack_left_micro_usd": None,
    }  # fmt: skip


def test_reserved_money_reduces_the_remaining_budget() -> None:
    ada = Client(World(stack_budget=1_000_000), daily_budget=100_000)
    ada.accept_job()

    payload = ada.get("/v1/me").json

    assert (payload["daily_budget_micro_usd"], payload["left_micro_usd"]) == (100_000, 40_000)
    assert (payload["stack_budget_micro_usd"], payload["stack_left_micro_usd"]) == (
        1_000_000,
        940_000,
    )


@pytest.mark.parametrize(
    ("role", "can_submit", "can_read_all"),
    [("read", False, False), ("submit", True, False), ("admin", True, True)],
)
def test_permissions_by_role(role: str, can_submit: bool, can_read_all: bool) -> None:
    payload = Client(role=role).get("/v1/me").json

    assert (payload["role"], payload["can_submit"], payload["can_read_all"]) == (
        role,
        can_submit,
        can_read_all,
    )
