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


class Limits(_Switches):
    """The account tier: what is above it waits in a queue, or is answered with 429."""

    mode: Literal["off", "queue", "429"] = "off"
    per_minute: int = Field(default=2, ge=1)
    concurrent: int = Field(default=2, ge=1)
    window_seconds: float = Field(default=60, gt=0)
    retry_after: int | None = None


class Options(_Switches):
    """Everything that can be switched while the simulator runs."""

    strict: bool = True
    time_scale: float = Field(default=0.1, ge=0)
    prices: Literal["max", "a", "b"] = "max"
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
