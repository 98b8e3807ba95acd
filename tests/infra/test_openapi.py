"""The OpenAPI document for people and clients: generated, valid, and equal to the app's routes."""

import re
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from infra import generate_api
from tests.unit.http import DOCUMENT, Client, function_of, validator

OPERATIONS = [
    (path, method, operation)
    for path, item in DOCUMENT["paths"].items()
    for method, operation in item.items()
]
# Called by the provider, which has no API key; a separate function handles it.
WEBHOOK = ("/webhooks/wavespeed/{job_id}", "post")
# The studio page; its API requests carry the key.
PAGES = [("/", "get"), ("/studio/{revision}/{file}", "get"), ("/share/{job_id}", "get")]
ROUTES_WITHOUT_KEY = [WEBHOOK, *PAGES]
KEY_ROUTES = [operation for operation in OPERATIONS if operation[:2] not in ROUTES_WITHOUT_KEY]
SCHEMAS: dict[str, Any] = DOCUMENT["components"]["schemas"]
for_each_key_route = pytest.mark.parametrize(("path", "method", "operation"), KEY_ROUTES)


@pytest.mark.parametrize("file", generate_api.DOCUMENTS)
def test_documents_are_generated_from_models_and_routes(file: str) -> None:
    text = generate_api.text(generate_api.DOCUMENTS[file]())

    assert (generate_api.FOLDER / file).read_text() == text, "run `make schemas`"


def test_document_is_valid() -> None:
    assert list(OpenAPIV31SpecValidator(DOCUMENT).iter_errors()) == []


def test_routes_of_each_function_match_the_document() -> None:
    served = {
        (
            re.sub(r"<(\w+)>", r"{\1}", route.path).replace(".+", "{model}"),
            route.method.lower(),
        ): name
        for name, api in Client().apis.items()
        for route in [*api._resolver._static_routes, *api._resolver._dynamic_routes]
    }

    routes = {(path, method) for path, method, _ in KEY_ROUTES} | set(PAGES)
    assert served == {
        (path, method): function_of(method, path.replace("{", "").replace("}", ""))
        for path, method in routes
    }


@pytest.mark.parametrize(
    ("body", "is_valid"),
    [
        ({"operation": "text-to-image", "prompt": "x"}, True),
        ({"operation": "text-to-image", "prompt": "x", "aspect_ratio": None}, True),
        ({"operation": "edit", "prompt": "x", "images": ["s3://a/b"], "quality": "low"}, True),
        ({"model": "maker/model", "input": {"any": [None]}, "deadline_seconds": 60}, True),
        ({"operation": "text-to-image", "prompt": ""}, False),
        ({"operation": "edit", "prompt": "x"}, False),
        ({"operation": "edit", "prompt": "x", "images": ["s3://a/b"] * 17}, False),
        ({"operation": "text-to-image", "prompt": "x", "quality": None}, False),
        ({"operation": "text-to-image", "prompt": "x", "size": "1x1"}, False),
        ({"model": "maker", "input": {}}, False),
        ({}, False),
        (None, False),
    ],
    ids=str,
)
def test_document_accepts_the_requests_that_the_app_accepts(body: object, is_valid: bool) -> None:
    described = DOCUMENT["paths"]["/v1/jobs"]["post"]["requestBody"]["content"]

    assert validator(described["application/json"]["schema"]).is_valid(body) is is_valid


@for_each_key_route
def test_route_requires_a_key(path: str, method: str, operation: dict[str, Any]) -> None:
    assert operation["security"] == [{"key": []}]


def test_operation_ids_are_unique() -> None:
    names = [entry["operationId"] for _, _, entry in OPERATIONS]

    assert len(set(names)) == len(names)
