"""Audit settings: record changes of the presets, the runtime flags and the stack's budget."""

from dataclasses import dataclass

from darkroom.domain import audit, callers
from darkroom.domain.audit import Act
from darkroom.domain.errors import STACK
from darkroom.domain.presets import describe
from darkroom.ports import Audit, AuditedSettings, Clock, FlagStore, PresetStore


@dataclass(frozen=True)
class AuditSettings:
    """Compare the settings with those of the last run. AWS credentials can change them.

    A change through the HTTP API has an entry of its own, which replaces the value of the last run.
    """

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
        # In this order: a change through the API in between is noted before the values are read.
        before, values = self.settings.read(), self._read()
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
        return {
            "presets": describe(presets),
            "submits": "on" if flags.submits else "off",
            "webhooks": flags.webhook_url or "off",
            STACK: f"{self.stack_budget_usd:g} USD a day" if self.stack_budget_usd else "none",
        }
