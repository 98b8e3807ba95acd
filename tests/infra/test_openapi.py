"""The OpenAPI document: generated, what the app serves, and in the dialect of API Gateway."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel

from darkroom.domain.errors import FieldProblem
from darkroom.domain.events import S3Location, Timings
from darkroom.domain.presets import Preset
from darkroom.domain.requests import AnyModel, Edit, TextToImage
from darkroom.web import contract
from darkroom.web.problems import KINDS
from infra import generate_api
from infra.generate_api import TARGET
from tests.fakes.world import World
from tests.unit.http import DOCUMENT, validator

OPERATIONS = [
    (path, method, operation)
    for path, item in DOCUMENT["paths"].items()
    for method, operation in item.items()
]
# Called by the provider, which has no key of ours, and answered by a function of its own.
HOOK = ("/webhooks/wavespeed/{job_id}", "post")
# The page for people, whose key its requests carry.
STUDIO = [("/", "get"), ("/studio/{file}", "get")]
OPEN = [HOOK, *STUDIO]
CALLS = [each for each in OPERATIONS if each[1] != "options" and (each[0], each[1]) not in OPEN]
SCHEMAS: dict[str, Any] = DOCUMENT["components"]["schemas"]
GATEWAY: dict[str, Any] = DOCUMENT["x-amazon-apigateway-gateway-responses"]
TAKEN: list[type[BaseModel]] = [TextToImage, Edit, AnyModel, contract.UploadRequest]
GIVEN: list[type[BaseModel]] = [
    contract.JobView, contract.JobPage, contract.AssetView, contract.FailureView,
    contract.Estimate, contract.PresignedUploadView, contract.PresetsView, contract.Problem,
    FieldProblem, S3Location, Timings, Preset,
]  # fmt: skip
# Keywords that API Gateway's reader does not know, or that OpenAPI 3.0 has otherwise.
FOREIGN = {"const", "$defs", "propertyNames", "prefixItems", "examples", "patternProperties", "if"}


every_call = pytest.mark.parametrize(("path", "method", "operation"), CALLS)
with_webhooks = pytest.mark.parametrize(
    ("path", "method", "operation"),
    [each for each in OPERATIONS if each[1] != "options"],
)


def nodes(value: object) -> Iterator[dict[str, Any]]:
    """Every mapping in the document."""
    if isinstance(value, dict):
        yield value
        for inner in value.values():
            yield from nodes(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from nodes(inner)


def test_the_file_is_what_the_models_and_the_routes_make() -> None:
    assert TARGET.read_text() == generate_api.text(), "run `make schemas`"


def test_the_app_serves_every_route_of_the_document_and_no_other() -> None:
    app = World().api()._app
    served = {
        (re.sub(r"<(\w+)>", r"{\1}", route.path).replace(".+", "{model+}"), route.method.lower())
        for route in [*app._static_routes, *app._dynamic_routes]
    }

    assert served == {(path, method) for path, method, _ in CALLS} | set(STUDIO)


@pytest.mark.parametrize("model", [*TAKEN, *GIVEN], ids=lambda model: model.__name__)
def test_a_schema_has_the_fields_of_its_model(model: type[BaseModel]) -> None:
    schema = SCHEMAS[model.__name__]

    assert schema["properties"].keys() == model.model_fields.keys()
    required = {name for name, about in model.model_fields.items() if about.is_required()}
    assert set(schema.get("required", ())) == required


@pytest.mark.parametrize("model", TAKEN, ids=lambda model: model.__name__)
def test_a_request_has_no_fields_but_these(model: type[BaseModel]) -> None:
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
def test_the_document_takes_the_requests_that_the_app_takes(body: object, is_valid: bool) -> None:
    described = DOCUMENT["paths"]["/v1/jobs"]["post"]["requestBody"]["content"]

    assert validator(described["application/json"]["schema"]).is_valid(body) is is_valid


def test_the_document_is_of_a_version_and_a_form_that_api_gateway_reads() -> None:
    assert DOCUMENT["openapi"].startswith("3.0.")
    assert all(name.isalnum() for name in SCHEMAS)
    for node in nodes(SCHEMAS):
        assert not FOREIGN & node.keys(), node
        assert node.get("type") != "null"
        # Beside a reference nothing else counts.
        assert "$ref" not in node or node.keys() <= {"$ref", "default", "description"}, node


def test_a_path_is_made_of_words_and_whole_parameters() -> None:
    for path in DOCUMENT["paths"]:
        assert re.fullmatch(r"/|(/([\w.-]+|\{\w+\}))*(/\{\w+\+\})?", path), path


def test_every_reference_leads_to_a_schema() -> None:
    found = {node["$ref"] for node in nodes(DOCUMENT) if isinstance(node.get("$ref"), str)}

    for reference in found:
        # API Gateway follows no references to anything else.
        root, name = reference.rsplit("/", 1)
        assert root == "#/components/schemas"
        assert name in SCHEMAS, reference


@every_call
def test_every_call_needs_a_key_and_goes_to_the_function(
    path: str, method: str, operation: dict[str, Any]
) -> None:
    assert operation["security"] == [{"key": []}]
    integration = operation["x-amazon-apigateway-integration"]
    assert (integration["type"], integration["httpMethod"]) == ("aws_proxy", "POST")
    condition, kept, newest = integration["uri"]["Fn::If"]
    assert condition == "SnapStartEnabled"
    assert "${ApiFunctionAliaslive}/" in kept["Fn::Sub"]
    assert "${ApiFunction.Arn}/" in newest["Fn::Sub"]


def test_a_preflight_carries_no_key_and_goes_to_the_function_all_the_same() -> None:
    for path, item in DOCUMENT["paths"].items():
        assert item["options"]["security"] == [], path
        assert item["options"]["x-amazon-apigateway-integration"]["type"] == "aws_proxy"


@every_call
def test_every_call_says_which_statuses_there_are_one_by_one(
    path: str, method: str, operation: dict[str, Any]
) -> None:
    statuses = operation["responses"].keys()

    assert all(re.fullmatch(r"[1-5][0-9]{2}", status) for status in statuses)
    assert {"401", "403", "404", "429", "500"} <= statuses
    assert "requestBody" not in operation or {"400", "413", "415"} <= statuses


@with_webhooks
def test_a_paths_parameters_are_described(
    path: str, method: str, operation: dict[str, Any]
) -> None:
    described = [each for each in operation.get("parameters", ()) if each["in"] == "path"]

    assert {each["name"] for each in described} == set(re.findall(r"\{(\w+)\+?\}", path))
    assert all(each["required"] for each in described)


def test_operations_have_names_of_their_own() -> None:
    names = [each["operationId"] for _, method, each in OPERATIONS if method != "options"]

    assert len(set(names)) == len(names)


def test_the_authorizer_is_asked_by_the_header_that_carries_the_key() -> None:
    scheme = DOCUMENT["components"]["securitySchemes"]["key"]
    asked = scheme["x-amazon-apigateway-authorizer"]

    assert (scheme["in"], scheme["name"]) == ("header", "Authorization")
    assert asked["identitySource"] == "method.request.header.Authorization"
    assert asked["authorizerResultTtlInSeconds"] <= 60


@pytest.mark.parametrize("name", GATEWAY)
def test_an_answer_of_api_gateway_is_a_problem_and_an_error_of_the_providers(name: str) -> None:
    answer = GATEWAY[name]
    template = answer["responseTemplates"]["application/json"]
    body = json.loads(template)

    assert not {"$", "#"} & set(template)  # those are code in a template
    assert body["status"] == body["code"] == int(answer["statusCode"])
    problem = {k: v for k, v in body.items() if k not in ("code", "message")}
    validator(SCHEMAS["Problem"]).validate(problem)
    validator(SCHEMAS["WireError"]).validate(body)
    assert body["type"].startswith("urn:darkroom:problem:")
    kind = answer["responseParameters"]["gatewayresponse.header.Content-Type"]
    assert kind == "'application/problem+json'"


def test_api_gateway_and_the_app_give_one_type_to_one_status() -> None:
    told = {int(status): name for name, status in KINDS.values()} | {500: "internal-error"}

    for answer in GATEWAY.values():
        body = json.loads(answer["responseTemplates"]["application/json"])
        name = body["type"].removeprefix("urn:darkroom:problem:")
        assert told.get(body["status"], name) == name


def test_who_has_no_key_is_told_which_scheme_to_use() -> None:
    for name in ("UNAUTHORIZED", "ACCESS_DENIED"):
        headers = GATEWAY[name]["responseParameters"]
        assert GATEWAY[name]["statusCode"] == "401"
        assert headers["gatewayresponse.header.WWW-Authenticate"] == "'Bearer'"


def test_who_is_too_fast_is_told_when_to_come_again() -> None:
    headers = GATEWAY["THROTTLED"]["responseParameters"]

    assert headers["gatewayresponse.header.Retry-After"] == "'1'"
