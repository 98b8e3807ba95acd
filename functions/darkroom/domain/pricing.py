"""Price estimates in integer micro-USD, from the provider's published tables."""

from enum import StrEnum
from typing import Any

from darkroom.domain.callers import Caller
from darkroom.domain.errors import FieldProblem
from darkroom.domain.requests import EDIT_MODEL, TEXT_TO_IMAGE_MODEL, Quality, Resolution

# Two tables are public: A, the catalogue of 2026-06-23, and B, the catalogue of 2026-07-29. Neither
# has been withdrawn, so an estimate takes the higher price of the two for each cell.
AS_OF = "2026-07-29"

_CENT = 10_000
_COLUMNS = (Resolution.R1K, Resolution.R2K, Resolution.R4K)
_CENTS_A = {
    (TEXT_TO_IMAGE_MODEL, Quality.LOW): (1, 2, 3),
    (TEXT_TO_IMAGE_MODEL, Quality.MEDIUM): (6, 12, 18),
    (TEXT_TO_IMAGE_MODEL, Quality.HIGH): (22, 44, 66),
    (EDIT_MODEL, Quality.LOW): (3, 6, 9),
    (EDIT_MODEL, Quality.MEDIUM): (6, 12, 18),
    (EDIT_MODEL, Quality.HIGH): (22, 44, 66),
}
# B was published for edit only. Its text-to-image half is inferred from a sister model's prices.
_CENTS_B = {
    (TEXT_TO_IMAGE_MODEL, Quality.LOW): (1, 2, 3),
    (TEXT_TO_IMAGE_MODEL, Quality.MEDIUM): (6, 10, 18),
    (TEXT_TO_IMAGE_MODEL, Quality.HIGH): (22, 40, 72),
    (EDIT_MODEL, Quality.LOW): (2, 3, 4),
    (EDIT_MODEL, Quality.MEDIUM): (7, 11, 19),
    (EDIT_MODEL, Quality.HIGH): (23, 41, 73),
}
_ADDITIONAL_IMAGE = 12_000  # table B: for each reference after the first


class UnknownPrices(StrEnum):
    """Who may run a model whose price is not known."""

    ALL = "all"
    ADMIN = "admin"  # callers that can read all: admin keys, the inbox and the stack's event bus
    NONE = "none"

    def problem(self, caller: Caller) -> FieldProblem | None:
        """Return why the caller may not run a model of unknown price; None if it may."""
        if self is UnknownPrices.ALL or (self is UnknownPrices.ADMIN and caller.can_read_all):
            return None
        permitted = "only with an admin key" if self is UnknownPrices.ADMIN else "for no caller"
        allowed = "a model with a known price"
        message = (
            "The price of this model with this input is not known, and this deployment runs such"
            f" models {permitted}. Use {allowed}, or ask the operator (parameter `UnknownPrices`)."
        )
        return FieldProblem(field="model", message=message, allowed=allowed)


def estimate_cost(model: str, model_input: dict[str, Any], images: int) -> int | None:
    """Return the highest published price in micro-USD; None if no price is published."""
    quality, resolution = model_input.get("quality"), model_input.get("resolution")
    # Another model may use these field names for any type, including unhashable values.
    if quality not in list(Quality) or resolution not in _COLUMNS:
        return None
    row, column = (model, Quality(quality)), _COLUMNS.index(Resolution(resolution))
    if row not in _CENTS_A:
        return None
    cents = max(_CENTS_A[row][column], _CENTS_B[row][column])
    return cents * _CENT + max(0, images - 1) * _ADDITIONAL_IMAGE
