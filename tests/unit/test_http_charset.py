"""A body that is not UTF-8 is refused, because a mangled prompt would be charged."""

import json

import pytest

from tests.fakes.world import TEXT_TO_IMAGE
from tests.unit.http import V1_JOBS, Client

BODY = json.dumps(TEXT_TO_IMAGE)


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "application/json; charset=utf-8", 'Application/JSON;charset="UTF-8"'],
)
def test_utf_8_json_is_accepted(content_type: str) -> None:
    response = Client().send("POST", V1_JOBS, body=BODY, headers={"Content-Type": content_type})

    assert response.status == 202


@pytest.mark.parametrize("content_type", ["application/json; charset=latin1", "text/json"])
def test_another_charset_returns_415(content_type: str) -> None:
    response = Client().send("POST", V1_JOBS, body=BODY, headers={"Content-Type": content_type})

    assert response.status == 415
    assert response.json["type"] == "urn:darkroom:problem:unsupported-media-type"


def test_body_with_invalid_utf_8_is_refused() -> None:
    """API Gateway replaces each invalid byte with U+FFFD."""
    ada = Client()

    response = ada.send("POST", V1_JOBS, body=BODY.replace("fog", "br\ufffdlée"))

    assert response.status == 400
    assert (
        response.json["errors"][0]["message"] == "The body is not valid UTF-8. Send JSON in UTF-8."
    )
    assert ada.world.jobs.records == {}
