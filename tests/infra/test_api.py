"""The REST API: its stage, its limits, and gateway.yaml, the document that API Gateway imports.

test_openapi.py tests the document for people and clients.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from darkroom.api.problems import KINDS
from darkroom.api.studio import FOLDER, MEDIA_TYPES, PAGE
from infra import preflight
from tests.infra.template import GATEWAY, ROOT, api, parameters, properties, template
from tests.unit.http import DOCUMENT, validator

OPERATIONS = [
    (path, method, operation)
    for path, item in api()["paths"].items()
    for method, operation in item.items()
    if method != "options"
]
PREFLIGHTS = {path: item["options"]["Fn::If"] for path, item in api()["paths"].items()}
GATEWAY_RESPONSES: dict[str, Any] = api()["x-amazon-apigateway-gateway-responses"]
# Pseudo parameters of CloudFormation.
_PSEUDO = re.compile(r"AWS::(Partition|Region|AccountId|URLSuffix|NoValue)")


def intrinsics(value: Any) -> Iterator[tuple[str, Any]]:
    """Yield each intrinsic function in the document with its argument."""
    if isinstance(value, list):
        for entry in value:
            yield from intrinsics(entry)
    if isinstance(value, dict):
        for name, argument in value.items():
            if name in ("Ref", "Condition") or name.startswith("Fn::"):
                yield name, argument
            yield from intrinsics(argument)


def referenced_ids() -> Iterator[str]:
    """Yield the logical ids that the document references."""
    for function, argument in intrinsics(api()):
        match function:
            case "Ref":
                yield argument
            case "Fn::Sub":
                yield from re.findall(r"\${([\w:]+)(?:\.Arn)?}", argument)


def test_api_includes_the_document() -> None:
    body = properties("RestApi")["DefinitionBody"]

    include = body["Fn::Transform"]
    assert include["Name"] == "AWS::Include"
    assert ROOT / include["Parameters"]["Location"] == GATEWAY
    assert "DefinitionUri" not in properties("RestApi")


def test_api_is_deployed_with_every_stack_update() -> None:
    """SAM creates a deployment only when the document text changes, not when a parameter does."""
    chosen = {name for name in referenced_ids() if name in parameters()}

    assert chosen
    assert properties("RestApi")["AlwaysDeploy"] is True


def test_references_of_the_document_exist_in_the_template() -> None:
    """Linters do not read the included document."""
    known = {*template()["Resources"], *parameters()}
    missing = {
        name for name in referenced_ids() if name not in known and not _PSEUDO.fullmatch(name)
    }

    assert missing == set()
    conditions = {arguments[0] for name, arguments in intrinsics(api()) if name == "Fn::If"}
    assert conditions <= set(template()["Conditions"])


def test_document_uses_only_functions_allowed_in_an_include() -> None:
    """Only long forms: CloudFormation does not read short tags in an included file."""
    assert {name for name, _ in intrinsics(api())} <= {"Fn::Sub", "Fn::If", "Ref"}
    assert not re.search(r"^[^#'\"]*:\s+!(Ref|Sub|If|GetAtt)\b", GATEWAY.read_text(), re.M)


# ------------------------------------------------------------ what API Gateway imports


def test_document_has_only_what_api_gateway_supports() -> None:
    """ "Amazon API Gateway important notes" lists what it ignores and what fails an import.

    Without models, none of it can occur.
    """
    document = api()
    assert document["openapi"].startswith("3.0.")
    assert document.keys() == {
        "openapi", "info", "paths", "components", "x-amazon-apigateway-binary-media-types",
        "x-amazon-apigateway-gateway-responses",
    }  # fmt: skip
    assert document["components"].keys() == {"securitySchemes"}
    for path, _, operation in OPERATIONS:
        # A parameter is a whole segment; only the last one may include slashes.
        assert re.fullmatch(r"/|(/([\w.-]+|\{\w+\}))*(/\{\w+\+\})?", path), path
        assert operation.keys() <= {
            "parameters", "responses", "security", "x-amazon-apigateway-integration",
        }  # fmt: skip
        assert all(
            response.keys() == {"description"} for response in operation["responses"].values()
        )
        assert operation.get("parameters", []) == [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
            for name in re.findall(r"\{(\w+)\+?\}", path)
        ]


def test_both_documents_have_the_same_routes() -> None:
    routes = {
        (path.replace("+}", "}"), method, bool(operation["security"]))
        for path, method, operation in OPERATIONS
    }

    assert routes == {
        (path, method, bool(operation["security"]))
        for path, item in DOCUMENT["paths"].items()
        for method, operation in item.items()
    }


def test_operations_invoke_a_function() -> None:
    """test_openapi.py compares the routes that each function serves with those that invoke it."""
    for _, _, operation in OPERATIONS:
        integration = operation["x-amazon-apigateway-integration"]
        assert (integration["type"], integration["httpMethod"]) == ("aws_proxy", "POST")
    (webhook,) = (each for path, _, each in OPERATIONS if path == "/webhooks/wavespeed/{job_id}")
    uri = webhook["x-amazon-apigateway-integration"]["uri"]["Fn::Sub"]
    assert "${OnWebhookFunction.Arn}/" in uri


@pytest.mark.parametrize("path", PREFLIGHTS)
def test_api_gateway_answers_preflights_of_the_allowed_origin(path: str) -> None:
    """No function runs, and without an allowed origin the method does not exist."""
    condition, operation, otherwise = PREFLIGHTS[path]
    integration = operation["x-amazon-apigateway-integration"]
    default = integration["responses"]["default"]
    headers = {
        name.removeprefix("method.response.header."): value
        for name, value in default["responseParameters"].items()
    }

    assert (condition, otherwise) == ("HasAllowedOrigin", {"Ref": "AWS::NoValue"})
    assert (integration["type"], operation["security"]) == ("mock", [])
    assert json.loads(integration["requestTemplates"]["application/json"]) == {"statusCode": 204}
    assert default["statusCode"] == "204"
    # API Gateway drops a header that the method's response does not declare.
    assert headers.keys() == operation["responses"]["204"]["headers"].keys()
    assert headers["Access-Control-Allow-Origin"] == {"Fn::Sub": "'${AllowedOrigin}'"}
    methods = {method.upper() for method in api()["paths"][path]}
    assert set(headers["Access-Control-Allow-Methods"].strip("'").split(",")) == methods
    allowed = headers["Access-Control-Allow-Headers"].strip("'").lower().split(",")
    assert {"authorization", "content-type", "idempotency-key", "if-none-match"} == set(allowed)
    assert int(headers["Access-Control-Max-Age"].strip("'")) >= 600


def test_every_response_of_api_gateway_has_the_security_headers() -> None:
    responses = {
        **{name: response["responseParameters"] for name, response in GATEWAY_RESPONSES.items()},
        **{
            path: operation["x-amazon-apigateway-integration"]["responses"]["default"][
                "responseParameters"
            ]
            for path, (_, operation, _) in PREFLIGHTS.items()
        },
    }

    for name, parameters_of in responses.items():
        headers = {key.split(".header.")[1]: value for key, value in parameters_of.items()}
        assert headers["X-Content-Type-Options"] == "'nosniff'", name
        assert headers["Strict-Transport-Security"] == "'max-age=31536000'", name


def test_authorizer_reads_the_header_and_caches_by_header_and_address() -> None:
    scheme = api()["components"]["securitySchemes"]["key"]
    authorizer = scheme["x-amazon-apigateway-authorizer"]

    assert (scheme["in"], scheme["name"]) == ("header", "Authorization")
    assert authorizer["identitySource"].split(", ") == [
        "method.request.header.Authorization", "context.identity.sourceIp",
    ]  # fmt: skip
    assert authorizer["authorizerResultTtlInSeconds"] <= 60


@pytest.mark.parametrize("name", GATEWAY_RESPONSES)
def test_gateway_response_matches_problem_and_wavespeed_error_schemas(name: str) -> None:
    response = GATEWAY_RESPONSES[name]
    template = response["responseTemplates"]["application/json"]
    body = json.loads(template)

    assert not {"$", "#"} & set(template)  # these characters are code in a template
    assert body["status"] == body["code"] == int(response["statusCode"])
    problem = {k: v for k, v in body.items() if k not in ("code", "message")}
    schemas = DOCUMENT["components"]["schemas"]
    validator(schemas["Problem"]).validate(problem)
    validator(schemas["WaveSpeedError"]).validate(body)
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


def test_gateway_responses_have_the_headers_of_their_status() -> None:
    prefix = "gatewayresponse.header."
    for name in ("UNAUTHORIZED", "ACCESS_DENIED"):
        headers = GATEWAY_RESPONSES[name]["responseParameters"]
        assert headers[f"{prefix}WWW-Authenticate"] == "'Bearer'"
    throttled = GATEWAY_RESPONSES["THROTTLED"]["responseParameters"]
    assert throttled[f"{prefix}Retry-After"] == "'1'"


# --------------------------------------------------------------------------- the stage


def test_all_routes_have_the_configured_throttling() -> None:
    settings, *_ = properties("RestApi")["MethodSettings"]

    assert settings == {
        "HttpMethod": "*",
        "ResourcePath": "/*",
        "ThrottlingRateLimit": {"Ref": "RequestsPerSecond"},
        "ThrottlingBurstLimit": {"Ref": "RequestsPerSecond"},
    }
    assert parameters()["RequestsPerSecond"]["MinValue"] >= 1  # 0 would close the API


def test_webhooks_have_a_limit_of_their_own() -> None:
    """API Gateway limits each method of a stage separately."""
    _, settings, *_ = properties("RestApi")["MethodSettings"]
    by_tier = {"Fn::FindInMap": ["Tiers", {"Ref": "Tier"}, "WebhooksPerSecond"]}

    path = settings["ResourcePath"].removeprefix("/").replace("~1", "/")
    assert settings["HttpMethod"].lower() in api()["paths"][path]
    assert path == "/webhooks/wavespeed/{job_id}"
    assert settings["ThrottlingRateLimit"] == settings["ThrottlingBurstLimit"] == by_tier


def test_open_routes_have_low_limits_of_their_own() -> None:
    """Requests without a key can use up neither the account's functions nor its bill."""
    open_routes = {(p, m.upper()) for p, m, operation in OPERATIONS if not operation["security"]}
    _, webhooks, *studio = properties("RestApi")["MethodSettings"]
    limits = {
        ("/" + each["ResourcePath"].lstrip("/").removeprefix("~1").replace("~1", "/"),
         each["HttpMethod"]): each
        for each in (webhooks, *studio)
    }  # fmt: skip

    assert limits.keys() == open_routes
    for each in studio:
        assert each["ThrottlingRateLimit"] <= 50
        assert each["ThrottlingBurstLimit"] <= 250


