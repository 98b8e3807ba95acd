"""Switches of the simulator: set at the start, changed through the admin API."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

DEFAULT_KEY = "wsk_simulator_0001"


class _Switches(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class StatusWords(_Switches):
    """The words for a prediction that is not finished; sources disagree about them."""

    submitted: str = "created"
    waiting: str = "created"
    running: str = "processing"


Tier = Literal["bronze", "silver", "gold", "ultra",
               "older bronze", "older silver", "older gold", "older ultra"]  # fmt: skip

# Images a minute and predictions at once. The page about tiers exists in two versions.
TIERS: dict[Tier, tuple[int, int]] = {
    "bronze": (2, 2),
    "silver": (500, 300),
    "gold": (3000, 3000),
    "ultra": (5000, 10_000),
    "older bronze": (10, 3),
    "older silver": (500, 100),
    "older gold": (3000, 2000),
    "older ultra": (5000, 5000),
}


class Limits(_Switches):
    """The account tier: what is above it waits in a queue, or is answered with 429."""

    mode: Literal["off", "queue", "429"] = "off"
    tier: Tier = "bronze"
    per_minute: int | None = Field(default=None, ge=1)  # None: the tier's
    concurrent: int | None = Field(default=None, ge=1)
    window_seconds: float = Field(default=60, gt=0)
    retry_after: int | None = None

    @property
    def most(self) -> tuple[int, int]:
        """How many predictions a minute, and at once."""
        per_minute, concurrent = TIERS[self.tier]
        return self.per_minute or per_minute, self.concurrent or concurrent


class Options(_Switches):
    """Everything that can be switched while the simulator runs."""

    strict: bool = True
    time_scale: float = Field(default=0.1, ge=0)
    prices: Literal["max", "a", "b"] = "max"
    price_paths: Literal["both", "newer", "older"] = "both"
    discount_rate: float = Field(default=0, ge=0, lt=1)
    status_words: StatusWords = StatusWords()
    limits: Limits = Limits()
    opening_balance: float = Field(default=10_000, ge=0)
    no_credit: Literal[400, 402, 200, 1407] = 400
    refunds: Literal["delayed", "never"] = "delayed"
    refund_delay_seconds: float = Field(default=600, ge=0)
    refund_moderated: bool = False
    list_lag_seconds: float = Field(default=0, ge=0)

    def changed(self, patch: dict[str, Any]) -> "Options":
        """These options with some replaced; nested groups are merged. Raises ValidationError."""
        merged = self.model_dump()
        for name, value in patch.items():
            group = merged.get(name)
            is_group = isinstance(group, dict) and isinstance(value, dict)
            merged[name] = group | value if is_group else value
        return Options.model_validate(merged)


class Setup(BaseModel):
    """How one simulator is started."""

    host: str = "127.0.0.1"
    api_port: int = 0
    cdn_port: int = 0
    keys: tuple[str, ...] = (DEFAULT_KEY,)
    seed: int = 7
    options: Options = Options()
