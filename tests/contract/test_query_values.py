"""Query values over DynamoDB: every route answers any value with a documented response."""

import base64
import json
from typing import Any, cast

import pytest
from mypy_boto3_dynamodb import DynamoDBClient

from darkroom.adapters.dynamodb.batches import BatchTable
from darkroom.adapters.dynamodb.jobs import JobTable
from darkroom.adapters.dynamodb.keys import KeyTable
from darkroom.adapters.dynamodb.queue import QueueTable
from darkroom.adapters.dynamodb.stats import StatsTable
from darkroom.api.resolver import Api
from darkroom.app import App
from infra.openapi_routes import ROUTES
from tests.contract.conftest import TABLE
from tests.fakes.world import TEXT_TO_IMAGE, World
from tests.unit.batches import SMALL_IMAGE, upload_rows
from tests.unit.http import FUNCTIONS, V1_JOBS, Client

LISTS = [route for route in ROUTES if route.function in FUNCTIONS and route.method == "get"]


def cursor(time: object, job_id: object) -> str:
    text = json.dumps([time, job_id])
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


JOB_ID = "a" * 26
NAMES = [
    "BATCH#key:ada", "BATCH#", "JOB#x", "KEYS", "#", "key:ada#", "key:ada\x00", "\n", " ",
    "\u00e9" * 256, "\U0001f600" * 256, "x" * 257, "\ud800", "key:ada",
]  # fmt: skip
TIMES = [
    "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "2026-11-22", "2026-W47", "", 5,
]  # fmt: skip
VALUES = [
    *NAMES, "", "0", "1", "-1", "1e9", "\uff11", "\u0661", "9" * 400, "true", "null", "[]",
    "queued", "QUEUED", "edit", JOB_ID, JOB_ID + "\n", f"{JOB_ID}#", "e30", "=", "W",
    *(cursor(time, JOB_ID) for time in TIMES), cursor("2026-11-22T12:00:00+00:00", "BATCH#x"),
    cursor(None, None),
]  # fmt: skip


class _Ports:
    """The ports over the table, and the other ports of a world in memory."""

    def __init__(self, world: World, tables: dict[str, object]) -> None:
        self._world = world.app.ports
        self._tables = tables

    def __getattr__(self, name: str) -> Any:
        return self._tables[name] if name in self._tables else getattr(self._world, name)


@pytest.fixture
def ada(dynamodb: DynamoDBClient) -> Client:
    """Return a client of an app whose records are in DynamoDB, with a job and a batch."""
    world = World()
    tables = {
        "jobs": JobTable(dynamodb, TABLE),
        "batches": BatchTable(dynamodb, TABLE),
        "queue": QueueTable(dynamodb, TABLE),
        "stats": StatsTable(dynamodb, TABLE),
        "keys": KeyTable(dynamodb, TABLE),
    }
    app = App(world.settings, cast("Any", _Ports(world, tables)))
    client = Client(world)
    client.apis = {name: Api(app, *groups) for name, groups in FUNCTIONS.items()}
    assert client.post(V1_JOBS, TEXT_TO_IMAGE).status == 202
    source = upload_rows(world, [SMALL_IMAGE | {"prompt": "x"}], "key:ada")
    assert client.post("/v1/batches", {"source": source}).status == 202
    return client


def test_any_query_value_gets_a_documented_response(ada: Client) -> None:
    ada.role = "admin"
    for route in LISTS:
        path = route.path.replace("{job_id}", JOB_ID).replace("{batch_id}", JOB_ID)
        names = {parameter.name for parameter in route.parameters}
        for name in (names | {"caller"}) - {"wait"}:
            for value in VALUES:
                response = ada.send("GET", path, query={name: value})

                assert response.status < 500, (path, name, value)


@pytest.mark.parametrize("value", [value for value in VALUES if value.strip()])
def test_any_id_in_a_path_gets_a_documented_response(ada: Client, value: str) -> None:
    for path in (f"/v1/jobs/{value}", f"/v1/batches/{value}", f"/api/v3/predictions/{value}"):
        for method in ("GET", "DELETE"):
            assert ada.send(method, path).status < 500


@pytest.mark.parametrize("field", ["created_before", "created_after"])
@pytest.mark.parametrize("time", [*TIMES, "2026-11-22T12:00:00+02:00"])
def test_any_time_gets_a_documented_response(ada: Client, field: str, time: object) -> None:
    assert ada.post("/api/v3/predictions", {field: time}).status < 500


@pytest.mark.parametrize("caller", ["BATCH#key:ada", "key:ada#", "key:ada\n", "\ud800"])
@pytest.mark.parametrize("path", [V1_JOBS, "/v1/batches"])
def test_invalid_caller_is_named(ada: Client, path: str, caller: str) -> None:
    ada.role = "admin"

    response = ada.get(path, caller=caller)

    assert (response.status, response.fields) == (400, ["caller"])


def test_job_list_of_a_batch_partition_is_empty(dynamodb: DynamoDBClient, ada: Client) -> None:
    """The index of the lists has jobs and batches, in partitions of different names."""
    assert JobTable(dynamodb, TABLE).page("BATCH#key:ada", limit=20, after=None) == ([], None)
