"""Generate the OpenAPI documents in infra/api/ from the models and the table of routes.

`make schemas` runs this module. openapi.yaml describes the API for people and clients (OpenAPI
3.1). gateway.yaml is what API Gateway imports (OpenAPI 3.0 with `x-amazon-apigateway-…`).
"""

import re
from pathlib import Path
from typing import Any

import yaml

from darkroom.api.headers import SECURITY_HEADERS
from infra.openapi_routes import ROUTES, Route
from infra.openapi_schemas import components, reference

FOLDER = Path(__file__).parent / "api"
# Seconds for which API Gateway caches an authorizer's policy. A revoked key works that long.
AUTHORIZER_TTL = 30

_URI = (
    "arn:${AWS::Partition}:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/"
    "${%s}/invocations"
)
_ALLOWED_ORIGIN, _NOTHING = {"Fn::Sub": "'${AllowedOrigin}'"}, {"Ref": "AWS::NoValue"}
# Request headers that pages of the allowed origin may set; seconds that browsers cache a preflight.
_CORS_HEADERS = ("Authorization", "Content-Type", "Idempotency-Key", "If-None-Match")
_CORS_SECONDS = 7200  # the maximum of Chromium
_PROBLEM, _JSON = "application/problem+json", "application/json"
_ERRORS = {
    400: "The request is not valid. `errors` has one entry for each invalid field.",
    401: "The API key is missing, unknown, expired, revoked, or not for this IP address.",
    402: "Not enough budget: the job costs more than is left of a daily budget. Budgets reset at"
    " midnight UTC.",
    403: "The role of the API key, or its list of models, does not allow this request.",
    404: "The object does not exist, or belongs to another caller.",
    409: "The idempotency key was used for a different request, the job or batch has ended, the job"
    " to erase has not ended, the presets have another version, or the cost of the batch needs a"
    " confirmation.",
    413: "The body is too large.",
    415: "The Content-Type is not the one of this route.",
    429: "Too many requests per second, or per minute of this API key. Retry after the seconds in"
    " `Retry-After`.",
    500: "Internal error.",
    503: "WaveSpeed does not answer, and the deployment has no copy of the answer.",
}
_KEYED = (403, 404)  # on every route that needs a key
_NO_ROUTE = "This route does not exist. Check the method and the path."
# Responses by API Gateway itself. Each body is both a problem and the provider's envelope.
_GATEWAY_RESPONSES = {
    "UNAUTHORIZED": (
        401,
        "unauthorized",
        "The API key is missing. Send Authorization: Bearer dk_...",
    ),
    "ACCESS_DENIED": (
        401,
        "unauthorized",
        "The API key is unknown, expired, revoked, not for this IP address, or came without Bearer."
        " Send Authorization: Bearer dk_...",
    ),
    # API Gateway's default message for an unknown route is about an incomplete signature.
    "DEFAULT_4XX": (404, "not-found", _NO_ROUTE),
    "MISSING_AUTHENTICATION_TOKEN": (404, "not-found", _NO_ROUTE),
    "WAF_FILTERED": (403, "forbidden", "AWS WAF blocked the request."),
    "BAD_REQUEST_BODY": (400, "invalid-request", "The body is not valid."),
    "BAD_REQUEST_PARAMETERS": (400, "invalid-request", "A parameter is not valid."),
    "THROTTLED": (429, "too-many-requests", "Too many requests per second. Try again later."),
    "DEFAULT_5XX": (
        500,
        "internal-error",
        "Darkroom failed internally. Repeat a POST only with its Idempotency-Key, or check GET"
        " /v1/jobs first.",
    ),
}


