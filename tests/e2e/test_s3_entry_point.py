"""The S3 door on the deployed stack: real puts, all at once, each with what comes of it."""

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from darkroom.adapters.preset_document import KEY
from darkroom.domain import presets, uploads
from local.events import Event
from local.waiting import until
from tests.e2e.desk import Desk, picture

JPEG = picture()
LOW = {"quality": "low"}


class Drop(NamedTuple):
    """An upload: its key, its bytes and metadata, and the field that is refused (None: a job)."""

    key: str
    body: bytes = JPEG
    metadata: dict[str, str] = LOW
    refused: str | None = None


DROPS = {
    "a picture": Drop("warmer-light/beach.png"),
    "deep": Drop("warmer-light/2026/11/a/b/c/d/beach.JPEG"),
    "odd characters": Drop("clean-scan/a b+c%41 & (d)/ü 写真 ?.webp"),
    "the longest key": Drop(f"warmer-light/{'long/' * 190}{'x' * 57}.png"),
    "overridden": Drop(
        "product-studio/chair.png",
        metadata={
            **LOW,
            "prompt": uploads.encode("Ein Stuhl, größer"),
            "aspect_ratio": "1:1",
            "resolution": "1k",
            "output_format": "webp",
            "references": "references/logo.png, chair.png",
        },
    ),
    "not a picture": Drop("warmer-light/words.png", b"only words", refused="object"),
    "empty": Drop("warmer-light/empty.png", b"", refused="object"),
    "25 MB": Drop("warmer-light/huge.png", JPEG + bytes(25_000_000), refused="object"),
    "another kind of file": Drop("warmer-light/notes.txt", refused="object"),
    "no preset": Drop("holiday/beach.png", refused="folder"),
    "no folder": Drop("beach.png", refused="folder"),
    "our own output": Drop(
        "warmer-light/loop.png",
        metadata={"darkroom_job_id": "x"},
        refused="metadata.darkroom-job-id",
    ),
    "bad metadata": Drop(
        "warmer-light/bad.png", metadata={"quality": "ultra"}, refused="metadata.quality"
    ),
    "no such reference": Drop(
        "warmer-light/alone.png",
        metadata={"references": "s3://nobody-has-it/a.png"},
        refused="metadata.references",
    ),
    "malformed description": Drop("orders/1/bad.job.json", b'{"operation": ', refused=""),
    "bad description": Drop(
        "orders/1/worse.job.json", b'{"operation": "edit", "prompt": "x"}', refused="images"
    ),
}  # fmt: skip
DONE = [name for name, drop in DROPS.items() if drop.refused is None]
REFUSED = [name for name, drop in DROPS.items() if drop.refused is not None]


@pytest.fixture(scope="module")
def versions(desk: Desk) -> dict[str, str]:
    """Drop all of them; they run side by side."""
    desk.drop("references/logo.png", picture(64, 64))
    return {name: desk.drop(d.key, d.body, **d.metadata) for name, d in DROPS.items()}


def outcome(desk: Desk, versions: dict[str, str], name: str) -> Event:
    return desk.outcome_of_upload(DROPS[name].key, versions[name])


@pytest.mark.parametrize("name", DONE)
def test_it_becomes_an_edit_under_its_own_path(
    desk: Desk, versions: dict[str, str], name: str
) -> None:
    key = DROPS[name].key

    event = outcome(desk, versions, name)

    assert event["detail-type"] == "JobCompleted", event["detail"]
    detail = event["detail"]
    assert detail["caller"] == f"inbox:{key.partition('/')[0]}"
    (asset,) = detail["assets"]
    folder = asset["key"].removesuffix(f"/{detail['job_id']}/0.{asset['key'][-4:].lstrip('.')}")
    assert f"edits/{key}".startswith(folder)
    assert folder == f"edits/{key}" or len(key) > 900
    told = desk.s3.head_object(Bucket=asset["bucket"], Key=asset["key"])["Metadata"]
    assert uploads.decode(told["source-key"]) == key
    assert told["source-version-id"] == versions[name]
    assert told["source-bucket"] == desk.stack.inbox_bucket
    assert told["darkroom-job-id"] == detail["job_id"]
    assert told["preset"] == f"{key.partition('/')[0]}@1"


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused_with_a_note_that_a_person_can_read(
    desk: Desk, versions: dict[str, str], name: str
) -> None:
    drop = DROPS[name]

    event = outcome(desk, versions, name)

    assert event["detail-type"] == "JobRejected", event["detail"]
    assert drop.refused in [problem["field"] for problem in event["detail"]["errors"]]
    note = json.loads(
        desk.body({"bucket": desk.stack.assets_bucket, "key": f"errors/{drop.key}.json"})
    )
    assert drop.key in note["message"]
    assert "Nothing was started or charged" in note["message"]
    assert note["errors"] == event["detail"]["errors"]


def test_metadata_overrides_the_preset(desk: Desk, versions: dict[str, str]) -> None:
    detail = outcome(desk, versions, "overridden")["detail"]

    (post,) = desk.posts("Ein Stuhl, gr")
    assert post["body"]["prompt"] == "Ein Stuhl, größer"
    assert post["body"]["aspect_ratio"] == "1:1"
    assert len(post["body"]["images"]) == 3
    assert detail["assets"][0]["content_type"] == "image/webp"
    assert detail["estimated_cost_micro_usd"] == 30_000 + 2 * 12_000


