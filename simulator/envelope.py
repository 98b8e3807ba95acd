"""The provider's JSON envelopes, and the conversion of errors into envelopes."""

from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

MESSAGES = {
    400: "Request failed. Please check your input parameters and try again.",
    401: "Invalid or missing API key",
    402: "Insufficient credits. Please top up your account to continue.",
    403: "Permission denied",
    404: "not found",
    429: "Too many requests, please try again later",
    503: "Service temporarily unavailable",
}


class ApiError(Exception):
    """A request that the provider answers with an error envelope."""

    def __init__(self, status: int, message: str | None = None, **headers: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message or MESSAGES.get(status, "internal server error")
        self.headers = headers


def success(data: object) -> JSONResponse:
    """Return HTTP 200 with data in an envelope."""
    return JSONResponse({"code": 200, "message": "success", "data": data})


def failure(status: int, message: str, headers: dict[str, str] | None = None) -> JSONResponse:
    """Return an error in the provider's usual envelope."""
    return JSONResponse({"code": status, "message": message}, status, headers=headers)


def http_fault_response(params: dict[str, Any]) -> Response:
    """Return the response that the parameters of an `http` fault describe."""
    status = params["status"]
    retry_after = params["retry_after"]
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    match params["body"]:
        case "html":
            page = (
                f"<html><head><title>{status}</title></head><body><h1>{status}</h1></body></html>"
            )
            return HTMLResponse(page, status, headers=headers)
        case "xml":
            return xml_error(status, headers)
        case "empty":
            return Response(None, status, headers=headers)
    message = params["message"] or MESSAGES.get(status, "internal server error")
    body = {"code": params["code"] or status, "message": message}
    if params["error_code"]:
        body["error_code"] = params["error_code"]
    return JSONResponse(body, status, headers=headers)


def xml_error(status: int, headers: dict[str, str] | None = None) -> Response:
    """Return an error in the format of an object store behind a CDN."""
    code = {403: "AccessDenied", 404: "NoSuchKey", 412: "PreconditionFailed"}.get(status, "Error")
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code></Error>'
    return Response(body, status, headers=headers, media_type="application/xml")


async def on_api_error(_: Request, error: Exception) -> Response:
    """Convert an exception into an error envelope."""
    match error:
        case ApiError():
            return failure(error.status, error.message, error.headers)
        case HTTPException():
            return failure(error.status_code, error.detail)
    return failure(500, MESSAGES.get(500, "internal server error"))
