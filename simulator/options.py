"""Options of the simulator: set at the start, changed through the admin API."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

DEFAULT_KEY = "wsk_simulator_0001"


class _FrozenModel(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class StatusWords(_FrozenModel):
    """The status words of an unfinished prediction. Published sources disagree about them."""

    submitted: str = "created"
    waiting: str = "created"
    running: str = "processing"


Tier = Literal["bronze", "silver", "gold", "ultra",
               "older bronze", "older silver", "older gold", "older ultra"]  # fmt: skip

# Images per minute and concurrent predictions. Two versions of the provider's tier page exist.
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


class Limits(_FrozenModel):
    """The account tier. Predictions above its limits wait in a queue or get a 429."""

    mode: Literal["off", "queue", "429"] = "off"
    tier: Tier = "bronze"
    per_minute: int | None = Field(default=None, ge=1)  # None: the limit of the tier
    concurrent: int | None = Field(default=None, ge=1)
    window_seconds: float = Field(default=60, gt=0)
    retry_after: int | None = None

    @property
    def values(self) -> tuple[int, int]:
        """The predictions per minute and the concurrent predictions."""
        per_minute, concurrent = TIERS[self.tier]
        return self.per_minute or per_minute, self.concurrent or concurrent


class Options(_FrozenModel):
    """All options that can change while the simulator runs."""

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
        """Return a copy with changes; nested groups are merged. Raises ValidationError."""
        merged = self.model_dump()
        for name, value in patch.items():
            group = merged.get(name)
            is_group = isinstance(group, dict) and isinstance(value, dict)
            merged[name] = group | value if is_group else value
        return Options.model_validate(merged)


class Setup(BaseModel):
    """The start parameters of one simulator."""

    host: str = "127.0.0.1"
    api_port: int = 0
    cdn_port: int = 0
    keys: tuple[str, ...] = (DEFAULT_KEY,)
    seed: int = 7
    options: Options = Options()
