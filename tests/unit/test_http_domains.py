"""Routes and URLs of the API under a base path of a custom domain."""

import json

import pytest

from tests.fakes.world import TEXT_TO_IMAGE
from tests.unit.http import CONTEXT, HOST, V1_JOBS, Client


@pytest.mark.parametrize("path", ["/pics/v1/jobs", "/a/b/v1/jobs"])
def test_routes_and_location_work_under_a_base_path(path: str) -> None:
    ada = Client()
    event = ada.event("POST", V1_JOBS, body=json.dumps(TEXT_TO_IMAGE))
    event["path"] = path
    event["requestContext"]["path"] = path

    result = ada.apis["ApiFunction"].resolve(event, CONTEXT)

    assert result["statusCode"] == 202
    (location,) = result["multiValueHeaders"]["Location"]
    assert location == f"{path}/{json.loads(result['body'])['job_id']}"


def test_wavespeed_result_url_includes_the_base_path() -> None:
    ada = Client()
    event = ada.event("POST", "/api/v3/a/b", body="{}")
    event["path"] = event["requestContext"]["path"] = "/pics/api/v3/a/b"

    result = ada.apis["ApiFunction"].resolve(event, CONTEXT)

    payload = json.loads(result["body"])["data"]
    assert payload["urls"]["get"] == (
        f"https://{HOST}/pics/api/v3/predictions/{payload['id']}/result"
    )
