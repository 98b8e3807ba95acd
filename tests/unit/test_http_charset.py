"""A body is UTF-8, or refused: what was mangled on the way would be paid for."""

import json

import pytest

from tests.fakes.world import TEXT_TO_IMAGE
from tests.unit.http import V1_JOBS, Client

BODY = json.dumps(TEXT_TO_IMAGE)


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "application/json; charset=utf-8", 'Application/JSON;charset="UTF-8"'],
)
def test_json_in_utf_8_is_taken(content_type: str) -> None:
    answer = Client().send("POST", V1_JOBS, body=BODY, headers={"Content-Type": content_type})

    assert answer.status == 202


@pytest.mark.parametrize("content_type", ["application/json; charset=latin1", "text/json"])
def test_another_charset_is_refused(content_type: str) -> None:
    answer = Client().send("POST", V1_JOBS, body=BODY, headers={"Content-Type": content_type})

    assert answer.status == 415
    assert answer.json["type"] == "urn:darkroom:problem:unsupported-media-type"


def test_bytes_that_were_no_utf_8_are_refused_and_nothing_starts() -> None:
    """API Gateway has put U+FFFD in the place of each."""
    ada = Client()

    answer = ada.send("POST", V1_JOBS, body=BODY.replace("fog", "br\ufffdlée"))

    assert answer.status == 400
    assert answer.json["errors"][0]["message"] == "is not valid UTF-8"
    assert ada.world.jobs.records == {}
