"""Prices: the published tables, and what a test says instead."""

from dataclasses import dataclass, field
from typing import Any

from darkroom.domain import pricing
from darkroom.ports import Quote


@dataclass
class InMemoryPrices:
    """The port Prices; `quotes` are the provider's own, by model: None where it knows none."""

    quotes: dict[str, Quote | None] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, Any], int]] = field(default_factory=list)

    def quote(self, model: str, model_input: dict[str, Any], images: int) -> Quote | None:
        self.asked.append((model, model_input, images))
        if model in self.quotes:
            return self.quotes[model]
        estimate = pricing.estimate(model, model_input, images)
        return None if estimate is None else Quote(estimate, pricing.AS_OF)