def public() -> dict[str, Any]:
    """Return the document for people and clients."""
    paths: dict[str, Any] = {}
    for route in ROUTES:
        # OpenAPI has no parameter that includes slashes.
        paths.setdefault(route.path.replace("+}", "}"), {})[route.method] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Darkroom",
            "version": "1",
            "description": "GPT Image 2 as durable jobs in your own AWS account. See docs/http.md.",
        },
        "servers": [
            {
                "url": "https://{api_id}.execute-api.{region}.amazonaws.com/live",
                "description": "The output ApiUrl of the stack.",
                "variables": {
                    "api_id": {"default": "abcdef1234"},
                    "region": {"default": "us-east-1"},
                },
            }
        ],
        "paths": paths,
        "components": {
            "schemas": components(),
            "securitySchemes": {
                "key": {"type": "http", "scheme": "bearer", "description": "An API key: `dk_…`"}
            },
        },
    }


def gateway() -> dict[str, Any]:
    """Return the document for API Gateway: only what it uses, and only what it supports.

    It has no models: the functions validate requests, and the import of a model fails at many
    keywords of JSON Schema. Amazon API Gateway important notes, "REST APIs", lists what API Gateway
    does not support.
    """
    paths: dict[str, Any] = {}
    for route in ROUTES:
        security: list[Any] = [] if route.is_open else [{"key": []}]
        operation = _gateway_operation(route.path, route.function, security)
        paths.setdefault(route.path, {})[route.method] = operation
    # API Gateway answers CORS preflights, and a 404 without an allowed origin; no function runs.
    for path, item in paths.items():
        methods = ",".join(sorted({*map(str.upper, item), "OPTIONS"}))
        item["options"] = {"Fn::If": ["HasAllowedOrigin", _preflight(path, methods), _NOTHING]}
    return {
        "openapi": "3.0.1",
        "info": {"title": "Darkroom", "version": "1"},
        "paths": paths,
        "components": {"securitySchemes": {"key": _authorizer()}},
        # Bodies of other types are text, in which API Gateway replaces bytes that are not UTF-8.
        "x-amazon-apigateway-binary-media-types": sorted(
            {route.body_media for route in ROUTES} - {_JSON}
        ),
        "x-amazon-apigateway-gateway-responses": {
            name: _gateway_response(*fields) for name, fields in _GATEWAY_RESPONSES.items()
        },
    }


def _gateway_operation(path: str, function: str, security: list[Any]) -> dict[str, Any]:
    return {
        **_path_parameters(path),
        "responses": {"200": {"description": "The response of the function."}},
        "security": security,
        "x-amazon-apigateway-integration": {
            "type": "aws_proxy",
            "httpMethod": "POST",
            "uri": _invocation(function),
        },
    }


def _preflight(path: str, methods: str) -> dict[str, Any]:
    """Return the operation that answers a CORS preflight. Browsers cache the answer."""
    headers = {
        "Access-Control-Allow-Origin": _ALLOWED_ORIGIN,
        "Access-Control-Allow-Headers": f"'{','.join(_CORS_HEADERS)}'",
        "Access-Control-Allow-Methods": f"'{methods}'",
        "Access-Control-Max-Age": f"'{_CORS_SECONDS}'",
        **{name: f"'{text}'" for name, text in SECURITY_HEADERS.items()},
    }
    schema = {"schema": {"type": "string"}}
    return {
        **_path_parameters(path),
        "responses": {
            "204": {
                "description": "The answer to a preflight.",
                "headers": dict.fromkeys(headers, schema),
            }
        },
        "security": [],
        "x-amazon-apigateway-integration": {
            "type": "mock",
            "requestTemplates": {_JSON: '{"statusCode": 204}'},
            "responses": {
                "default": {
                    "statusCode": "204",
                    "responseParameters": {
                        f"method.response.header.{name}": value for name, value in headers.items()
                    },
                }
            },
        },
    }


def _path_parameters(path: str) -> dict[str, Any]:
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in re.findall(r"{(\w+)\+?}", path)
    ]
    return {"parameters": parameters} if parameters else {}


