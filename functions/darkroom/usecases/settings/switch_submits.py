"""Switch submits: pause or resume the submission of all jobs."""

from dataclasses import dataclass

from darkroom.domain import audit
from darkroom.domain.audit import Act
from darkroom.domain.callers import Caller
from darkroom.domain.keys import Creator
from darkroom.ports import Audit, AuditedSettings, Clock, FlagStore, RuntimeFlags


@dataclass(frozen=True)
class SwitchSubmits:
    """Turn the runtime flag of submission on or off. Submitted jobs continue."""

    flag_store: FlagStore
    settings: AuditedSettings
    audit: Audit
    now: Clock

    def run(self, by: Caller, *, paused: bool) -> RuntimeFlags:
        """Return the new flags. Submit reads them within seconds."""
        self.flag_store.set_submits(by, submits=not paused)
        now, value = self.now(), "off" if paused else "on"
        self.audit.record(audit.entry(now, Act.SWITCH_CHANGED, "submits", by, value))
        # So that the sweep does not record the change a second time.
        self.settings.note("submits", value)
        if not paused:
            return RuntimeFlags()
        return RuntimeFlags(submits=False, paused_at=now, paused_by=Creator.of(by))
