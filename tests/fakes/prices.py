"""Prices: the published tables, unless a test sets a quote."""

from dataclasses import dataclass, field
from typing import Any

from darkroom.domain import pricing
from darkroom.ports import Quote


@dataclass
class InMemoryPrices:
    """The port Prices. `quotes`: the provider's quotes by model, None if it has no price."""

    quotes: dict[str, Quote | None] = field(default_factory=dict)

    def quote(self, model: str, model_input: dict[str, Any], images: int) -> Quote | None:
        if model in self.quotes:
            return self.quotes[model]
        return self.published(model, model_input, images)

    def published(self, model: str, model_input: dict[str, Any], images: int) -> Quote | None:
        estimate = pricing.estimate_cost(model, model_input, images)
        return None if estimate is None else Quote(estimate, pricing.AS_OF)
