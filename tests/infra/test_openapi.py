"""The OpenAPI document for people and clients: generated, valid, and equal to the app's routes."""

import re
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator
from pydantic import BaseModel

from darkroom.api import schemas as contract
from darkroom.api.resolver import Api
from darkroom.domain.errors import FieldProblem
from darkroom.domain.events import S3Location, Timings
from darkroom.domain.presets import Preset
from darkroom.domain.requests import AnyModel, Edit, TextToImage
from infra import generate_api
from tests.fakes.world import World
from tests.unit.http import DOCUMENT, validator

OPERATIONS = [
    (path, method, operation)
    for path, item in DOCUMENT["paths"].items()
    for method, operation in item.items()
]
# Called by the provider, which has no API key; a separate function handles it.
WEBHOOK = ("/webhooks/wavespeed/{job_id}", "post")
# The studio page; its API requests carry the key.
STUDIO = [("/", "get"), ("/studio/{file}", "get")]
ROUTES_WITHOUT_KEY = [WEBHOOK, *STUDIO]
KEY_ROUTES = [operation for operation in OPERATIONS if operation[:2] not in ROUTES_WITHOUT_KEY]
SCHEMAS: dict[str, Any] = DOCUMENT["components"]["schemas"]
REQUEST_MODELS: list[type[BaseModel]] = [TextToImage, Edit, AnyModel, contract.UploadRequest]
RESPONSE_MODELS: list[type[BaseModel]] = [
    contract.JobView, contract.JobPage, contract.AssetView, contract.FailureView,
    contract.Estimate, contract.PresignedUploadView, contract.PresetsView, contract.Problem,
    FieldProblem, S3Location, Timings, Preset,
]  # fmt: skip

for_each_key_route = pytest.mark.parametrize(("path", "method", "operation"), KEY_ROUTES)
for_each_route = pytest.mark.parametrize(("path", "method", "operation"), OPERATIONS)


@pytest.mark.parametrize("file", generate_api.DOCUMENTS)
def test_documents_are_generated_from_models_and_routes(file: str) -> None:
    text = generate_api.text(generate_api.DOCUMENTS[file]())

    assert (generate_api.FOLDER / file).read_text() == text, "run `make schemas`"


def test_document_is_valid() -> None:
    assert list(OpenAPIV31SpecValidator(DOCUMENT).iter_errors()) == []


def test_app_routes_match_the_document() -> None:
    resolver = Api(World().app)._resolver
    served = {
        (re.sub(r"<(\w+)>", r"{\1}", route.path).replace(".+", "{model}"), route.method.lower())
        for route in [*resolver._static_routes, *resolver._dynamic_routes]
    }

    assert served == {(path, method) for path, method, _ in KEY_ROUTES} | set(STUDIO)


@pytest.mark.parametrize(
    "model", [*REQUEST_MODELS, *RESPONSE_MODELS], ids=lambda model: model.__name__
)
def test_schema_has_the_fields_of_its_model(model: type[BaseModel]) -> None:
    schema = SCHEMAS[model.__name__]

    assert schema["properties"].keys() == model.model_fields.keys()
    required = {name for name, field in model.model_fields.items() if field.is_required()}
    assert set(schema.get("required", ())) == required


@pytest.mark.parametrize("model", REQUEST_MODELS, ids=lambda model: model.__name__)
def test_request_schema_refuses_additional_fields(model: type[BaseModel]) -> None:
    assert SCHEMAS[model.__name__]["additionalProperties"] is False


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


@for_each_key_route
def test_route_lists_its_statuses(path: str, method: str, operation: dict[str, Any]) -> None:
    statuses = operation["responses"].keys()

    assert all(re.fullmatch(r"[1-5][0-9]{2}", status) for status in statuses)
    assert {"401", "403", "404", "429", "500"} <= statuses
    assert "requestBody" not in operation or {"400", "413", "415"} <= statuses


@for_each_route
def test_path_parameters_are_described(path: str, method: str, operation: dict[str, Any]) -> None:
    described = [entry for entry in operation.get("parameters", ()) if entry["in"] == "path"]

    assert {entry["name"] for entry in described} == set(re.findall(r"\{(\w+)\}", path))
    assert all(entry["required"] for entry in described)


def test_operation_ids_are_unique() -> None:
    names = [entry["operationId"] for _, _, entry in OPERATIONS]

    assert len(set(names)) == len(names)
