"""Audit: who did what, as one line for each security-relevant act."""

from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from darkroom.domain.callers import Caller


class Act(StrEnum):
    """A security-relevant act."""

    KEY_CREATED = "key.created"
    KEY_REVOKED = "key.revoked"
    KEY_REFUSED = "key.refused"
    CALLBACK_SECRET_ROTATED = "callback-secret.rotated"  # noqa: S105 - a name
    JOB_CREATED = "job.created"
    JOB_CANCELED = "job.canceled"
    CHAIN_RESUMED = "chain.resumed"
    JOB_ERASED = "job.erased"
    JOB_SHARED = "job.shared"
    JOB_UNSHARED = "job.unshared"
    BATCH_CREATED = "batch.created"
    BATCH_CANCELED = "batch.canceled"
    PRESETS_CHANGED = "presets.changed"
    SWITCH_CHANGED = "switch.changed"
    BUDGET_CHANGED = "budget.changed"


class AuditEntry(BaseModel):
    """One line of the audit log. It contains no prompt, no secret and no URL of a file."""

    model_config = ConfigDict(frozen=True)

    time: datetime
    act: Act
    object: str = Field(description="Id of the key, job or batch, or the name of the setting.")
    name: str | None = Field(description="Name of the caller; null if it is unknown.")
    key_id: str | None = Field(description="Id of the API key; null without a key.")
    source_ip: str | None = Field(description="Address of the HTTP client; null without one.")
    value: str | None = Field(
        default=None, description="The new value of a setting, or the reason of a refusal."
    )


def entry(
    time: datetime, act: Act, subject: str, caller: Caller, value: str | None = None
) -> AuditEntry:
    """Return the entry for an act of `caller` on the object `subject`."""
    return AuditEntry(
        time=time,
        act=act,
        object=subject,
        name=caller.name,
        key_id=caller.key_id,
        source_ip=caller.source_ip,
        value=value,
    )
