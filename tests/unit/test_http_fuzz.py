"""Random requests never get a 500; the status is documented and the body is valid."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from darkroom.api.schemas import PredictionIds, PredictionQuery, PriceQuery, UploadRequest
from darkroom.domain.key_requests import KeyRequest
from infra.openapi_routes import ROUTES
from tests.fakes.world import TEXT_TO_IMAGE, World
from tests.profiles import examples
from tests.unit.http import Client

APP_ROUTES = [
    (route.method, route.path) for route in ROUTES if route.function != "OnWebhookFunction"
]
MODELS = ["openai/gpt-image-2/text-to-image", "openai/gpt-image-2/edit", "maker/model"]
FIELDS = [
    "operation", "prompt", "images", "quality", "resolution", "aspect_ratio", "output_format",
    "deadline_seconds", "priority", "model", "input", "enable_sync_mode", "filename",
    *UploadRequest.model_fields, *PredictionQuery.model_fields, *PredictionIds.model_fields,
    *PriceQuery.model_fields, *KeyRequest.model_fields, "n", "size", "webhook_url",
]  # fmt: skip
WORDS = [
    "1024x1024",
    "completed",
    "2026-11-22",
    "text-to-image",
    "edit",
    "1k",
    "low",
    "image/png",
    "upload:1.png",
    "s3://b/k",
    *MODELS,
]
QUERY = ["wait", "status", "limit", "cursor", "caller", "webhook"]
HEADERS = [
    "Content-Type", "content-type", "Idempotency-Key", "If-None-Match", "Host", "Origin", "Accept",
    "X-Forwarded-Proto",
]  # fmt: skip
VALUES = [
    "",
    "1",
    "25",
    "queued",
    "key:ada",
    "application/json",
    "application/json; x=y",
    '"e"',
    "multipart/form-data; boundary=b",
]

# Text includes lone surrogates: a JSON body can contain their escapes.
TEXTS = st.text(st.characters(exclude_categories=()))
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS | st.sampled_from(WORDS),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=8,
)
NEAR_REQUESTS = st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=6)
CHANGED_REQUESTS = st.builds(lambda changes: TEXT_TO_IMAGE | changes, NEAR_REQUESTS)
FORMS = st.builds(
    lambda head, content: (
        b"--b\r\nContent-Disposition: form-data; " + head + content + b"\r\n--b--"
    ),
    st.sampled_from([b'name="file"; filename="a"', b"name=file; filename*=x''%ff"]) | st.binary(),
    st.just(b"\r\n\r\nx") | st.binary(),
)
BODIES = (
    FORMS
    | st.none()
    | TEXTS
    | st.binary(max_size=50)
    | st.one_of(JSON, NEAR_REQUESTS, CHANGED_REQUESTS).map(json.dumps)
    | st.one_of(JSON, NEAR_REQUESTS, CHANGED_REQUESTS).map(lambda body: json.dumps(body).encode())
)
HEADER_VALUES = st.sampled_from(VALUES) | TEXTS


@pytest.mark.parametrize(("method", "path"), APP_ROUTES)
@settings(max_examples=examples(10))
@given(
    job_id=st.sampled_from(["own", "other"]) | st.text(min_size=1, max_size=30),
    model=st.sampled_from(MODELS) | st.text(min_size=1),
    body=BODIES,
    headers=st.dictionaries(st.sampled_from(HEADERS), HEADER_VALUES, max_size=4),
    query=st.dictionaries(st.sampled_from(QUERY) | TEXTS, HEADER_VALUES, max_size=2),
    role=st.sampled_from(["submit", "read", "admin"]),
    daily_budget=st.none() | st.sampled_from([0, 60_000, 10**9]),
)
def test_any_request_gets_a_documented_response(
    method: str,
    path: str,
    job_id: str,
    model: str,
    body: str | bytes | None,
    headers: dict[str, str],
    query: dict[str, str],
    role: str,
    daily_budget: int | None,
) -> None:
    world = World()
    job_ids = {
        "own": Client(world).accept_job().job_id,
        "other": world.accept_job().job_id,
    }
    client = Client(world, role=role, daily_budget=daily_budget)
    url_path = path.replace("{job_id}", job_ids.get(job_id, job_id)).replace("{model+}", model)

    response = client.send(method.upper(), url_path, body=body, headers=headers, query=query)

    assert response.status < 500
