"""The routes without a key: the provider's call, with a signature, and the studio's files."""

from urllib.parse import parse_qsl, urlsplit

from darkroom.domain.steps import Step
from tests.fakes.world import World
from tests.infra.test_openapi import OPEN, OPERATIONS
from tests.unit.http import DOCUMENT


def test_only_what_the_provider_calls_and_the_studio_need_no_key() -> None:
    """There is no default for the whole document: an empty list is what opens a route."""
    assert "security" not in DOCUMENT
    opened = [(path, method) for path, method, each in OPERATIONS if each["security"] == []]

    assert [each for each in opened if each[1] != "options"] == OPEN


def test_a_webhook_goes_to_a_function_of_its_own_byte_for_byte() -> None:
    (path, method), *_ = OPEN
    operation = DOCUMENT["paths"][path][method]
    integration = operation["x-amazon-apigateway-integration"]

    assert (integration["type"], integration["httpMethod"]) == ("aws_proxy", "POST")
    assert "${OnWebhookFunction.Arn}" in integration["uri"]["Fn::Sub"]
    # Of what is in this list, API Gateway would hand over base64.
    assert "x-amazon-apigateway-binary-media-types" not in DOCUMENT
    # No validator stands in front of the signature: what it refused would be asked for again.
    assert "x-amazon-apigateway-request-validator" not in {*DOCUMENT, *operation}
    assert set(operation["responses"]) >= {"204", "401"}


def test_a_webhooks_url_has_the_parts_that_the_route_takes() -> None:
    """What the provider is told at a submit is what the document describes."""
    world = World()
    world.flag_store.set(webhook_url="https://api.example.com/live")
    job = world.accepted()
    world.submit_job()(Step(job_id=job.job_id))

    (url,) = world.provider.webhooks
    assert url is not None
    parts = urlsplit(url)
    (path, _), *_ = OPEN
    assert parts.path == "/live" + path.replace("{job_id}", job.job_id)
    named = {each["name"] for each in DOCUMENT["paths"][path]["post"]["parameters"]}
    assert named == {"job_id", *dict(parse_qsl(parts.query))}
