"""API keys: shown once, kept as a digest, each with an owner's name and a role."""

import base64
import hashlib
import secrets
from datetime import date, datetime, timedelta
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from darkroom.domain.callers import Role

PREFIX = "dk_"
_RANDOM_BYTES = 25  # 200 bits, 40 characters

KeyName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,39}$")]


class Key(BaseModel):
    """What is kept of a key."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    digest: str = Field(description="SHA-256 of the key, hex.")
    name: KeyName
    role: Role = Role.SUBMIT
    created_at: datetime
    last_used: date | None = Field(default=None, description="The day, in UTC.")
    expires_at: int | None = Field(
        default=None, description="Unix seconds; the table forgets it then."
    )
    daily_budget_micro_usd: Annotated[int, Field(ge=0)] | None = None

    @property
    def key_id(self) -> str:
        """A short name for people: the beginning of the digest."""
        return self.digest[:12]

    def is_valid(self, now: datetime) -> bool:
        """Tell whether it opens the door at `now`; the table deletes late."""
        return self.expires_at is None or now.timestamp() < self.expires_at


def digest(token: str) -> str:
    """Return what a key is stored and found by. Its 200 random bits need no slow hash."""
    return hashlib.sha256(token.encode()).hexdigest()


def mint(
    name: str,
    role: Role,
    *,
    now: datetime,
    days: int | None = None,
    daily_budget_micro_usd: int | None = None,
) -> tuple[str, Key]:
    """Return a new key, and what is kept of it; raises ValidationError for a bad name."""
    random = base64.b32encode(secrets.token_bytes(_RANDOM_BYTES)).decode().lower()
    token = PREFIX + random
    key = Key(
        digest=digest(token),
        name=name,
        role=role,
        created_at=now,
        expires_at=int((now + timedelta(days=days)).timestamp()) if days else None,
        daily_budget_micro_usd=daily_budget_micro_usd,
    )
    return token, key
