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
        ("POST", "/webhook-secret", {"key": "unknown"}),
        ("POST", "/webhook-secret", {"secret": 1}),
        ("POST", "/clock", {"advance": -1}),
        ("POST", "/clock", {}),
        ("PUT", "/balance", {"usd": "much"}),
        ("PUT", "/balance", {"usd": 1, "key": "unknown"}),
    ],
)
def test_invalid_admin_request_returns_400(
    api: Api, method: str, path: str, body: dict[str, Any]
) -> None:
    response = api.anonymous.request(method, api.provider.provider_admin_url + path, json=body)

    assert response.status_code == 400
    assert response.json()["message"]


def test_option_patches_are_merged(api: Api) -> None:
    api.provider.options(limits={"mode": "429"})
    changed = api.provider.options(limits={"per_minute": 9}, strict=False)

    assert (changed["limits"]["mode"], changed["limits"]["per_minute"]) == ("429", 9)
    assert changed["strict"] is False


def test_set_balance_affects_only_its_key(api: Api, other_api: Api) -> None:
    before = api.balance()

    api.provider.set_balance(1.25, other_api.http.headers["authorization"].split()[1])

    assert (api.balance(), other_api.balance()) == (before, 1.25)


def test_predictions_show_inputs_price_faults_and_planned_end(api: Api) -> None:
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


def test_reset_clears_all_state(api: Api) -> None:
    done = api.run()
    api.download(done)
    api.provider.fault("submit.http")
    api.provider.options(prices="a")

    api.provider.reset()

    assert api.provider.requests() == api.provider.ledger() == api.provider.predictions() == []
    assert api.provider.served() == {}
    assert api.submit()["status"] == "created"
    assert api.download(done).status_code == 403