def test_a_description_starts_the_job_that_it_describes(desk: Desk) -> None:
    desk.drop("orders/2/front.png", picture())
    body = {"operation": "edit", **LOW, "prompt": "Front and logo",
            "images": ["front.png", "references/logo.png"]}  # fmt: skip
    key = "orders/2/both.job.json"
    desk.drop("references/logo.png", picture(64, 64))

    version = desk.drop(key, json.dumps(body).encode())

    event = desk.outcome_of_upload(key, version)
    assert event["detail-type"] == "JobCompleted", event["detail"]
    (post,) = desk.posts("Front and logo")
    assert len(post["body"]["images"]) == 2


def test_the_same_key_again_is_a_new_job_of_its_own_version(desk: Desk) -> None:
    key = "warmer-light/again.png"
    first, second = (desk.drop(key, picture(width, 200), **LOW) for width in (300, 600))

    events = [desk.outcome_of_upload(key, version) for version in (first, second)]

    assert [event["detail-type"] for event in events] == ["JobCompleted"] * 2
    jobs = [desk.job(event["detail"]["job_id"]) for event in events]
    assert [job.references for job in jobs] == [(job.source,) for job in jobs]
    assert [job.source and job.source.version_id for job in jobs] == [first, second]


@pytest.fixture
def notifications(desk: Desk) -> Iterator[str]:
    """A queue that gets every notification of S3, beside the function that does."""
    bus, sqs = desk.stack.client("events"), desk.stack.client("sqs")
    url: str = sqs.create_queue(QueueName="s3-notifications")["QueueUrl"]
    told = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
    bus.put_rule(Name="s3-notifications", EventPattern='{"source": ["aws.s3"]}')
    bus.put_targets(Rule="s3-notifications", Targets=[{"Id": "q", "Arn": told["QueueArn"]}])
    yield url
    bus.remove_targets(Rule="s3-notifications", Ids=["q"])
    bus.delete_rule(Name="s3-notifications")
    sqs.delete_queue(QueueUrl=url)


def test_repeated_and_late_notifications_start_nothing_more(desk: Desk, notifications: str) -> None:
    sqs, functions = desk.stack.client("sqs"), desk.stack.client("lambda")
    key = "warmer-light/repeated.png"
    version = desk.drop(key, picture(), **LOW, prompt="Told three times")
    done = desk.outcome_of_upload(key, version)["detail"]
    desk.drop(key, b"replaced meanwhile")
    told = [
        json.loads(message["Body"])
        for message in sqs.receive_message(
            QueueUrl=notifications, MaxNumberOfMessages=10, WaitTimeSeconds=5
        )["Messages"]
    ]
    (first,) = [event for event in told if event["detail"]["object"].get("version-id") == version]
    (name,) = [
        function["FunctionName"]
        for function in functions.list_functions()["Functions"]
        if "OnUpload" in function["FunctionName"]
    ]

    for event_id in ("again-1", "again-2"):
        event = json.dumps({**first, "id": event_id})
        answer = functions.invoke(FunctionName=name, Payload=event)
        assert json.loads(answer["Payload"].read())["job_id"] == done["job_id"]

    assert len(desk.posts("Told three times")) == 1


@pytest.fixture
def document(desk: Desk) -> Iterator[Any]:
    """Write the presets; whatever was written is taken back at the end."""
    bucket = desk.stack.assets_bucket

    def write(text: str) -> None:
        desk.s3.put_object(Bucket=bucket, Key=KEY, Body=text.encode())

    yield write
    desk.s3.delete_object(Bucket=bucket, Key=KEY)


def test_presets_change_without_a_deploy_and_a_broken_document_leaves_the_last_good_one(
    desk: Desk, document: Any
) -> None:
    own = presets.shipped().model_dump(mode="json")
    own["version"] = 7
    own["presets"]["sepia"] = {"prompt": "Make it sepia, easily found", "quality": "low"}
    document(json.dumps(own))
    document('{"version": 8, "presets": ')

    version = desk.drop("sepia/old.png", picture())

    event = desk.outcome_of_upload("sepia/old.png", version)
    assert event["detail-type"] == "JobCompleted", event["detail"]
    assert desk.job(event["detail"]["job_id"]).preset == "sepia@7"
    with desk.http(desk.key("reader")) as client:
        told = client.get("/v1/presets").json()
    assert told["version"] == 7
    assert "not valid JSON" in told["problem"]
    until(lambda: _counted(desk, "PresetsBroken"), seconds=20, what="the metric of the alarm")


def _counted(desk: Desk, metric: str) -> bool | None:
    logs: Any = desk.stack.client("logs")
    for group in logs.describe_log_groups()["logGroups"]:
        name = group["logGroupName"]
        for page in logs.get_paginator("filter_log_events").paginate(logGroupName=name):
            if any(f'"Name":"{metric}"' in event["message"] for event in page["events"]):
                return True
    return None
