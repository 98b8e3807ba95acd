"""Write the OpenAPI document from the models and the table of routes, into infra/api/.

Called by `make schemas`; a test fails when the file differs, or the routes do. API Gateway reads
the document, so it is OpenAPI 3.0 with Amazon's extensions (`x-amazon-apigateway-…`).
"""

from pathlib import Path
from typing import Any

import yaml

from infra.openapi_routes import ROUTES, Route
from infra.openapi_schemas import components, reference

TARGET = Path(__file__).parent / "api" / "openapi.yaml"
# Seconds for which API Gateway keeps an authorizer's answer: how long a revoked key still works.
AUTHORIZER_TTL = 30

_URI = (
    "arn:${AWS::Partition}:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/"
    "${%s}/invocations"
)
_PROBLEM, _JSON = "application/problem+json", "application/json"
_ERRORS = {
    400: "Something about the request is not valid: one entry in `errors` a bad field.",
    402: "The day's budget does not hold what the job would cost.",
    401: "The key is missing, unknown, expired or revoked.",
    403: "The key's role does not allow this.",
    404: "There is no such thing, or it is another caller's.",
    409: "It conflicts with what is: the idempotency key was used for another request, or the"
    " job has ended.",
    413: "The body is too large.",
    415: "The body is not JSON by its Content-Type.",
    429: "Too many requests a second.",
    500: "Darkroom itself failed.",
}
_KEYED = (403, 404)  # of every route that needs a key
# API Gateway's own answers. Each body is a problem and the provider's envelope at once.
_GATEWAY = {
    "UNAUTHORIZED": (401, "unauthorized", "the key is missing: Authorization: Bearer dk_..."),
    "ACCESS_DENIED": (
        401,
        "unauthorized",
        "the key is unknown, expired or revoked, or came without Bearer",
    ),
    # To an unknown route with an Authorization header it says that the signature is incomplete.
    "DEFAULT_4XX": (404, "not-found", "there is no such route"),
    "MISSING_AUTHENTICATION_TOKEN": (404, "not-found", "there is no such route"),
    "WAF_FILTERED": (403, "forbidden", "the request was refused before it came here"),
    "BAD_REQUEST_BODY": (400, "invalid-request", "the body is not valid"),
    "BAD_REQUEST_PARAMETERS": (400, "invalid-request", "a parameter is not valid"),
    "THROTTLED": (429, "too-many-requests", "too many requests a second: try again later"),
    "REQUEST_TOO_LARGE": (413, "too-large", "the body is too large"),
    "DEFAULT_5XX": (
        500,
        "internal-error",
        "Darkroom itself failed. Repeat a POST only with its Idempotency-Key, or look first",
    ),
}


def document() -> dict[str, Any]:
    """Return the whole document."""
    paths: dict[str, Any] = {}
    for route in ROUTES:
        item = paths.setdefault(route.path, {})
        item[route.method] = _operation(route)
    for path, item in paths.items():
        item["options"] = _preflight(path)
    return {
        "openapi": "3.0.1",
        "info": {
            "title": "Darkroom",
            "version": "1",
            "description": "GPT Image 2 as durable jobs. See docs/http.md.",
        },
        "paths": paths,
        "components": {"schemas": components(), "securitySchemes": {"key": _key()}},
        "x-amazon-apigateway-gateway-responses": {
            name: _gateway(*told) for name, told in _GATEWAY.items()
        },
    }


def _operation(route: Route) -> dict[str, Any]:
    operation: dict[str, Any] = {"operationId": route.name, "summary": route.summary}
    if route.parameters:
        operation["parameters"] = [each.as_openapi() for each in route.parameters]
    if route.body:
        operation["requestBody"] = {
            "required": True,
            "content": {_JSON: {"schema": reference(*route.body)}},
        }
    operation["responses"] = {
        **{str(status): _reply(route, status) for status in route.success},
        **{
            # Written out: API Gateway does not follow references to responses.
            str(status): _error(status, is_wire=route.is_wire)
            for status in sorted({401, 429, 500, *(() if route.is_open else _KEYED), *route.errors})
        },
    }
    operation["security"] = [] if route.is_open else [{"key": []}]
    operation["x-amazon-apigateway-integration"] = _integration(route.function)
    return operation


def _reply(route: Route, status: int) -> dict[str, Any]:
    model = route.success[status]
    described: dict[str, Any] = {"description": route.summary}
    headers = [name for name in route.headers if status != 304 or name == "ETag"]
    if headers:
        described["headers"] = {name: {"schema": {"type": "string"}} for name in headers}
    if route.media and status != 304:
        described["content"] = {kind: {"schema": {"type": "string"}} for kind in route.media}
    if model is not None:
        described["content"] = {_JSON: {"schema": reference(model)}}
    return described


def _error(status: int, *, is_wire: bool) -> dict[str, Any]:
    # API Gateway's own answers are problems on every path.
    kinds = [_JSON, _PROBLEM] if is_wire else [_PROBLEM]
    schemas = {_JSON: "WireError", _PROBLEM: "Problem"}
    return {
        "description": _ERRORS[status],
        "content": {kind: {"schema": reference(schemas[kind])} for kind in kinds},
    }


def _preflight(path: str) -> dict[str, Any]:
    names = [part[1:-1] for part in path.split("/") if part.startswith("{")]
    operation: dict[str, Any] = {"summary": "CORS: answered if an origin is allowed."}
    if names:
        operation["parameters"] = [
            {"name": n.rstrip("+"), "in": "path", "required": True, "schema": {"type": "string"}}
            for n in names
        ]
    operation["responses"] = {
        "204": {"description": "An origin is allowed: the headers say which."},
        "404": {
            "description": "No origin is allowed.",
            "content": {kind: {"schema": {"type": "object"}} for kind in (_JSON, _PROBLEM)},
        },
    }
    operation["security"] = []
    operation["x-amazon-apigateway-integration"] = _integration("ApiFunction")
    return operation


def _integration(function: str) -> dict[str, Any]:
    return {"type": "aws_proxy", "httpMethod": "POST", "uri": _invocation(function)}


def _invocation(function: str) -> dict[str, Any]:
    newest = {"Fn::Sub": _URI % f"{function}.Arn"}
    if function == "OnWebhookFunction":
        return newest
    # Snapshots are of versions only: this is a version's alias, and SAM's name for it.
    kept = {"Fn::Sub": _URI % f"{function}Aliaslive"}
    return {"Fn::If": ["SnapStartEnabled", kept, newest]}


def _key() -> dict[str, Any]:
    return {
        "type": "apiKey",
        "name": "Authorization",
        "in": "header",
        "description": "Bearer dk_…",
        "x-amazon-apigateway-authtype": "custom",
        "x-amazon-apigateway-authorizer": {
            "type": "request",
            "identitySource": "method.request.header.Authorization",
            "authorizerResultTtlInSeconds": AUTHORIZER_TTL,
            "authorizerUri": _invocation("AuthorizerFunction"),
        },
    }


def _gateway(status: int, name: str, words: str) -> dict[str, Any]:
    title = name.replace("-", " ").capitalize()
    body = (
        f'{{"type": "urn:darkroom:problem:{name}", "title": "{title}", "status": {status},'
        f' "detail": "{words}", "errors": [], "code": {status}, "message": "{words}"}}'
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
    """Return the file's text."""
    body = yaml.dump(document(), Dumper=_Dumper, sort_keys=False, width=100, allow_unicode=True)
    return f"# Generated by `make schemas` from the models and infra/openapi_routes.py.\n{body}"


if __name__ == "__main__":
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_text(text())
