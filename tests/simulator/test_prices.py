from typing import Any

import pytest

from tests.simulator.client import EDIT, REFERENCE, TEXT, Api

CELLS = [(q, r) for q in ("low", "medium", "high") for r in ("1k", "2k", "4k")]

# Milli-USD by table and model, rows low to high, columns 1k to 4k; then per further image.
PUBLISHED: dict[tuple[str, str], tuple[list[int], int]] = {
    ("a", TEXT): ([10, 20, 30, 60, 120, 180, 220, 440, 660], 0),
    ("a", EDIT): ([30, 60, 90, 60, 120, 180, 220, 440, 660], 0),
    ("b", TEXT): ([10, 20, 30, 60, 100, 180, 220, 400, 720], 0),
    ("b", EDIT): ([20, 30, 40, 70, 110, 190, 230, 410, 730], 12),
    ("max", TEXT): ([10, 20, 30, 60, 120, 180, 220, 440, 720], 0),
    ("max", EDIT): ([30, 60, 90, 70, 120, 190, 230, 440, 730], 12),
}


def inputs_for(model: str, quality: str, resolution: str, images: int = 1) -> dict[str, Any]:
    inputs: dict[str, Any] = {"prompt": "x", "quality": quality, "resolution": resolution}
    return inputs | ({"images": [REFERENCE] * images} if model == EDIT else {})


@pytest.mark.parametrize(("table", "model"), PUBLISHED)
def test_quotes_match_the_published_tables(api: Api, table: str, model: str) -> None:
    cells, further = PUBLISHED[table, model]
    api.provider.options(prices=table)

    for (quality, resolution), milli in zip(CELLS, cells, strict=True):
        for images in (1, 16) if model == EDIT else (1,):
            body = {"model_id": model, "inputs": inputs_for(model, quality, resolution, images)}
            quote = api.data(api.post("/model/price", body))
            assert quote["price"] == pytest.approx((milli + further * (images - 1)) / 1000)


def test_discount_lowers_the_charge_but_not_the_price(api: Api) -> None:
    api.provider.options(discount_rate=0.25)
    quote = api.data(api.post("/model/price", {"model_id": TEXT, "inputs": {}}))
    prediction = api.submit()

    assert (quote["price"], quote["discounted_price"]) == (0.06, 0.045)
    assert api.provider.ledger(prediction["id"])[0]["amount_micro_usd"] == 45_000


def test_model_list_includes_schemas(api: Api) -> None:
    listed = {model["model_id"]: model for model in api.data(api.get("/models"))}
    schema = listed[EDIT]["api_schema"]["api_schemas"][0]

    assert schema["api_path"] == f"/api/v3/{EDIT}"
    assert schema["request_schema"]["required"] == ["prompt", "images"]
    assert schema["request_schema"]["x-order-properties"][:2] == ["prompt", "images"]
    assert len(schema["request_schema"]["properties"]["aspect_ratio"]["enum"]) == 15
