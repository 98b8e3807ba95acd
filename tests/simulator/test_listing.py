from typing import Any

import pytest

from tests.simulator.client import EDIT, TEXT, Api


def listed(api: Api, **query: Any) -> list[str]:
    return [item["id"] for item in api.data(api.post("/predictions", query))["items"]]


def test_list_is_newest_first_and_per_account(api: Api, other_api: Api) -> None:
    ids = []
    for _ in range(3):
        ids.append(api.submit()["id"])
        api.provider.advance(1)

    assert listed(api) == ids[::-1]
    assert listed(other_api) == []


def test_list_is_paginated(api: Api) -> None:
    ids = [api.submit()["id"] for _ in range(5)][::-1]

    pages = [listed(api, page=page, page_size=2) for page in (1, 2, 3, 4)]

    assert pages == [ids[:2], ids[2:4], ids[4:], []]


@pytest.mark.parametrize("query", [{"page": 0}, {"page_size": 101}, {"created_after": "noon"}])
def test_invalid_list_query_returns_400(api: Api, query: dict[str, Any]) -> None:
    api.submit()

    assert api.post("/predictions", query).status_code == 400


def test_list_filters_by_model_status_and_time(api: Api) -> None:
    old = api.run()
    api.provider.advance(60)
    edit = api.submit("x", EDIT)
    api.provider.advance(60)
    new = api.submit()

    assert listed(api, model=EDIT) == [edit["id"]]
    assert listed(api, model=TEXT) == [new["id"], old["id"]]
    assert listed(api, status="completed", model=TEXT) == [old["id"]]
    window = {"created_after": edit["created_at"], "created_before": edit["created_at"]}
    assert listed(api, **window) == [edit["id"]]


def test_list_lag_hides_new_predictions(api: Api) -> None:
    prediction = api.submit()
    api.provider.options(list_lag_seconds=30)

    assert listed(api) == []
    api.provider.advance(31)
    api.provider.fault("list.lag", seconds=10)
    assert listed(api) == []
    assert listed(api) == [prediction["id"]]


def test_list_shift_and_no_inputs_faults(api: Api) -> None:
    older, newer = api.submit(), api.submit()
    api.provider.fault("list.shift")
    api.provider.fault("list.no_inputs")

    assert listed(api) == [older["id"]]
    bare = api.data(api.post("/predictions", {"include_inputs": True}))["items"]
    assert [("inputs" in item) for item in bare] == [False, False]
    assert listed(api) == [newer["id"], older["id"]]
