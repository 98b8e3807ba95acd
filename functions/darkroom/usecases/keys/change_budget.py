"""Change a budget: set or lift the daily budget of a key's caller."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from darkroom.domain import audit
from darkroom.domain.audit import Act
from darkroom.domain.callers import Caller
from darkroom.domain.errors import NotFoundError
from darkroom.domain.key_requests import NO_KEY, BudgetRequest, KeyView, describe_cap, micro_usd
from darkroom.domain.parsing import validate
from darkroom.ports import Audit, Budgets, Clock, Keys


@dataclass(frozen=True)
class ChangeBudget:
    """Change the budget that all keys of a caller share."""

    keys: Keys
    budgets: Budgets
    audit: Audit
    now: Clock

    def run(self, key_id: str, body: Mapping[str, Any], by: Caller) -> KeyView:
        """Return the key with its new budget. Raises InvalidRequestError or NotFoundError."""
        request = validate(BudgetRequest, body)
        request.require_one()
        key = next((key for key in self.keys.all() if key.key_id == key_id), None)
        if key is None:
            raise NotFoundError(NO_KEY)
        caller, cap = key.caller.name, micro_usd(request.daily_budget_usd)
        self.budgets.set_cap(caller, cap)
        value = describe_cap(cap)
        self.audit.record(audit.entry(self.now(), Act.BUDGET_CHANGED, caller, by, value))
        return KeyView.of(key, cap, self.budgets.reserved(self.now().date(), caller).micro_usd)
