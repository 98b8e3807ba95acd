from datetime import datetime, timedelta, timezone
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


def test_list_accepts_all_iso_8601_forms(api: Api) -> None:
    old = api.submit()
    api.provider.advance(1)
    new = api.submit()
    moment = datetime.fromisoformat(new["created_at"])  # keeps six of the nine digits
    west = moment.astimezone(timezone(-timedelta(hours=5)))

    for start in (
        new["created_at"],
        f"{moment:%Y-%m-%dT%H:%M:%S.%f}Z",
        f"{moment:%Y-%m-%dT%H:%M:%S.%f}",
        f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z",
        moment.isoformat(),
        west.isoformat(),
    ):
        assert listed(api, created_after=start) == [new["id"]]
    for end in (old["created_at"], f"{moment - timedelta(seconds=0.5):%Y-%m-%dT%H:%M:%S.%f}Z"):
        assert listed(api, created_before=end) == [old["id"]]
    assert listed(api, created_after=f"{moment + timedelta(seconds=1):%Y-%m-%dT%H:%M:%SZ}") == []


def test_list_includes_inputs_only_on_request(api: Api) -> None:
    api.submit("a distinguishing prompt", quality="low")

    [with_inputs] = api.data(api.post("/predictions", {"include_inputs": True}))["items"]
    [without] = api.data(api.post("/predictions"))["items"]

    assert with_inputs["inputs"] == {"prompt": "a distinguishing prompt", "quality": "low"}
    assert "inputs" not in without


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


def test_unlisted_faults_affect_one_prediction(api: Api) -> None:
    hidden = api.submit("x [[fault run.unlisted seconds=30]]")
    bare = api.submit("x [[fault run.unlisted_inputs]]")
    usual = api.submit()

    items = api.data(api.post("/predictions", {"include_inputs": True}))["items"]

    assert [item["id"] for item in items] == [usual["id"], bare["id"]]
    assert [("inputs" in item) for item in items] == [True, False]
    assert api.result(hidden)["status"] == "created"
    api.provider.advance(31)
    assert listed(api) == [usual["id"], bare["id"], hidden["id"]]


def test_list_fault_matches_the_model_filter(api: Api) -> None:
    edit, text = api.submit("x", EDIT), api.submit()
    api.provider.fault("list.lag", match={"model": EDIT}, times=0)

    assert listed(api, model=TEXT) == [text["id"]]
    assert listed(api, model=EDIT) == []
    assert listed(api) == [text["id"], edit["id"]]
