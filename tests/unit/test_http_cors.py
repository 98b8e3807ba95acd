"""CORS headers of responses: none unless the stack has an allowed origin.

API Gateway answers preflights (tests/infra/test_api.py).
"""

import pytest

from tests.fakes.world import TEXT_TO_IMAGE, World
from tests.unit.http import V1_JOBS, Client, Response

ORIGIN = "https://shop.example"


def request(allowed: str, origin: str | None, method: str = "GET", path: str = V1_JOBS) -> Response:
    headers = {} if origin is None else {"Origin": origin}
    return Client(World(allowed_origin=allowed)).send(method, path, headers=headers)


def cors_headers(response: Response) -> set[str]:
    return {name for name in response.headers if name.lower().startswith("access-control-")}


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("origin", [ORIGIN, "*", "null", ""])
def test_no_cors_headers_without_an_allowed_origin(method: str, origin: str) -> None:
    assert cors_headers(request("", origin, method)) == set()


@pytest.mark.parametrize("origin", ["https://evil.example", "http://shop.example", "null", None])
def test_another_origin_gets_no_cors_headers(origin: str | None) -> None:
    assert cors_headers(request(ORIGIN, origin)) == set()


def test_response_exposes_the_required_headers() -> None:
    response = Client(World(allowed_origin=ORIGIN)).post(V1_JOBS, TEXT_TO_IMAGE, Origin=ORIGIN)

    assert response.headers["Access-Control-Allow-Origin"] == ORIGIN
    exposed = set(response.headers["Access-Control-Expose-Headers"].split(","))
    assert exposed == {"Location", "ETag", "Retry-After"}
    assert "Access-Control-Allow-Credentials" not in response.headers


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", V1_JOBS),
        ("GET", f"{V1_JOBS}/none"),
        ("GET", "/v2"),
        ("GET", "/api/v3/predictions/x"),
    ],
)
def test_error_response_allows_the_origin(method: str, path: str) -> None:
    response = request(ORIGIN, ORIGIN, method, path)

    assert response.status >= 400
    assert response.headers["Access-Control-Allow-Origin"] == ORIGIN
