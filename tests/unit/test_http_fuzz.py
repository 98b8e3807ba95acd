"""Whatever comes in: never a crash, and always a documented status with a valid body."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkroom.web.contract import UploadRequest
from infra.openapi_routes import ROUTES
from tests.fakes.world import TEXT_TO_IMAGE, World
from tests.unit.http import Client

SERVED = [(route.method, route.path) for route in ROUTES if route.function == "ApiFunction"]
MODELS = ["openai/gpt-image-2/text-to-image", "openai/gpt-image-2/edit", "maker/model"]
FIELDS = [
    "operation", "prompt", "images", "quality", "resolution", "aspect_ratio", "output_format",
    "deadline_seconds", "priority", "model", "input", "enable_sync_mode", "filename",
    *UploadRequest.model_fields,
]  # fmt: skip
WORDS = ["text-to-image", "edit", "1k", "low", "image/png", "upload:1.png", "s3://b/k", *MODELS]
QUERY = ["wait", "status", "limit", "cursor", "caller", "webhook"]
HEADERS = [
    "Content-Type", "content-type", "Idempotency-Key", "If-None-Match", "Host", "Origin", "Accept",
    "X-Forwarded-Proto",
]  # fmt: skip
VALUES = ["", "1", "25", "queued", "key:ada", "application/json", "application/json; x=y", '"e"']

# Text with halves of surrogate pairs, too: a body can spell them, and a client can send anything.
TEXTS = st.text(st.characters(exclude_categories=()))
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS | st.sampled_from(WORDS),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=8,
)
NEARLY = st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=6)
CHANGED = st.builds(lambda changes: TEXT_TO_IMAGE | changes, NEARLY)
BODIES = (
    st.none()
    | TEXTS
    | st.binary(max_size=50)
    | st.one_of(JSON, NEARLY, CHANGED).map(json.dumps)
    | st.one_of(JSON, NEARLY, CHANGED).map(lambda body: json.dumps(body).encode())
)
NAMED = st.sampled_from(VALUES) | TEXTS


@pytest.mark.parametrize(("method", "path"), SERVED)
@given(
    job_id=st.sampled_from(["own", "other"]) | st.text(min_size=1, max_size=30),
    model=st.sampled_from(MODELS) | st.text(min_size=1),
    body=BODIES,
    headers=st.dictionaries(st.sampled_from(HEADERS), NAMED, max_size=4),
    query=st.dictionaries(st.sampled_from(QUERY) | TEXTS, NAMED, max_size=2),
    role=st.sampled_from(["submit", "read", "admin"]),
    daily_budget=st.none() | st.sampled_from([0, 60_000, 10**9]),
)
def test_anything_gets_a_documented_answer(
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
    client = Client(World(), role=role, daily_budget=daily_budget)
    known = {"own": client.as_("ada").accepted().job_id, "other": client.world.accepted().job_id}
    filled = path.replace("{job_id}", known.get(job_id, job_id)).replace("{model+}", model)

    answer = client.send(method.upper(), filled, body=body, headers=headers, query=query)

    assert answer.status < 500
