"""Create a key: store a new API key, and set the daily budget of its caller."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from darkroom.domain import keys
from darkroom.domain.key_requests import CreatedKey, KeyRequest, micro_usd
from darkroom.domain.keys import Creator
from darkroom.domain.parsing import validate
from darkroom.ports import Budgets, Clock, Keys


@dataclass(frozen=True)
class CreateKey:
    """Create API keys, for the HTTP API and for AWS credentials."""

    keys: Keys
    budgets: Budgets
    now: Clock

    def run(self, body: Mapping[str, Any], created_by: Creator) -> CreatedKey:
        """Return the new key. Raises InvalidRequestError."""
        request = validate(KeyRequest, body)
        request.require_limits()
        now = self.now()
        token, key = keys.mint(
            request.name,
            request.role,
            now=now,
            created_by=created_by,
            days=request.expires_in_days,
            models=request.models,
            source_cidrs=request.source_cidrs,
        )
        caller = key.caller.name
        cap = micro_usd(request.daily_budget_usd)
        self.keys.add(key, cap)
        if cap is None:
            cap = self.budgets.cap(caller)
        used = self.budgets.reserved(now.date(), caller).micro_usd
        return CreatedKey.of(key, cap, used, key=token)
