"""The OpenAPI document: generated, equal to the routes of the app, and readable by API Gateway."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel

from darkroom.api import schemas as contract
from darkroom.api.problems import KINDS
from darkroom.api.resolver import Api
from darkroom.domain.errors import FieldProblem
from darkroom.domain.events import S3Location, Timings
from darkroom.domain.presets import Preset
from darkroom.domain.requests import AnyModel, Edit, TextToImage
from infra import generate_api
from infra.generate_api import TARGET
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
KEY_ROUTES = [
    operation
    for operation in OPERATIONS
    if operation[1] != "options" and operation[:2] not in ROUTES_WITHOUT_KEY
]
SCHEMAS: dict[str, Any] = DOCUMENT["components"]["schemas"]
GATEWAY_RESPONSES: dict[str, Any] = DOCUMENT["x-amazon-apigateway-gateway-responses"]
REQUEST_MODELS: list[type[BaseModel]] = [TextToImage, Edit, AnyModel, contract.UploadRequest]
RESPONSE_MODELS: list[type[BaseModel]] = [
    contract.JobView, contract.JobPage, contract.AssetView, contract.FailureView,
    contract.Estimate, contract.PresignedUploadView, contract.PresetsView, contract.Problem,
    FieldProblem, S3Location, Timings, Preset,
]  # fmt: skip
# Keywords that API Gateway does not read or that differ in OpenAPI 3.0.
UNSUPPORTED_KEYWORDS = {
    "const",
    "$defs",
    "propertyNames",
    "prefixItems",
    "examples",
    "patternProperties",
    "if",
}


for_each_key_route = pytest.mark.parametrize(("path", "method", "operation"), KEY_ROUTES)
for_each_route = pytest.mark.parametrize(
    ("path", "method", "operation"),
    [operation for operation in OPERATIONS if operation[1] != "options"],
)


def nodes(value: object) -> Iterator[dict[str, Any]]:
    """Yield every mapping in the value."""
    if isinstance(value, dict):
        yield value
        for inner in value.values():
            yield from nodes(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from nodes(inner)


def test_document_is_generated_from_models_and_routes() -> None:
    assert TARGET.read_text() == generate_api.text(), "run `make schemas`"


def test_app_routes_match_the_document() -> None:
    resolver = Api(World().app)._resolver
    served = {
        (re.sub(r"<(\w+)>", r"{\1}", route.path).replace(".+", "{model+}"), route.method.lower())
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


def test_document_uses_openapi_3_0_and_supported_keywords() -> None:
    assert DOCUMENT["openapi"].startswith("3.0.")
    assert all(name.isalnum() for name in SCHEMAS)
    for node in nodes(SCHEMAS):
        assert not UNSUPPORTED_KEYWORDS & node.keys(), node
        assert node.get("type") != "null"
        # Other keywords next to a reference are ignored.
        assert "$ref" not in node or node.keys() <= {"$ref", "default", "description"}, node


def test_paths_have_only_whole_parameters() -> None:
    for path in DOCUMENT["paths"]:
        assert re.fullmatch(r"/|(/([\w.-]+|\{\w+\}))*(/\{\w+\+\})?", path), path


def test_references_point_to_existing_schemas() -> None:
    references = {node["$ref"] for node in nodes(DOCUMENT) if isinstance(node.get("$ref"), str)}

    for reference in references:
        # API Gateway follows references to schemas only.
        root, name = reference.rsplit("/", 1)
        assert root == "#/components/schemas"
        assert name in SCHEMAS, reference


@for_each_key_route
def test_route_requires_a_key_and_invokes_the_api_function(
    path: str, method: str, operation: dict[str, Any]
) -> None:
    assert operation["security"] == [{"key": []}]
    integration = operation["x-amazon-apigateway-integration"]
    assert (integration["type"], integration["httpMethod"]) == ("aws_proxy", "POST")
    condition, alias_uri, function_uri = integration["uri"]["Fn::If"]
    assert condition == "SnapStartEnabled"
    assert "${ApiFunctionAliaslive}/" in alias_uri["Fn::Sub"]
    assert "${ApiFunction.Arn}/" in function_uri["Fn::Sub"]


def test_preflight_requires_no_key_and_invokes_the_api_function() -> None:
    for path, item in DOCUMENT["paths"].items():
        assert item["options"]["security"] == [], path
        assert item["options"]["x-amazon-apigateway-integration"]["type"] == "aws_proxy"


@for_each_key_route
def test_route_lists_its_statuses(path: str, method: str, operation: dict[str, Any]) -> None:
    statuses = operation["responses"].keys()

    assert all(re.fullmatch(r"[1-5][0-9]{2}", status) for status in statuses)
    assert {"401", "403", "404", "429", "500"} <= statuses
    assert "requestBody" not in operation or {"400", "413", "415"} <= statuses


@for_each_route
def test_path_parameters_are_described(path: str, method: str, operation: dict[str, Any]) -> None:
    described = [entry for entry in operation.get("parameters", ()) if entry["in"] == "path"]

    assert {entry["name"] for entry in described} == set(re.findall(r"\{(\w+)\+?\}", path))
    assert all(entry["required"] for entry in described)


def test_operation_ids_are_unique() -> None:
    names = [entry["operationId"] for _, method, entry in OPERATIONS if method != "options"]

    assert len(set(names)) == len(names)


def test_authorizer_reads_the_authorization_header() -> None:
    scheme = DOCUMENT["components"]["securitySchemes"]["key"]
    authorizer = scheme["x-amazon-apigateway-authorizer"]

    assert (scheme["in"], scheme["name"]) == ("header", "Authorization")
    assert authorizer["identitySource"] == "method.request.header.Authorization"
    assert authorizer["authorizerResultTtlInSeconds"] <= 60


@pytest.mark.parametrize("name", GATEWAY_RESPONSES)
def test_gateway_response_matches_problem_and_wavespeed_error_schemas(name: str) -> None:
    response = GATEWAY_RESPONSES[name]
    template = response["responseTemplates"]["application/json"]
    body = json.loads(template)

    assert not {"$", "#"} & set(template)  # these characters are code in a template
    assert body["status"] == body["code"] == int(response["statusCode"])
    problem = {k: v for k, v in body.items() if k not in ("code", "message")}
    validator(SCHEMAS["Problem"]).validate(problem)
    validator(SCHEMAS["WaveSpeedError"]).validate(body)
    assert body["type"].startswith("urn:darkroom:problem:")
    content_type = response["responseParameters"]["gatewayresponse.header.Content-Type"]
    assert content_type == "'application/problem+json'"


def test_gateway_and_app_use_the_same_problem_types() -> None:
    types_by_status = {int(status): name for name, status in KINDS.values()} | {
        500: "internal-error"
    }

    for response in GATEWAY_RESPONSES.values():
        body = json.loads(response["responseTemplates"]["application/json"])
        name = body["type"].removeprefix("urn:darkroom:problem:")
        assert types_by_status.get(body["status"], name) == name


def test_unauthorized_response_has_www_authenticate() -> None:
    for name in ("UNAUTHORIZED", "ACCESS_DENIED"):
        headers = GATEWAY_RESPONSES[name]["responseParameters"]
        assert GATEWAY_RESPONSES[name]["statusCode"] == "401"
        assert headers["gatewayresponse.header.WWW-Authenticate"] == "'Bearer'"


def test_throttled_response_has_retry_after() -> None:
    headers = GATEWAY_RESPONSES["THROTTLED"]["responseParameters"]

    assert headers["gatewayresponse.header.Retry-After"] == "'1'"
