"""Find the provider's models that a caller may use."""

from dataclasses import dataclass

from darkroom.domain.callers import Caller
from darkroom.domain.catalogue import Model
from darkroom.domain.errors import NotFoundError, UnavailableError
from darkroom.domain.pricing import UnknownPrices
from darkroom.ports import Models


@dataclass(frozen=True)
class ModelPage:
    """A page of models, and the number and the kinds of all that match."""

    models: tuple[Model, ...]
    total: int
    types: tuple[str, ...]  # of every model that the caller may use


@dataclass(frozen=True)
class FindModels:
    """Find models. Those that the API key may not use are left out."""

    models: Models
    unknown_prices: UnknownPrices

    def page(
        self, caller: Caller, *, text: str | None, kind: str | None, limit: int, page: int
    ) -> ModelPage:
        """Return the models with every word of `text`, popular ones first.

        Models with the words in their id or name come before the others. `page` counts from 1.
        Raises UnavailableError.
        """
        usable = self._usable(caller)
        words = (text or "").lower().split()
        found = [
            model
            for model in usable
            if model.matches(words) and (kind is None or model.type == kind)
        ]
        found.sort(key=lambda model: not model.is_named(words))  # the sort is stable
        start = (page - 1) * limit
        types = tuple(sorted({model.type for model in usable if model.type}))
        return ModelPage(tuple(found[start : start + limit]), len(found), types)

    def one(self, caller: Caller, model_id: str) -> Model:
        """Return a model. Raises ForbiddenError, NotFoundError or UnavailableError."""
        caller.require_model(model_id)
        for model in self._usable(caller):
            if model.id == model_id:
                return model
        raise NotFoundError("WaveSpeed has no such model. Find the id with `GET /v1/models`.")

    def problem(self, caller: Caller, model: Model) -> str | None:
        """Return why the caller may not run the model; None if it may, or if a quote decides."""
        if model.base_price_micro_usd is not None:
            return None
        problem = self.unknown_prices.problem(caller)
        return None if problem is None else problem.message

    def _usable(self, caller: Caller) -> list[Model]:
        catalogue = self.models.read()
        if catalogue is None:
            raise UnavailableError("WaveSpeed's list of models cannot be read. Try again later.")
        return [model for model in catalogue.models if caller.may_use(model.id)]
