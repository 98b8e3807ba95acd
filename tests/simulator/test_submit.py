import base64
import re
import threading
from typing import Any

import pytest

from tests.simulator.client import EDIT, PICTURE, TEXT, Api


def test_a_submit_answers_at_once_with_the_prediction(api: Api) -> None:
    prediction = api.submit("a lake at dawn")

    assert re.fullmatch(r"[0-9a-f]{32}", prediction["id"])
    assert prediction["model"] == TEXT
    assert prediction["status"] == "created"
    assert prediction["outputs"] == []
    assert prediction["error"] == ""
    assert prediction["urls"]["get"].endswith(f"/api/v3/predictions/{prediction['id']}/result")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z", prediction["created_at"])


@pytest.mark.parametrize(
    "inputs",
    [
        {"prompt": "x", "aspect_ratio": "21:9", "resolution": "4k", "quality": "high"},
        {"prompt": "x", "output_format": "webp", "enable_sync_mode": False},
        {"prompt": "x" * 32_000},
    ],
)
def test_what_the_schema_allows_is_accepted(api: Api, inputs: dict[str, Any]) -> None:
    assert api.post(f"/{TEXT}", inputs).status_code == 200


@pytest.mark.parametrize(
    ("model", "inputs", "names"),
    [
        (TEXT, {}, "prompt"),
        (TEXT, {"prompt": ""}, "prompt"),
        (TEXT, {"prompt": " \n "}, "prompt"),
        (TEXT, {"prompt": 3}, "prompt"),
        (TEXT, {"prompt": "x" * 32_001}, "prompt"),
        (TEXT, {"prompt": "x", "aspect_ratio": "square"}, "aspect_ratio"),
        (TEXT, {"prompt": "x", "resolution": "1K"}, "resolution"),
        (TEXT, {"prompt": "x", "quality": "best"}, "quality"),
        (TEXT, {"prompt": "x", "output_format": "gif"}, "output_format"),
        (TEXT, {"prompt": "x", "enable_sync_mode": "yes"}, "enable_sync_mode"),
        (TEXT, {"prompt": "x", "size": "1024x1024"}, "size"),
        (TEXT, {"prompt": "x", "images": [PICTURE]}, "images"),
        (EDIT, {"prompt": "x"}, "images"),
        (EDIT, {"prompt": "x", "images": []}, "images"),
        (EDIT, {"prompt": "x", "images": [PICTURE] * 17}, "images"),
        (EDIT, {"prompt": "x", "images": PICTURE}, "images"),
        (EDIT, {"prompt": "x", "images": ["data:image/png;base64,AAAA"]}, "image 1"),
        (EDIT, {"prompt": "x", "images": [PICTURE, "iVBORw0KGgo="]}, "image 2"),
        (EDIT, {"prompt": "x", "images": ["s3://bucket/key.png"]}, "image 1"),
        (EDIT, {"prompt": "x", "images": ["https://[broken"]}, "image 1"),
    ],
)
def test_what_the_schema_forbids_is_a_400_that_names_the_field_and_charges_nothing(
    api: Api, model: str, inputs: dict[str, Any], names: str
) -> None:
    reply = api.post(f"/{model}", inputs)

    assert reply.status_code == 400
    assert reply.json()["code"] == 400
    assert names in reply.json()["message"]
    assert api.provider.ledger() == []


def test_lenient_mode_ignores_unknown_fields_and_reads_data_uris(api: Api) -> None:
    pixel = "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"
    api.provider.options(strict=False)

    done = api.run("x", EDIT, images=[pixel], size="1024x1024")

    assert done["status"] == "completed"


@pytest.mark.parametrize("body", ["{", "[]", '"text"', r'{"prompt": "\ud800"}'])
def test_a_body_that_is_no_object_is_a_400(api: Api, body: str) -> None:
    assert api.http.post(f"/{TEXT}", content=body).status_code == 400


@pytest.mark.parametrize(
    "headers", [{}, {"Authorization": "Bearer nobody"}, {"X-API-Key": "wsk_first_key_0001"}]
)
def test_only_a_bearer_key_opens_the_api(api: Api, headers: dict[str, str]) -> None:
    url = f"{api.provider.provider_url}/api/v3/{TEXT}"

    reply = api.anyone.post(url, json={"prompt": "x"}, headers=headers)

    assert (reply.status_code, reply.json()["code"]) == (401, 401)


@pytest.mark.parametrize("path", ["/openai/gpt-image-9", "/predictions/feed/result", "/nothing"])
def test_unknown_models_and_predictions_are_404_envelopes(api: Api, path: str) -> None:
    reply = api.get(path) if "predictions" in path else api.post(path, {"prompt": "x"})

    assert (reply.status_code, reply.json()["code"]) == (404, 404)


def test_base64_with_a_webhook_is_refused_without_an_envelope(api: Api) -> None:
    reply = api.post(
        f"/{TEXT}?webhook=https%3A%2F%2Fhooks.example%2Fa",
        {"prompt": "x", "enable_base64_output": True},
    )

    assert reply.status_code == 400
    assert set(reply.json()) == {"error"}


def test_a_base64_output_is_naked_and_decodable(api: Api) -> None:
    done = api.run("x", enable_base64_output=True)

    assert base64.b64decode(done["outputs"][0]).startswith(b"\x89PNG")


def test_sync_mode_gives_up_with_5004_while_the_task_goes_on(api: Api) -> None:
    api.provider.fault("run.stuck_processing")
    ticking = threading.Timer(0.3, api.provider.advance, [91])

    ticking.start()
    held = api.data(api.post(f"/{TEXT}", {"prompt": "x", "enable_sync_mode": True}))
    ticking.join()

    assert (held["status"], held["code"]) == ("processing", 5004)
    assert held["error"].startswith("Sync mode timed out after 90 seconds")


def test_every_request_is_logged_with_its_body_and_a_masked_key(api: Api) -> None:
    api.submit("findable words", quality="low")
    api.post("/no/such/model", {"prompt": "x"})

    [found] = api.provider.requests(contains="findable")

    assert found["method"] == "POST"
    assert found["path"] == f"/api/v3/{TEXT}"
    assert found["body"] == {"prompt": "findable words", "quality": "low"}
    assert found["headers"]["authorization"] == "Bearer …0001"
    assert found["status"] == 200
    assert [entry["status"] for entry in api.provider.requests(status=404)] == [404]
    assert len(api.provider.submissions()) == 2
