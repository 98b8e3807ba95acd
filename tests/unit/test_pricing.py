"""Prices against the published tables (wavespeed-api.md 3.1, 3.2 and 3.4)."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkroom.domain.pricing import estimate_cost
from darkroom.domain.requests import EDIT_MODEL, TEXT_TO_IMAGE_MODEL

MILLION = 1_000_000
# Section 3.4: the upper limit of each cell, in US dollars.
CEILINGS = {
    (TEXT_TO_IMAGE_MODEL, "low"): ("0.01", "0.02", "0.03"),
    (TEXT_TO_IMAGE_MODEL, "medium"): ("0.06", "0.12", "0.18"),
    (TEXT_TO_IMAGE_MODEL, "high"): ("0.22", "0.44", "0.72"),
    (EDIT_MODEL, "low"): ("0.03", "0.06", "0.09"),
    (EDIT_MODEL, "medium"): ("0.07", "0.12", "0.19"),
    (EDIT_MODEL, "high"): ("0.23", "0.44", "0.73"),
}
CELLS = [
    (model, quality, resolution, round(float(dollars) * MILLION))
    for (model, quality), row in CEILINGS.items()
    for resolution, dollars in zip(("1k", "2k", "4k"), row, strict=True)
]


@pytest.mark.parametrize(("model", "quality", "resolution", "price"), CELLS)
def test_estimate_is_the_higher_price_of_the_two_tables(
    model: str, quality: str, resolution: str, price: int
) -> None:
    images = 1 if model == EDIT_MODEL else 0

    assert estimate_cost(model, {"quality": quality, "resolution": resolution}, images) == price


@given(st.sampled_from([cell for cell in CELLS if cell[0] == EDIT_MODEL]), st.integers(1, 16))
def test_each_additional_image_adds_its_price(cell: tuple[str, str, str, int], images: int) -> None:
    model, quality, resolution, price = cell

    estimated = estimate_cost(model, {"quality": quality, "resolution": resolution}, images)

    assert estimated == price + (images - 1) * 12_000


ANYTHING: st.SearchStrategy[object] = (
    st.none() | st.booleans() | st.text() | st.lists(st.text()) | st.just({"a": []})
)


@given(st.fixed_dictionaries({}, optional={"quality": ANYTHING, "resolution": ANYTHING}))
def test_unknown_model_has_no_price_for_any_input(
    model_input: dict[str, Any],
) -> None:
    assert estimate_cost("wavespeed-ai/flux-dev", model_input, 0) is None


@given(
    st.sampled_from([TEXT_TO_IMAGE_MODEL, EDIT_MODEL]),
    st.fixed_dictionaries(
        {},
        optional={
            "quality": st.sampled_from(["low", "medium", "high", "ultra"]) | ANYTHING,
            "resolution": st.sampled_from(["1k", "2k", "4k", "8k"]) | ANYTHING,
        },
    ),
    st.integers(0, 16),
)
def test_price_is_positive_or_none(model: str, model_input: dict[str, Any], images: int) -> None:
    price = estimate_cost(model, model_input, images)

    assert price is None or price >= 10_000
