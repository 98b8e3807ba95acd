"""CORS: off, unless the stack's owner allows an origin."""

import pytest

from tests.fakes.world import TEXT_TO_IMAGE
from tests.unit.http import DOCUMENT, V1_JOBS, Answer, Client

ORIGIN = "https://shop.example"
PATHS = [
    path.replace("{job_id}", "a" * 26).replace("{model+}", "a/b") for path in DOCUMENT["paths"]
]


def ask(allowed: str, origin: str | None, method: str = "GET", path: str = V1_JOBS) -> Answer:
    headers = {} if origin is None else {"Origin": origin}
    return Client(allowed_origin=allowed).send(method, path, headers=headers)


def of_cors(answer: Answer) -> set[str]:
    return {name for name in answer.headers if name.lower().startswith("access-control-")}


@pytest.mark.parametrize("method", ["GET", "OPTIONS", "POST"])
@pytest.mark.parametrize("origin", [ORIGIN, "*", "null", ""])
def test_without_an_allowed_origin_no_answer_mentions_any(method: str, origin: str) -> None:
    assert of_cors(ask("", origin, method)) == set()


@pytest.mark.parametrize("origin", ["https://evil.example", "http://shop.example", "null", None])
def test_another_origin_is_told_nothing(origin: str | None) -> None:
    assert of_cors(ask(ORIGIN, origin)) <= {"Access-Control-Allow-Methods"}


@pytest.mark.parametrize("path", PATHS)
def test_every_route_answers_the_preflight_of_the_allowed_origin(path: str) -> None:
    answer = ask(ORIGIN, ORIGIN, "OPTIONS", path)

    allowed = {word.lower() for word in answer.headers["Access-Control-Allow-Headers"].split(",")}
    methods = set(answer.headers["Access-Control-Allow-Methods"].split(","))
    assert (answer.status, answer.headers["Access-Control-Allow-Origin"]) == (204, ORIGIN)
    assert {"authorization", "content-type", "idempotency-key", "if-none-match"} <= allowed
    assert {"GET", "POST", "DELETE"} <= methods


@pytest.mark.parametrize("path", PATHS)
def test_no_route_answers_a_preflight_when_none_is_allowed(path: str) -> None:
    assert ask("", ORIGIN, "OPTIONS", path).status == 404


def test_a_page_may_read_what_it_needs_of_an_answer() -> None:
    answer = Client(allowed_origin=ORIGIN).post(V1_JOBS, TEXT_TO_IMAGE, Origin=ORIGIN)

    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
    exposed = set(answer.headers["Access-Control-Expose-Headers"].split(","))
    assert exposed == {"Location", "ETag", "Retry-After"}
    assert "Access-Control-Allow-Credentials" not in answer.headers


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", V1_JOBS),
        ("GET", f"{V1_JOBS}/none"),
        ("GET", "/v2"),
        ("GET", "/api/v3/predictions/x"),
    ],
)
def test_a_page_may_read_why_it_was_refused(method: str, path: str) -> None:
    answer = ask(ORIGIN, ORIGIN, method, path)

    assert answer.status >= 400
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN


def test_any_origin_can_be_allowed() -> None:
    assert ask("*", "https://any.example").headers["Access-Control-Allow-Origin"] == "*"
