"""API keys: shown once, stored as a digest, each with the owner's name and a role."""

import base64
import hashlib
import secrets
from datetime import UTC, date, datetime, timedelta
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from darkroom.domain.callers import Role, of_key

PREFIX = "dk_"
_RANDOM_BYTES = 25  # 200 bits, 40 characters

KeyName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,39}$")]


class Key(BaseModel):
    """The stored record of an API key."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    digest: str = Field(description="SHA-256 of the key, in hex.")
    name: KeyName
    role: Role = Role.SUBMIT
    created_at: datetime
    last_used: date | None = Field(default=None, description="Day of the last use, in UTC.")
    expires_at: int | None = Field(
        default=None, description="Unix seconds. DynamoDB deletes the record after that."
    )
    daily_budget_micro_usd: Annotated[int, Field(ge=0)] | None = None

    @property
    def key_id(self) -> str:
        """A short id for display: the first 12 characters of the digest."""
        return self.digest[:12]

    @property
    def expires(self) -> datetime | None:
        """The time of the expiry, in UTC."""
        return None if self.expires_at is None else datetime.fromtimestamp(self.expires_at, UTC)

    def is_valid(self, now: datetime) -> bool:
        """Return whether the key is not expired at `now`. DynamoDB deletes expired records late."""
        return self.expires_at is None or now.timestamp() < self.expires_at


class Revocation(BaseModel):
    """The record of a revoked key, while jobs or batches of the key may still wait."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    key_id: str
    caller: str = Field(description="The caller of the key's jobs and batches.")
    revoked_at: datetime
    swept_at: datetime | None = Field(
        default=None, description="When the sweep had canceled all that waited."
    )

    @classmethod
    def of(cls, key: Key, now: datetime) -> "Revocation":
        """Return the record of a key that is revoked at `now`."""
        return cls(key_id=key.key_id, caller=of_key(key.name, key.role).name, revoked_at=now)


def digest(token: str) -> str:
    """Return the SHA-256 of a key, in hex. A key has 200 random bits, so a fast hash is safe."""
    return hashlib.sha256(token.encode()).hexdigest()


def mint(
    name: str,
    role: Role,
    *,
    now: datetime,
    days: int | None = None,
    daily_budget_micro_usd: int | None = None,
) -> tuple[str, Key]:
    """Return a new API key and its record. Raises ValidationError if `name` is not valid."""
    characters = base64.b32encode(secrets.token_bytes(_RANDOM_BYTES)).decode().lower()
    token = PREFIX + characters
    key = Key(
        digest=digest(token),
        name=name,
        role=role,
        created_at=now,
        expires_at=int((now + timedelta(days=days)).timestamp()) if days else None,
        daily_budget_micro_usd=daily_budget_micro_usd,
    )
    return token, key
