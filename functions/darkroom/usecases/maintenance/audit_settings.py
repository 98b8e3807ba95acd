"""Audit settings: record changes of the presets, the runtime flags and the stack's budget."""

import hashlib
from dataclasses import dataclass

from darkroom.domain import audit, callers
from darkroom.domain.audit import Act
from darkroom.domain.errors import STACK
from darkroom.ports import Audit, AuditedSettings, Clock, FlagStore, PresetStore

_DIGITS = 12  # of the digest of the presets


@dataclass(frozen=True)
class AuditSettings:
    """Compare the settings with those of the last run. They change outside of Darkroom."""

    presets: PresetStore
    flag_store: FlagStore
    settings: AuditedSettings
    audit: Audit
    now: Clock
    stack_budget_usd: float

    def run(self) -> list[str]:
        """Return the names of the changed settings.

        The first run records nothing. A crash repeats an entry, but loses none.
        """
        acts = {
            "presets": Act.PRESETS_CHANGED,
            "submits": Act.SWITCH_CHANGED,
            "webhooks": Act.SWITCH_CHANGED,
            STACK: Act.BUDGET_CHANGED,
        }
        values, before = self._read(), self.settings.read()
        if values == before:
            return []
        changed = [name for name in acts if before and values[name] != before.get(name)]
        for name in changed:
            self.audit.record(audit.entry(self.now(), acts[name], name, callers.AWS, values[name]))
        self.settings.write(values)
        return changed

    def _read(self) -> dict[str, str]:
        presets, _ = self.presets.read()
        flags = self.flag_store.read()
        digest = hashlib.sha256(presets.model_dump_json().encode()).hexdigest()[:_DIGITS]
        return {
            "presets": f"version {presets.version}, digest {digest}",
            "submits": "on" if flags.submits else "off",
            "webhooks": flags.webhook_url or "off",
            STACK: f"{self.stack_budget_usd:g} USD a day" if self.stack_budget_usd else "none",
        }
