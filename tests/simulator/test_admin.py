from typing import Any

import pytest

from tests.simulator.client import Api


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PATCH", "/options", {"prices": "c"}),
        ("PATCH", "/options", {"time_scael": 1}),
        ("POST", "/webhook-secret", {"key": "unknown"}),
        ("POST", "/clock", {"advance": -1}),
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
