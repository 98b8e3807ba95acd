"""Who asks: the owner of a key, a folder of the inbox, or whoever may put events on a bus."""

from enum import StrEnum

from pydantic import BaseModel, ConfigDict


class Role(StrEnum):
    """What a key is for."""

    SUBMIT = "submit"  # asks for jobs, sees its own
    READ = "read"  # sees its own
    ADMIN = "admin"  # all of that, for everybody's jobs


class Caller(BaseModel):
    """A name that jobs, budgets and idempotency keys belong to."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    name: str
    # A door that only the account's owner can open, or an admin's key.
    can_read_all: bool = False

    def owns(self, owner: str | None) -> bool:
        """Tell whether this caller may see what belongs to `owner`."""
        return self.can_read_all or self.name == owner


INBOX = Caller(name="inbox", can_read_all=True)


def of_preset(preset: str) -> Caller:
    """Return the caller that an inbox folder stands for."""
    return Caller(name=f"inbox:{preset}", can_read_all=True)


def of_rule(name: str, *, can_read_all: bool) -> Caller:
    """Return the caller that an event rule names; the rule says, too, how far it is trusted."""
    return Caller(name=name, can_read_all=can_read_all)


def of_key(name: str, role: Role) -> Caller:
    """Return the caller that a key's name stands for; keys of one name are one caller."""
    return Caller(name=f"key:{name}", can_read_all=role is Role.ADMIN)