def _operation(route: Route) -> dict[str, Any]:
    operation: dict[str, Any] = {"operationId": route.name, "summary": route.summary}
    if route.parameters:
        operation["parameters"] = [parameter.as_openapi() for parameter in route.parameters]
    if route.body:
        operation["requestBody"] = {
            "required": True,
            "content": {route.body_media: {"schema": reference(*route.body)}},
        }
    operation["responses"] = {
        **{str(status): _response(route, status) for status in route.success},
        **{
            str(status): _error(status, is_wavespeed=route.is_wavespeed)
            for status in sorted({401, 429, 500, *(() if route.is_open else _KEYED), *route.errors})
        },
    }
    operation["security"] = [] if route.is_open else [{"key": []}]
    return operation


def _response(route: Route, status: int) -> dict[str, Any]:
    model = route.success[status]
    response: dict[str, Any] = {"description": route.summary}
    headers = [name for name in route.headers if status != 304 or name == "ETag"]
    if headers:
        response["headers"] = {name: {"schema": {"type": "string"}} for name in headers}
    if route.media and status != 304:
        response["content"] = {kind: {"schema": {"type": "string"}} for kind in route.media}
        if status == 404:  # the function has no route for an id with other characters
            response["content"][_PROBLEM] = {"schema": reference("Problem")}
    if model is not None:
        response["content"] = {_JSON: {"schema": reference(model)}}
    return response


def _error(status: int, *, is_wavespeed: bool) -> dict[str, Any]:
    # Responses by API Gateway itself are problems on every path.
    media_types = [_JSON, _PROBLEM] if is_wavespeed else [_PROBLEM]
    schemas = {_JSON: "WaveSpeedError", _PROBLEM: "Problem"}
    headers = {"headers": {"Retry-After": {"schema": {"type": "string"}}}} if status == 429 else {}
    return {
        "description": _ERRORS[status],
        **headers,
        "content": {name: {"schema": reference(schemas[name])} for name in media_types},
    }


def _invocation(function: str) -> dict[str, Any]:
    return {"Fn::Sub": _URI % f"{function}.Arn"}


def _authorizer() -> dict[str, Any]:
    return {
        "type": "apiKey",
        "name": "Authorization",
        "in": "header",
        "x-amazon-apigateway-authtype": "custom",
        "x-amazon-apigateway-authorizer": {
            "type": "request",
            # Both are the key of the cache, because a key may be limited to networks.
            "identitySource": "method.request.header.Authorization, context.identity.sourceIp",
            "authorizerResultTtlInSeconds": AUTHORIZER_TTL,
            "authorizerUri": _invocation("AuthorizerFunction"),
        },
    }


def _gateway_response(status: int, name: str, detail: str) -> dict[str, Any]:
    title = name.replace("-", " ").capitalize()
    body = (
        f'{{"type": "urn:darkroom:problem:{name}", "title": "{title}", "status": {status},'
        f' "detail": "{detail}", "errors": [], "code": {status}, "message": "{detail}"}}'
    )
    headers: dict[str, Any] = {
        "gatewayresponse.header.Content-Type": f"'{_PROBLEM}'",
        "gatewayresponse.header.Access-Control-Allow-Origin": {
            "Fn::If": ["HasAllowedOrigin", _ALLOWED_ORIGIN, _NOTHING]
        },
        **{
            f"gatewayresponse.header.{header}": f"'{text}'"
            for header, text in SECURITY_HEADERS.items()
        },
    }
    if status == 401:
        headers["gatewayresponse.header.WWW-Authenticate"] = "'Bearer'"
    if status == 429:
        headers["gatewayresponse.header.Retry-After"] = "'1'"
    return {
        "statusCode": str(status),
        "responseParameters": headers,
        "responseTemplates": {_JSON: body},
    }


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        del data
        return True


DOCUMENTS = {"openapi.yaml": public, "gateway.yaml": gateway}


def text(document: dict[str, Any]) -> str:
    """Return the text of a generated file."""
    body = yaml.dump(document, Dumper=_Dumper, sort_keys=False, width=100, allow_unicode=True)
    return f"# Generated by `make schemas` from the models and infra/openapi_routes.py.\n{body}"


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for file, document in DOCUMENTS.items():
        (FOLDER / file).write_text(text(document()))
