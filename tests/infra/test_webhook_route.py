"""The routes without a key: the signed webhook of the provider, links and the studio files."""

from urllib.parse import parse_qsl, urlsplit

from darkroom.domain.steps import Step
from tests.fakes.world import World
from tests.infra.template import api
from tests.infra.test_openapi import OPERATIONS, ROUTES_WITHOUT_KEY
from tests.unit.http import DOCUMENT


def test_only_the_webhook_the_studio_and_links_need_no_key() -> None:
    """The document has no default security; an empty list makes a route public."""
    assert "security" not in {*DOCUMENT, *api()}
    public_routes = [
        (path, method) for path, method, entry in OPERATIONS if entry["security"] == []
    ]

    assert sorted(public_routes) == sorted(ROUTES_WITHOUT_KEY)


def test_webhook_url_matches_the_route() -> None:
    """The webhook URL of a submit matches the documented route."""
    world = World()
    world.flag_store.set(webhook_url="https://api.example.com/live")
    job = world.accept_job()
    world.app.submit_job.run(Step(job_id=job.job_id))

    (url,) = world.provider.webhooks
    assert url is not None
    url_parts = urlsplit(url)
    path = "/webhooks/wavespeed/{job_id}"
    assert url_parts.path == "/live" + path.replace("{job_id}", job.job_id)
    parameter_names = {entry["name"] for entry in DOCUMENT["paths"][path]["post"]["parameters"]}
    assert parameter_names == {"job_id", *dict(parse_qsl(url_parts.query))}
