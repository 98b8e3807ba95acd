"""Create a key: store a new API key, and set the daily budget of its caller."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from darkroom.domain import audit, keys
from darkroom.domain.audit import Act
from darkroom.domain.callbacks import require_public
from darkroom.domain.callers import Caller
from darkroom.domain.key_requests import CreatedKey, KeyRequest, describe_cap, micro_usd
from darkroom.domain.keys import Creator
from darkroom.domain.parsing import validate
from darkroom.ports import Audit, Budgets, Clock, Keys


@dataclass(frozen=True)
class CreateKey:
    """Create API keys, for the HTTP API and for AWS credentials."""

    keys: Keys
    budgets: Budgets
    audit: Audit
    now: Clock
    local_callbacks: bool = False  # whether a callback URL may name the local machine

    def run(self, body: Mapping[str, Any], by: Caller) -> CreatedKey:
        """Return the new key, which `by` creates. Raises InvalidRequestError."""
        request = validate(KeyRequest, body)
        request.require_limits()
        if request.callback_url is not None and not self.local_callbacks:
            require_public(request.callback_url)
        now = self.now()
        token, key = keys.mint(
            request.name,
            request.role,
            now=now,
            created_by=Creator.of(by),
            days=request.expires_in_days,
            models=request.models,
            source_cidrs=request.source_cidrs,
            callback_url=request.callback_url,
            reuse_seconds=request.reuse_seconds or None,
        )
        caller = key.caller.name
        cap = micro_usd(request.daily_budget_usd)
        self.keys.add(key, cap)
        self.audit.record(
            audit.entry(now, Act.KEY_CREATED, key.key_id, by, f"{key.role} {key.name}")
        )
        if cap is None:
            cap = self.budgets.cap(caller)
        else:
            value = describe_cap(cap)
            self.audit.record(audit.entry(now, Act.BUDGET_CHANGED, caller, by, value))
        used = self.budgets.reserved(now.date(), caller).micro_usd
        return CreatedKey.of(key, cap, used, key=token)
