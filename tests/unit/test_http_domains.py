"""A custom domain may map the API below its root: routes and addresses hold there, too."""

import json

import pytest

from tests.fakes.world import TEXT_TO_IMAGE
from tests.unit.http import CONTEXT, HOST, V1_JOBS, Client


@pytest.mark.parametrize("path", ["/pics/v1/jobs", "/a/b/v1/jobs"])
def test_an_api_below_the_root_of_a_custom_domain_answers_too(path: str) -> None:
    ada = Client()
    event = ada.event("POST", V1_JOBS, body=json.dumps(TEXT_TO_IMAGE))
    event["path"] = path
    event["requestContext"]["path"] = path

    found = ada.api.resolve(event, CONTEXT)

    assert found["statusCode"] == 202
    (location,) = found["multiValueHeaders"]["Location"]
    assert location == f"{path}/{json.loads(found['body'])['job_id']}"


def test_below_the_root_the_wire_format_names_where_it_is_polled() -> None:
    ada = Client()
    event = ada.event("POST", "/api/v3/a/b", body="{}")
    event["path"] = event["requestContext"]["path"] = "/pics/api/v3/a/b"

    found = ada.api.resolve(event, CONTEXT)

    told = json.loads(found["body"])["data"]
    assert told["urls"]["get"] == (f"https://{HOST}/pics/api/v3/predictions/{told['id']}/result")
