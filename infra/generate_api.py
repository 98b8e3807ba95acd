"""Generate the OpenAPI document in infra/api/ from the models and the table of routes.

`make schemas` runs this module. A test fails if the file or the app's routes differ. API Gateway
imports the document, so it is OpenAPI 3.0 with Amazon's extensions (`x-amazon-apigateway-…`).
"""

from pathlib import Path
from typing import Any

import yaml

from infra.openapi_routes import ROUTES, Route
from infra.openapi_schemas import components, reference

TARGET = Path(__file__).parent / "api" / "openapi.yaml"
# Seconds for which API Gateway caches an authorizer's policy. A revoked key works that long.
AUTHORIZER_TTL = 30

_URI = (
    "arn:${AWS::Partition}:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/"
    "${%s}/invocations"
)
_PROBLEM, _JSON = "application/problem+json", "application/json"
_ERRORS = {
    400: "The request is not valid. `errors` has one entry for each invalid field.",
    401: "The API key is missing, unknown, expired or revoked.",
    402: "Not enough budget: the job costs more than is left of a daily budget. Budgets reset at"
    " midnight UTC.",
    403: "The role of the API key does not allow this request.",
    404: "The object does not exist, or belongs to another caller.",
    409: "The idempotency key was used for a different request, the job or batch has ended, or the"
    " cost of the batch needs a confirmation.",
    413: "The body is too large.",
    415: "The Content-Type is not `application/json` in UTF-8.",
    429: "Too many requests per second. Retry after the seconds in `Retry-After`.",
    500: "Internal error.",
}
_KEYED = (403, 404)  # on every route that needs a key
_NO_ROUTE = "This route does not exist. Check the method and the path."
# Responses by API Gateway itself. Each body is both a problem and the provider's envelope.
_GATEWAY = {
    "UNAUTHORIZED": (
        401,
        "unauthorized",
        "The API key is missing. Send Authorization: Bearer dk_...",
    ),
    "ACCESS_DENIED": (
        401,
        "unauthorized",
        "The API key is unknown, expired or revoked, or came without Bearer. Send Authorization:"
        " Bearer dk_...",
    ),
    # API Gateway's default message for an unknown route is about an incomplete signature.
    "DEFAULT_4XX": (404, "not-found", _NO_ROUTE),
    "MISSING_AUTHENTICATION_TOKEN": (404, "not-found", _NO_ROUTE),
    "WAF_FILTERED": (403, "forbidden", "AWS WAF blocked the request."),
    "BAD_REQUEST_BODY": (400, "invalid-request", "The body is not valid."),
    "BAD_REQUEST_PARAMETERS": (400, "invalid-request", "A parameter is not valid."),
    "THROTTLED": (429, "too-many-requests", "Too many requests per second. Try again later."),
    "REQUEST_TOO_LARGE": (
        413,
        "too-large",
        "The body is too large. Upload large images with POST /v1/uploads.",
    ),
    "DEFAULT_5XX": (
        500,
        "internal-error",
        "Darkroom failed internally. Repeat a POST only with its Idempotency-Key, or check GET"
        " /v1/jobs first.",
    ),
}


def document() -> dict[str, Any]:
    """Return the OpenAPI document."""
    paths: dict[str, Any] = {}
    for route in ROUTES:
        path_item = paths.setdefault(route.path, {})
        path_item[route.method] = _operation(route)
    for path, path_item in paths.items():
        path_item["options"] = _preflight(path)
    return {
        "openapi": "3.0.1",
        "info": {
            "title": "Darkroom",
            "version": "1",
            "description": "GPT Image 2 as durable jobs in your own AWS account. See docs/http.md.",
        },
        "paths": paths,
        "components": {"schemas": components(), "securitySchemes": {"key": _key()}},
        "x-amazon-apigateway-gateway-responses": {
            name: _gateway_response(*fields) for name, fields in _GATEWAY.items()
        },
    }


