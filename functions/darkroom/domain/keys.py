"""API keys: shown once, stored as a digest, each with the owner's name and a role."""

import base64
import hashlib
import secrets
from datetime import UTC, date, datetime, timedelta
from ipaddress import ip_address, ip_network
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from darkroom.domain.callers import Caller, Role, of_key

PREFIX = "dk_"
_RANDOM_BYTES = 25  # 200 bits, 40 characters
_ID_LENGTH = 12

NAME_PATTERN = "[A-Za-z0-9][A-Za-z0-9._-]{0,39}"
KeyName = Annotated[str, StringConstraints(pattern=f"^{NAME_PATTERN}$")]


class Creator(BaseModel):
    """Who created a key or changed a setting: another key, or AWS credentials."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    name: str = Field(description="The name of the key; `aws` for AWS credentials.")
    key_id: str | None = Field(default=None, description="null for AWS credentials.")

    @classmethod
    def of(cls, caller: Caller) -> "Creator":
        """Return the creator for the caller of a request."""
        return cls(name=caller.name, key_id=caller.key_id)


class Key(BaseModel):
    """The stored record of an API key. The daily budget belongs to the caller, not to a key."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    digest: str = Field(description="SHA-256 of the key, in hex.")
    name: KeyName
    role: Role
    created_at: datetime
    created_by: Creator | None = None
    last_used: date | None = Field(default=None, description="Day of the last use, in UTC.")
    expires_at: int | None = Field(
        default=None, description="Unix seconds. DynamoDB deletes the record after that."
    )
    models: tuple[str, ...] = Field(default=(), description="The allowed models; empty for all.")
    source_cidrs: tuple[str, ...] = Field(
        default=(), description="The networks that may use the key; empty for all."
    )

    callback_url: str | None = Field(
        default=None, description="The callback URL of requests that have none."
    )
    reuse_seconds: int | None = Field(
        default=None, description="`reuse_seconds` of requests that have none."
    )

    @property
    def key_id(self) -> str:
        """A short id for display: the first 12 characters of the digest."""
        return self.digest[:_ID_LENGTH]

    @property
    def expires(self) -> datetime | None:
        """The time of the expiry, in UTC."""
        return None if self.expires_at is None else datetime.fromtimestamp(self.expires_at, UTC)

    @property
    def callback_host(self) -> str | None:
        """The host of the callback URL, the rest of which may be secret."""
        return None if self.callback_url is None else urlsplit(self.callback_url).hostname

    def is_valid(self, now: datetime) -> bool:
        """Return whether the key is not expired at `now`. DynamoDB deletes expired records late."""
        return self.expires_at is None or now.timestamp() < self.expires_at

    @property
    def caller(self) -> Caller:
        """The owner of the jobs and of the budget. Keys with the same name share one caller."""
        return of_key(self.name, self.role)

    def accepts_source(self, address: str) -> bool:
        """Return whether a request from this IP address may use the key."""
        if not self.source_cidrs:
            return True
        try:
            source = ip_address(address)
        except ValueError:  # a test in the console of API Gateway has no address
            return False
        return any(source in ip_network(network) for network in self.source_cidrs)


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


def key_id(token: str) -> str:
    """Return the id that a key with this token has."""
    return digest(token)[:_ID_LENGTH]


def mint(
    name: str,
    role: Role,
    *,
    now: datetime,
    created_by: Creator | None = None,
    days: int | None = None,
    models: tuple[str, ...] = (),
    source_cidrs: tuple[str, ...] = (),
    callback_url: str | None = None,
    reuse_seconds: int | None = None,
) -> tuple[str, Key]:
    """Return a new API key and its record. Raises ValidationError if `name` is not valid."""
    characters = base64.b32encode(secrets.token_bytes(_RANDOM_BYTES)).decode().lower()
    token = PREFIX + characters
    key = Key(
        digest=digest(token),
        name=name,
        role=role,
        created_at=now,
        created_by=created_by,
        expires_at=int((now + timedelta(days=days)).timestamp()) if days else None,
        models=models,
        source_cidrs=source_cidrs,
        callback_url=callback_url,
        reuse_seconds=reuse_seconds,
    )
    return token, key
