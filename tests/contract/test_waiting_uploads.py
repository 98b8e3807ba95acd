"""Contract of the port WaitingUploads: in memory and over S3 (moto)."""

from datetime import UTC, datetime

import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber
from mypy_boto3_s3 import S3Client

from darkroom.adapters.s3.waiting import WaitingFolder
from darkroom.domain.uploads import Upload
from darkroom.ports import WaitingUpload, WaitingUploads
from tests.fakes.entry_points import InMemoryWaitingUploads

SINCE = datetime(2026, 11, 22, 12, 0, 0, 5, tzinfo=UTC)


@pytest.fixture(params=["memory", "s3"])
def waiting(request: pytest.FixtureRequest) -> WaitingUploads:
    if request.param == "memory":
        return InMemoryWaitingUploads()
    return WaitingFolder(request.getfixturevalue("s3"), "assets")


def upload(key: str = "größe/a.job.json", version: str | None = "v1") -> WaitingUpload:
    waits = Upload(bucket="inbox", key=key, etag="e", sequencer="01", version_id=version, size=9)
    return WaitingUpload(waits, "event-1", SINCE)


def test_uploads_wait_until_they_are_removed(waiting: WaitingUploads) -> None:
    first, second = upload(), upload("x" * 1024, None)
    for waits in (first, second, first):
        waiting.add(waits)

    listed = waiting.all()
    assert len(listed) == 2
    assert first in listed
    assert second in listed
    for _ in range(2):
        waiting.remove(first.upload)
    assert waiting.all() == [second]


def test_upload_that_another_sweep_removed_is_left_out(s3: S3Client) -> None:
    folder = WaitingFolder(s3, "assets")
    folder.add(upload())
    with Stubber(s3) as stub:
        stub.add_response("list_objects_v2", {"Contents": [{"Key": "waiting/gone.json"}]})
        stub.add_client_error("get_object", "NoSuchKey")

        assert folder.all() == []


def test_s3_error_raises(s3: S3Client) -> None:
    with Stubber(s3) as stub:
        stub.add_response("list_objects_v2", {"Contents": [{"Key": "waiting/a.json"}]})
        stub.add_client_error("get_object", "SlowDown")

        with pytest.raises(ClientError, match="SlowDown"):
            WaitingFolder(s3, "assets").all()