def _operation(route: Route) -> dict[str, Any]:
    operation: dict[str, Any] = {"operationId": route.name, "summary": route.summary}
    if route.parameters:
        operation["parameters"] = [parameter.as_openapi() for parameter in route.parameters]
    if route.body:
        operation["requestBody"] = {
            "required": True,
            "content": {_JSON: {"schema": reference(*route.body)}},
        }
    operation["responses"] = {
        **{str(status): _response(route, status) for status in route.success},
        **{
            # Inlined, because API Gateway does not resolve references to responses.
            str(status): _error(status, is_wavespeed=route.is_wavespeed)
            for status in sorted({401, 429, 500, *(() if route.is_open else _KEYED), *route.errors})
        },
    }
    operation["security"] = [] if route.is_open else [{"key": []}]
    operation["x-amazon-apigateway-integration"] = _integration(route.function)
    return operation


def _response(route: Route, status: int) -> dict[str, Any]:
    model = route.success[status]
    response: dict[str, Any] = {"description": route.summary}
    headers = [name for name in route.headers if status != 304 or name == "ETag"]
    if headers:
        response["headers"] = {name: {"schema": {"type": "string"}} for name in headers}
    if route.media and status != 304:
        response["content"] = {kind: {"schema": {"type": "string"}} for kind in route.media}
    if model is not None:
        response["content"] = {_JSON: {"schema": reference(model)}}
    return response


def _error(status: int, *, is_wavespeed: bool) -> dict[str, Any]:
    # Responses by API Gateway itself are problems on every path.
    media_types = [_JSON, _PROBLEM] if is_wavespeed else [_PROBLEM]
    schemas = {_JSON: "WaveSpeedError", _PROBLEM: "Problem"}
    return {
        "description": _ERRORS[status],
        "content": {name: {"schema": reference(schemas[name])} for name in media_types},
    }


def _preflight(path: str) -> dict[str, Any]:
    names = [part[1:-1] for part in path.split("/") if part.startswith("{")]
    operation: dict[str, Any] = {"summary": "CORS preflight."}
    if names:
        operation["parameters"] = [
            {"name": n.rstrip("+"), "in": "path", "required": True, "schema": {"type": "string"}}
            for n in names
        ]
    operation["responses"] = {
        "204": {"description": "The headers have the allowed origin, methods and headers."},
        "404": {
            "description": "The deployment allows no other origin (`AllowedOrigin`).",
            "content": {kind: {"schema": {"type": "object"}} for kind in (_JSON, _PROBLEM)},
        },
    }
    operation["security"] = []
    operation["x-amazon-apigateway-integration"] = _integration("ApiFunction")
    return operation


def _integration(function: str) -> dict[str, Any]:
    return {"type": "aws_proxy", "httpMethod": "POST", "uri": _invocation(function)}


def _invocation(function: str) -> dict[str, Any]:
    latest = {"Fn::Sub": _URI % f"{function}.Arn"}
    if function == "OnWebhookFunction":
        return latest
    # SnapStart works for versions only. This is SAM's name for the alias of the latest version.
    alias = {"Fn::Sub": _URI % f"{function}Aliaslive"}
    return {"Fn::If": ["SnapStartEnabled", alias, latest]}


def _key() -> dict[str, Any]:
    return {
        "type": "apiKey",
        "name": "Authorization",
        "in": "header",
        "description": "The API key as a bearer token: `Authorization: Bearer dk_…`",
        "x-amazon-apigateway-authtype": "custom",
        "x-amazon-apigateway-authorizer": {
            "type": "request",
            "identitySource": "method.request.header.Authorization",
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
            "Fn::If": [
                "HasAllowedOrigin",
                {"Fn::Sub": "'${AllowedOrigin}'"},
                {"Ref": "AWS::NoValue"},
            ]
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


def text() -> str:
    """Return the text of the generated file."""
    body = yaml.dump(document(), Dumper=_Dumper, sort_keys=False, width=100, allow_unicode=True)
    return f"# Generated by `make schemas` from the models and infra/openapi_routes.py.\n{body}"


if __name__ == "__main__":
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_text(text())
