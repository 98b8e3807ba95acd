"""Callers: the owner of an API key, a preset folder of the inbox, or the sender of an event."""

import re
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from darkroom.domain.errors import ForbiddenError

# "#" separates the parts of keys in the table.
_NAME = re.compile(r"[^#\x00-\x1f\x7f\ud800-\udfff]{1,256}")


class Role(StrEnum):
    """What an API key permits.

    `submit`: create jobs, and read the caller's own jobs. `read`: read the caller's own jobs.
    `admin`: create jobs, and read and cancel the jobs of every caller.
    """

    SUBMIT = "submit"
    READ = "read"
    ADMIN = "admin"


class Caller(BaseModel):
    """The owner of jobs, budgets and idempotency keys."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    name: str
    # True for admin keys and for entry points that only the account owner can use.
    can_read_all: bool = False
    key_id: str | None = None  # of the API key that acts for the caller
    source_ip: str | None = None  # of the HTTP client, for the audit log
    models: tuple[str, ...] = ()  # that the API key may use; empty for all

    def owns(self, owner: str | None) -> bool:
        """Return whether this caller may read the objects of `owner`."""
        return self.can_read_all or self.name == owner

    def may_use(self, model: str) -> bool:
        """Return whether the API key may use a model.

        `maker/*` in the key's list stands for every model whose id begins with `maker/`.
        """
        return not self.models or any(
            model.startswith(name[:-1]) if name.endswith("/*") else model == name
            for name in self.models
        )

    def require_model(self, model: str) -> None:
        """Raise ForbiddenError if the API key may not use a model."""
        if not self.may_use(model):
            raise ForbiddenError(
                f"This API key cannot use the model {model}. Its models are:"
                f" {', '.join(self.models)}."
            )


def is_name(text: str) -> bool:
    """Return whether `text` can be the name of a caller."""
    return _NAME.fullmatch(text) is not None


INBOX = Caller(name="inbox", can_read_all=True)
# The owner of the AWS account, by AWS credentials.
AWS = Caller(name="aws", can_read_all=True)


def of_preset(preset: str) -> Caller:
    """Return the caller of an inbox folder."""
    return Caller(name=f"inbox:{preset}", can_read_all=True)


def of_rule(name: str, *, can_read_all: bool) -> Caller:
    """Return the caller that an event rule names. The rule also sets `can_read_all`."""
    return Caller(name=name, can_read_all=can_read_all)


def of_key(
    name: str,
    role: Role,
    key_id: str | None = None,
    source_ip: str | None = None,
    models: tuple[str, ...] = (),
) -> Caller:
    """Return the caller of an API key. Keys with the same name are the same caller."""
    return Caller(
        name=f"key:{name}",
        can_read_all=role is Role.ADMIN,
        key_id=key_id,
        source_ip=source_ip,
        models=models,
    )
