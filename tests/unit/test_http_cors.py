"""CORS: disabled unless the stack has an allowed origin."""

import pytest

from tests.fakes.world import TEXT_TO_IMAGE, World
from tests.unit.http import GATEWAY, V1_JOBS, Client, Response

ORIGIN = "https://shop.example"
PATHS = [path.replace("{job_id}", "a" * 26).replace("{model+}", "a/b") for path in GATEWAY["paths"]]


def request(allowed: str, origin: str | None, method: str = "GET", path: str = V1_JOBS) -> Response:
    headers = {} if origin is None else {"Origin": origin}
    return Client(World(allowed_origin=allowed)).send(method, path, headers=headers)


def cors_headers(response: Response) -> set[str]:
    return {name for name in response.headers if name.lower().startswith("access-control-")}


@pytest.mark.parametrize("method", ["GET", "OPTIONS", "POST"])
@pytest.mark.parametrize("origin", [ORIGIN, "*", "null", ""])
def test_no_cors_headers_without_an_allowed_origin(method: str, origin: str) -> None:
    assert cors_headers(request("", origin, method)) == set()


@pytest.mark.parametrize("origin", ["https://evil.example", "http://shop.example", "null", None])
def test_another_origin_gets_no_cors_headers(origin: str | None) -> None:
    assert cors_headers(request(ORIGIN, origin)) <= {"Access-Control-Allow-Methods"}


@pytest.mark.parametrize("path", PATHS)
def test_every_route_answers_the_preflight_of_the_allowed_origin(path: str) -> None:
    response = request(ORIGIN, ORIGIN, "OPTIONS", path)

    allowed = {
        header.lower() for header in response.headers["Access-Control-Allow-Headers"].split(",")
    }
    methods = set(response.headers["Access-Control-Allow-Methods"].split(","))
    assert (response.status, response.headers["Access-Control-Allow-Origin"]) == (204, ORIGIN)
    assert {"authorization", "content-type", "idempotency-key", "if-none-match"} <= allowed
    assert {"GET", "POST", "DELETE"} <= methods


@pytest.mark.parametrize("path", PATHS)
def test_preflight_returns_404_without_an_allowed_origin(path: str) -> None:
    assert request("", ORIGIN, "OPTIONS", path).status == 404


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
