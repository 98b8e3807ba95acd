from typing import Any

import pytest

from tests.simulator.client import EDIT, Api


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PATCH", "/options", {"prices": "c"}),
        ("PATCH", "/options", {"time_scael": 1}),
        ("PATCH", "/options", {"limits": {"mode": "never"}}),
        ("PATCH", "/options", {"limits": 3}),
        ("PATCH", "/options", {"limits": {"tier": "wood"}}),
        ("POST", "/webhook-secret", {"key": "nobody"}),
        ("POST", "/webhook-secret", {"secret": 1}),
        ("POST", "/clock", {"advance": -1}),
        ("POST", "/clock", {}),
        ("PUT", "/balance", {"usd": "much"}),
        ("PUT", "/balance", {"usd": 1, "key": "nobody"}),
    ],
)
def test_a_mistake_is_a_400(api: Api, method: str, path: str, body: dict[str, Any]) -> None:
    reply = api.anyone.request(method, api.provider.provider_admin_url + path, json=body)

    assert reply.status_code == 400
    assert reply.json()["message"]


def test_options_change_one_by_one_and_in_groups(api: Api) -> None:
    api.provider.options(limits={"mode": "429"})
    changed = api.provider.options(limits={"per_minute": 9}, strict=False)

    assert (changed["limits"]["mode"], changed["limits"]["per_minute"]) == ("429", 9)
    assert changed["strict"] is False


def test_a_balance_is_set_for_one_key(api: Api, other_api: Api) -> None:
    before = api.balance()

    api.provider.set_balance(1.25, other_api.http.headers["authorization"].split()[1])

    assert (api.balance(), other_api.balance()) == (before, 1.25)


def test_predictions_show_what_is_planned_for_them(api: Api) -> None:
    api.submit(aspect_ratio="1:2")
    api.provider.fault("run.failed")
    api.submit("x", EDIT)

    first, second = api.provider.predictions()
    [edit] = api.provider.predictions(model=EDIT)

    assert first["inputs"] == {"prompt": "a lake", "aspect_ratio": "1:2"}
    assert (first["ends_as"], first["price_micro_usd"], first["faults"]) == (
        "completed",
        60_000,
        [],
    )
    assert (second["ends_as"], second["faults"]) == ("failed", ["run.failed"])
    assert edit == second


def test_a_reset_forgets_everything(api: Api) -> None:
    done = api.run()
    api.download(done)
    api.provider.fault("submit.http")
    api.provider.options(prices="a")

    api.provider.reset()

    assert api.provider.requests() == api.provider.ledger() == api.provider.predictions() == []
    assert api.provider.served() == {}
    assert api.submit()["status"] == "created"
    assert api.download(done).status_code == 403