def files_of_a_page_load() -> set[str]:
    """Return the files that the studio's page and its modules name, which browsers request."""
    texts = {
        path.name: path.read_text() for path in FOLDER.rglob("*") if path.suffix in MEDIA_TYPES
    }
    waiting = re.findall(r"{folder}([\w.-]+)", texts[PAGE])
    found: set[str] = set()
    while waiting:
        found.add(name := waiting.pop())
        waiting += set(re.findall(r'from "\./([\w.-]+)";', texts[name])) - found
    return found


def test_limit_of_the_studio_admits_page_loads() -> None:
    """A new revision makes every browser load every file. A 429 leaves the page without script."""
    files = len(files_of_a_page_load())
    (limit,) = (
        s for s in properties("RestApi")["MethodSettings"] if "~1studio" in s["ResourcePath"]
    )

    assert limit["ThrottlingBurstLimit"] >= 5 * files
    assert limit["ThrottlingRateLimit"] >= files


def test_preflight_counts_the_files_of_a_page_load() -> None:
    assert len(files_of_a_page_load()) <= preflight.PAGE_LOAD


@pytest.mark.parametrize("tier", parameters()["Tier"]["AllowedValues"])
def test_webhook_limit_exceeds_the_images_per_second(tier: str) -> None:
    limits = template()["Mappings"]["Tiers"][tier]
    custom_maximum = parameters()["ImagesPerMinute"]["MaxValue"]

    assert limits["WebhooksPerSecond"] > (limits["ImagesPerMinute"] or custom_maximum) / 60


def test_api_functions_time_out_before_api_gateway() -> None:
    assert properties("ApiFunction")["Timeout"] <= 29
    assert properties("KeysFunction")["Timeout"] <= 29
    assert properties("AuthorizerFunction")["Timeout"] <= 10
