"""Requests about API keys, and what the API and the command line show of a key."""

import re
from datetime import date, datetime
from ipaddress import ip_network
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from darkroom.domain.callers import Role
from darkroom.domain.errors import FieldProblem, InvalidRequestError
from darkroom.domain.keys import NAME_PATTERN, Creator, Key
from darkroom.domain.requests import CallbackUrl, ReuseSeconds, invalid
from darkroom.domain.values import WHOLE, Body

MAX_DAYS = 3650
MAX_BUDGET_USD = 1_000_000
# The authorizer returns the models with each request, in a response of at most 8 KB.
_MAX_MODELS, _MAX_CIDRS = 20, 20
_NAMES = "1 to 40 letters, digits or ._-, beginning with a letter or a digit"
_PART = "[A-Za-z0-9][A-Za-z0-9._-]*"
_MODEL = re.compile(rf"{_PART}(/{_PART})*/({_PART}|\*)")
MICRO = 1_000_000
NO_KEY = "There is no key with this id. `darkroom keys list` and GET /v1/keys list all keys."


def _check_name(name: str) -> str:
    if not re.fullmatch(NAME_PATTERN, name):
        raise invalid(f"must be {_NAMES}.", _NAMES)
    return name


def _check_models(models: tuple[str, ...]) -> tuple[str, ...]:
    for index, model in enumerate(models):
        if not _MODEL.fullmatch(model):
            message = "is not a model id. Use maker/model, or maker/* for all of a maker."
            raise invalid(message, "maker/model or maker/*", str(index))
    return models


def _check_cidrs(networks: tuple[str, ...]) -> tuple[str, ...]:
    checked: list[str] = []
    for index, text in enumerate(networks):
        try:
            checked.append(str(ip_network(text.strip())))
        except ValueError as error:
            message = f"is not a network: {error}. Use a network such as 203.0.113.0/24."
            raise invalid(message, "IPv4 or IPv6 networks", str(index)) from None
    return tuple(checked)


_Budget = Annotated[
    float,
    Field(strict=True, ge=0, le=MAX_BUDGET_USD, allow_inf_nan=False),
]
_Unlimited = Annotated[bool, Field(strict=True)]


class KeyRequest(Body):
    """A new API key."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    name: Annotated[
        str,
        AfterValidator(_check_name),
        Field(
            description="The caller. Keys with the same name are one caller: they share jobs, "
            "idempotency keys and the daily budget.",
            json_schema_extra={"pattern": f"^{NAME_PATTERN}$"},
        ),
    ]
    role: Role = Field(
        default=Role.SUBMIT,
        description="`submit`: create jobs and read the caller's own. `read`: read the caller's "
        "own jobs. `admin`: read and change all jobs, and manage keys.",
    )
    expires_in_days: Annotated[int, WHOLE, Field(strict=True, ge=1, le=MAX_DAYS)] | None = Field(
        default=None, description="Days until the key expires. Required without `unlimited`."
    )
    daily_budget_usd: _Budget | None = Field(
        default=None,
        description="Sets the daily budget of the caller in USD, also for its other keys. Required "
        "without `unlimited`.",
    )
    unlimited: _Unlimited = Field(
        default=False,
        description="true: without `expires_in_days`, the key does not expire; without "
        "`daily_budget_usd`, the key leaves the caller's budget as it is.",
    )
    models: Annotated[
        tuple[Annotated[str, StringConstraints(max_length=200)], ...],
        AfterValidator(_check_models),
        Field(max_length=_MAX_MODELS),
    ] = Field(
        default=(),
        description="The models that the key may use: ids, or `maker/*` for all models under a "
        "prefix. Default: all models.",
    )
    source_cidrs: Annotated[
        tuple[str, ...], AfterValidator(_check_cidrs), Field(max_length=_MAX_CIDRS)
    ] = Field(
        default=(),
        description="The IPv4 and IPv6 networks from which the key may be used. Default: all.",
    )

    callback_url: CallbackUrl | None = Field(
        default=None,
        description="An https:// URL that receives the terminal events of the key's jobs, unless a "
        "request has its own. It is not shown again.",
    )
    reuse_seconds: ReuseSeconds = Field(
        default=0, description="`reuse_seconds` of the key's requests that have none."
    )

    def require_limits(self) -> None:
        """Raise InvalidRequestError if a limit is missing and `unlimited` is not set."""
        if self.unlimited:
            return
        missing = [
            FieldProblem(
                field=name,
                message=f"`{name}` is missing. Set it, or set `unlimited` to true for a key"
                f" {without}.",
                allowed=allowed,
            )
            for name, without, allowed in (
                ("expires_in_days", "that does not expire", f"1 to {MAX_DAYS}"),
                ("daily_budget_usd", "without a budget of its own", f"0 to {MAX_BUDGET_USD}"),
            )
            if getattr(self, name) is None
        ]
        if missing:
            raise InvalidRequestError(missing)


class BudgetRequest(Body):
    """A change of the daily budget of a key's caller: an amount, or none."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    daily_budget_usd: _Budget | None = Field(
        default=None, description="The daily budget of the caller in USD."
    )
    unlimited: _Unlimited = Field(default=False, description="true: the caller has no budget.")

    def require_one(self) -> None:
        """Raise InvalidRequestError unless the request has either an amount or `unlimited`."""
        if (self.daily_budget_usd is None) is not self.unlimited:
            message = "Set either `daily_budget_usd` or `unlimited` to true."
            raise InvalidRequestError.of("daily_budget_usd", message, f"0 to {MAX_BUDGET_USD}")


