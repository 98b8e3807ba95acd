"""The provider's models in memory."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from darkroom.domain.catalogue import Catalogue, Model, read_model

READ_AT = datetime(2026, 11, 22, 9, tzinfo=UTC)


def model(model_id: str, price: int | None = 10_000, **entry: Any) -> Model:
    """Return the model of an entry in the provider's list. `properties` are those of its schema."""
    schema = {"properties": entry.pop("properties", {}), "required": entry.pop("required", [])}
    api_schema = {"api_schemas": [{"type": "model_run", "request_schema": schema}]}
    read = read_model({"model_id": model_id, "api_schema": api_schema} | entry, price)
    assert read is not None
    return read


@dataclass
class InMemoryModels:
    """The port Models. None: the provider does not answer."""

    models: list[Model] | None = field(default_factory=list)

    def read(self) -> Catalogue | None:
        if self.models is None:
            return None
        return Catalogue(read_at=READ_AT, models=tuple(sorted(self.models, key=lambda m: m.order)))
