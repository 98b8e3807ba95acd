import re
import threading
from typing import Any

import pytest

from tests.simulator.client import EDIT, REFERENCE, TEXT, Api


def test_submit_returns_the_created_prediction(api: Api) -> None:
    prediction = api.submit("a lake at dawn")

    assert re.fullmatch(r"[0-9a-f]{32}", prediction["id"])
    assert prediction["model"] == TEXT
    assert prediction["status"] == "created"
    assert prediction["outputs"] == []
    assert prediction["error"] == ""
    assert prediction["urls"]["get"].endswith(f"/api/v3/predictions/{prediction['id']}/result")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z", prediction["created_at"])


@pytest.mark.parametrize(
    ("model", "inputs", "field"),
    [
        (TEXT, {}, "prompt"),
        (TEXT, {"prompt": ""}, "prompt"),
        (TEXT, {"prompt": "x" * 32_001}, "prompt"),
        (TEXT, {"prompt": "x", "aspect_ratio": "square"}, "aspect_ratio"),
        (TEXT, {"prompt": "x", "quality": "best"}, "quality"),
        (TEXT, {"prompt": "x", "size": "1024x1024"}, "size"),
        (TEXT, {"prompt": "x", "images": [REFERENCE]}, "images"),
        (EDIT, {"prompt": "x"}, "images"),
        (EDIT, {"prompt": "x", "images": []}, "images"),
        (EDIT, {"prompt": "x", "images": [REFERENCE] * 17}, "images"),
        (EDIT, {"prompt": "x", "images": ["data:image/png;base64,AAAA"]}, "image 1"),
        (EDIT, {"prompt": "x", "images": [REFERENCE, "iVBORw0KGgo="]}, "image 2"),
    ],
)
def test_invalid_input_returns_400_with_the_field_and_no_charge(
    api: Api, model: str, inputs: dict[str, Any], field: str
) -> None:
    response = api.post(f"/{model}", inputs)

    assert response.status_code == 400
    assert response.json()["code"] == 400
    assert field in response.json()["message"]
    assert api.provider.ledger() == []


def test_non_strict_mode_accepts_unknown_fields_and_data_uris(api: Api) -> None:
    pixel = "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"
    api.provider.options(strict=False)

    done = api.run("x", EDIT, images=[pixel], size="1024x1024")

    assert done["status"] == "completed"


@pytest.mark.parametrize("body", ["{", "[]", '"text"', r'{"prompt": "\ud800"}'])
def test_invalid_json_body_returns_400(api: Api, body: str) -> None:
    assert api.http.post(f"/{TEXT}", content=body).status_code == 400


@pytest.mark.parametrize(
    "headers", [{}, {"Authorization": "Bearer unknown"}, {"X-API-Key": "wsk_first_key_0001"}]
)
def test_missing_or_unknown_bearer_key_returns_401(api: Api, headers: dict[str, str]) -> None:
    url = f"{api.provider.provider_url}/api/v3/{TEXT}"

    response = api.anonymous.post(url, json={"prompt": "x"}, headers=headers)

    assert (response.status_code, response.json()["code"]) == (401, 401)


@pytest.mark.parametrize("path", ["/openai/gpt-image-9", "/predictions/feed/result", "/nothing"])
def test_unknown_model_or_prediction_returns_404_envelope(api: Api, path: str) -> None:
    response = api.get(path) if "predictions" in path else api.post(path, {"prompt": "x"})

    assert (response.status_code, response.json()["code"]) == (404, 404)


def test_sync_mode_times_out_with_5004(api: Api) -> None:
    api.provider.fault("run.stuck_processing")
    ticking = threading.Timer(0.3, api.provider.advance, [91])

    ticking.start()
    body = api.data(api.post(f"/{TEXT}", {"prompt": "x", "enable_sync_mode": True}))
    ticking.join()

    assert (body["status"], body["code"]) == ("processing", 5004)
    assert body["error"].startswith("Sync mode timed out after 90 seconds")


def test_requests_are_logged_with_body_and_masked_key(api: Api) -> None:
    api.submit("searchable words", quality="low")
    api.post("/no/such/model", {"prompt": "x"})

    [entry] = api.provider.requests(contains="searchable")

    assert entry["method"] == "POST"
    assert entry["path"] == f"/api/v3/{TEXT}"
    assert entry["body"] == {"prompt": "searchable words", "quality": "low"}
    assert entry["headers"]["authorization"] == "Bearer …0001"
    assert entry["status"] == 200
    assert [item["status"] for item in api.provider.requests(status=404)] == [404]
    assert len(api.provider.submissions()) == 2