def micro_usd(usd: float | None) -> int | None:
    """Return an amount in micro-USD; None for None."""
    return None if usd is None else round(usd * MICRO)


def describe_cap(micro_usd: int | None) -> str:
    """Return a daily budget in words, for the audit log."""
    return "none" if micro_usd is None else f"{micro_usd / MICRO:g} USD a day"


class KeyView(BaseModel):
    """An API key, without the key itself."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    id: str = Field(description="The first 12 characters of the key's SHA-256.")
    name: str
    role: Role
    created_at: datetime
    created_by: Creator | None = Field(description="null for a key of an earlier version.")
    expires_at: datetime | None = Field(description="null: the key does not expire.")
    daily_budget_usd: float | None = Field(
        description="The daily budget of the caller in USD. null: no limit."
    )
    used_today_usd: float | None = Field(
        description="What the caller has spent or reserved of its budget today (UTC). null without "
        "a budget."
    )
    models: tuple[str, ...] = Field(description="The allowed models; empty for all.")
    source_cidrs: tuple[str, ...] = Field(description="The allowed networks; empty for all.")
    callback_host: str | None = Field(
        description="The host of the key's callback URL; null without one."
    )
    last_used: date | None = Field(description="Day of the last use, in UTC.")

    @classmethod
    def of(cls, stored: Key, cap: int | None, used: int, **more: Any) -> Self:
        """Return the view of a key. `cap` and `used` are the caller's, in micro-USD."""
        return cls(
            id=stored.key_id,
            expires_at=stored.expires,
            daily_budget_usd=None if cap is None else cap / MICRO,
            used_today_usd=None if cap is None else used / MICRO,
            **{name: getattr(stored, name) for name in _SHOWN},
            **more,
        )


_SHOWN = (
    "name",
    "role",
    "created_at",
    "created_by",
    "models",
    "source_cidrs",
    "callback_host",
    "last_used",
)


class CreatedKey(KeyView):
    """A new API key. Only this response contains the key itself."""

    key: str = Field(description="The API key. It is shown once: only its digest is stored.")


class RevokedKey(BaseModel):
    """A key that was revoked."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    id: str
    name: str


class KeyList(BaseModel):
    """All API keys, oldest first."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    keys: tuple[KeyView, ...]
