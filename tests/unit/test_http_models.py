"""GET /v1/models: the provider's models for a key, searched, and the fields of their inputs."""

from typing import Any

import pytest

from tests.fakes.models import InMemoryModels, model
from tests.fakes.world import World
from tests.unit.http import Client

VIDEO = model(
    "maker/clip", 200_000, name="Clip", type="image-to-video", sort_order=9,
    description="Moves a photograph.", required=["image", "prompt"],
    properties={
        "prompt": {"type": "string"},
        "image": {"type": "string", "x-ui-component": "uploader", "x-accept": "image/*"},
        "duration": {"type": "integer", "enum": [5, 8], "default": 5},
        "loras": {"type": "array", "items": {"type": "object"}},
    },
)  # fmt: skip
SPEECH = model("voices/speech", 30_000, name="Speech", type="text-to-audio", sort_order=3)
PHOTO = model("maker/photo", None, name="Photo", type="text-to-image", sort_order=1)


def world(**changes: Any) -> World:
    return World(models=InMemoryModels([PHOTO, SPEECH, VIDEO]), **changes)


def ids(client: Client, **query: Any) -> list[str]:
    return [each["id"] for each in client.get("/v1/models", **query).json["models"]]


def test_popular_models_come_first_and_pages_follow_each_other() -> None:
    client = Client(world())

    assert ids(client) == ["maker/clip", "voices/speech", "maker/photo"]
    assert ids(client, limit=2, page=2) == ["maker/photo"]
    page = client.get("/v1/models", limit=2).json
    assert (page["total"], page["types"]) == (
        3, ["image-to-video", "text-to-audio", "text-to-image"],
    )  # fmt: skip


def test_search_finds_every_word_and_prefers_names() -> None:
    client = Client(world())

    assert ids(client, text="PHOTO") == ["maker/photo", "maker/clip"]
    assert ids(client, text="video maker") == ["maker/clip"]
    assert ids(client, type="text-to-audio") == ["voices/speech"]
    assert ids(client, text="nothing") == []


def test_model_has_the_fields_of_its_input() -> None:
    found = Client(world()).get("/v1/models/maker/clip").json

    assert (found["name"], found["base_price_micro_usd"], found["problem"]) == (
        "Clip", 200_000, None,
    )  # fmt: skip
    fields = {field["name"]: field for field in found["fields"]}
    assert fields["image"]["media"] == "image"
    assert fields["image"]["required"] is True
    assert (fields["duration"]["choices"], fields["duration"]["default"]) == ([5, 8], 5)
    assert (fields["loras"]["type"], fields["loras"]["is_advanced"]) == ("json", True)


def test_models_outside_the_list_of_a_key_are_left_out() -> None:
    client = Client(world(), models="voices/*")

    assert ids(client) == ["voices/speech"]
    assert client.get("/v1/models").json["total"] == 1
    assert client.get("/v1/models/voices/speech").status == 200
    refused = client.get("/v1/models/maker/clip")
    assert (refused.status, "voices/*" in refused.json["detail"]) == (403, True)


@pytest.mark.parametrize(
    ("policy", "role", "is_refused"),
    [("all", "submit", False), ("admin", "submit", True), ("admin", "admin", False),
     ("none", "admin", True)],
)  # fmt: skip
def test_model_of_unknown_price_is_marked_if_the_key_cannot_run_it(
    policy: Any, role: str, is_refused: bool
) -> None:
    client = Client(world(unknown_prices=policy), role=role)

    problems = {each["id"]: each["problem"] for each in client.get("/v1/models").json["models"]}
    assert problems["maker/clip"] is None
    assert bool(problems["maker/photo"]) is is_refused
    assert client.get("/v1/models/maker/photo").json["problem"] == problems["maker/photo"]


def test_unknown_model_is_not_found() -> None:
    assert Client(world()).get("/v1/models/maker/none").status == 404


def test_missing_list_is_unavailable() -> None:
    client = Client(World(models=InMemoryModels(None)))

    for path in ("/v1/models", "/v1/models/maker/clip"):
        response = client.get(path)
        assert response.status == 503
        assert response.json["type"] == "urn:darkroom:problem:unavailable"


@pytest.mark.parametrize(
    ("name", "value"),
    [("page", "0"), ("limit", "101"), ("text", ""), ("text", "x" * 201), ("q", "x")],
)
def test_bad_parameter_is_named(name: str, value: str) -> None:
    response = Client(world()).get("/v1/models", **{name: value})

    assert (response.status, response.fields) == (400, [name])
