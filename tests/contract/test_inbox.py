"""Contract of the port Inbox: in memory and over S3 (moto)."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber
from mypy_boto3_s3 import S3Client
from mypy_boto3_s3.type_defs import TagTypeDef

from darkroom.adapters.s3.inbox import TAG, InboxBucket
from darkroom.domain.errors import InvalidRequestError
from darkroom.domain.uploads import Upload, decode, encode
from darkroom.ports import Inbox, InboxFile
from tests.fakes.entry_points import InMemoryInbox
from tests.fakes.storage import InMemoryReferences

ODD_KEYS = [
    "a b.png", "a+b.png", "100%.png", "%2B.png", "ü/?#&=;.png", "/slash", "a//b", "../up", "./a",
    "a/", "a\n\t\x01.png", "x" * 1024, "字" * 341, "\U0001f3ee",
]  # fmt: skip
IMPOSSIBLE_KEYS = ["", "x" * 1025, "ü" * 513, "x" * 100_000, "\ud800.png"]


class InboxHarness(Protocol):
    """An inbox with operations that put and delete its objects."""

    @property
    def inbox(self) -> Inbox:
        """The port."""

    def put(self, key: str, data: bytes, metadata: dict[str, str]) -> Upload:
        """Put an object; return the upload that its notification describes."""

    def remove(self, upload: Upload) -> None:
        """Delete the version permanently."""


class InMemoryHarness:
    def __init__(self) -> None:
        self.inbox = InMemoryInbox(InMemoryReferences())

    def put(self, key: str, data: bytes, metadata: dict[str, str]) -> Upload:
        return self.inbox.put(key, data, **metadata)

    def remove(self, upload: Upload) -> None:
        del self.inbox.references.objects[upload.bucket, upload.key]


@dataclass
class S3Harness:
    client: S3Client
    bucket: str = "assets"

    def __post_init__(self) -> None:
        self.inbox = InboxBucket(self.client, self.bucket)

    def put(self, key: str, data: bytes, metadata: dict[str, str]) -> Upload:
        response = self.client.put_object(Bucket=self.bucket, Key=key, Body=data, Metadata=metadata)
        return Upload(
            bucket=self.bucket,
            key=key,
            etag=response["ETag"].strip('"'),
            sequencer="01",
            version_id=response.get("VersionId"),
        )

    def remove(self, upload: Upload) -> None:
        assert upload.version_id
        self.client.delete_object(Bucket=self.bucket, Key=upload.key, VersionId=upload.version_id)


@pytest.fixture(params=["memory", "s3"])
def harness(request: pytest.FixtureRequest) -> InboxHarness:
    return (
        InMemoryHarness() if request.param == "memory" else S3Harness(request.getfixturevalue("s3"))
    )


def test_open_returns_metadata_and_at_most_limit_bytes(harness: InboxHarness) -> None:
    metadata = {"prompt": "a  b", "aspect-ratio": "16:9", "references": "x.png, y.png"}
    upload = harness.put("scan/a.png", b"123456", metadata)

    for limit, body in ((0, b""), (4, b"1234"), (9, b"123456")):
        assert harness.inbox.open(upload, limit) == InboxFile(metadata, body)


def test_each_version_of_a_key_is_opened_unchanged(harness: InboxHarness) -> None:
    first = harness.put("a.png", b"one", {"prompt": "1"})
    second = harness.put("a.png", b"two", {"prompt": "2"})

    assert harness.inbox.open(second, 9) == InboxFile({"prompt": "2"}, b"two")
    assert harness.inbox.open(first, 9) == InboxFile({"prompt": "1"}, b"one")


@pytest.mark.parametrize("key", ODD_KEYS)
def test_keys_with_special_characters_are_found(harness: InboxHarness, key: str) -> None:
    assert harness.inbox.find(key) is None
    upload = harness.put(key, b"odd", {})

    assert harness.inbox.open(upload, 9) == InboxFile({}, b"odd")
    assert harness.inbox.find(key) == upload.object


def test_current_version_is_found(harness: InboxHarness) -> None:
    first, second = (harness.put("a.png", data, {}) for data in (b"one", b"two"))

    assert harness.inbox.find("a.png") == second.object != first.object


def test_copies_are_the_other_versions_with_the_same_bytes(harness: InboxHarness) -> None:
    uploads = [harness.put("a.png", data, {}) for data in (b"one", b"two", b"one", b"one")]
    harness.put("a.png.png", b"one", {})
    harness.put("A.png", b"one", {})

    copies = harness.inbox.copies(uploads[2], datetime(2020, 1, 1, tzinfo=UTC))

    assert [copy.object for copy in copies] == [uploads[3].object, uploads[0].object]
    assert [copy.idempotency_key for copy in copies] == [
        uploads[3].idempotency_key, uploads[0].idempotency_key,
    ]  # fmt: skip


def test_copies_before_the_window_do_not_count(s3: S3Client) -> None:
    harness = S3Harness(s3)
    harness.put("a.png", b"one", {})
    upload = harness.put("a.png", b"one", {})

    assert harness.inbox.copies(upload, datetime.now(UTC) + timedelta(minutes=1)) == []


@pytest.mark.parametrize("key", IMPOSSIBLE_KEYS)
def test_impossible_key_is_not_found(harness: InboxHarness, key: str) -> None:
    """Object names in metadata are written by callers and can be any text."""
    assert harness.inbox.find(key) is None


@pytest.mark.parametrize("key", ["a.pn", "a.png/", "A.png", "a.png "])
def test_key_must_match_completely(harness: InboxHarness, key: str) -> None:
    harness.put("a.png", b"one", {})

    assert harness.inbox.find(key) is None


def test_deleted_upload_is_none(harness: InboxHarness) -> None:
    upload = harness.put("a.png", b"one", {})
    harness.remove(upload)

    assert harness.inbox.open(upload, 9) is None
    assert harness.inbox.find("a.png") is None


@pytest.mark.parametrize("prompt", ["Größe", "字" * 300, "\U0001f3ee\n"])
def test_non_ascii_metadata_is_decoded(harness: InboxHarness, prompt: str) -> None:
    opened = harness.inbox.open(harness.put("a.png", b"", {"prompt": encode(prompt)}), 0)

    assert opened is not None
    assert decode(opened.metadata["prompt"]) == prompt


def test_version_under_a_delete_marker_is_opened(s3: S3Client) -> None:
    harness = S3Harness(s3)
    upload = harness.put("a.png", b"one", {})
    s3.delete_object(Bucket=harness.bucket, Key="a.png")

    assert harness.inbox.open(upload, 9) == InboxFile({}, b"one")
    assert harness.inbox.find("a.png") is None


def test_unversioned_bucket_opens_only_the_current_object(
    s3: S3Client,
) -> None:
    harness = S3Harness(s3, "plain")
    first = harness.put("a.png", b"one", {})
    second = harness.put("a.png", b"two", {})

    assert first.version_id is None
    assert harness.inbox.open(first, 9) is None
    assert harness.inbox.open(second, 9) == InboxFile({}, b"two")


def tags(s3: S3Client, upload: Upload) -> list[TagTypeDef]:
    """Return the tags of the upload's version."""
    assert upload.version_id
    return s3.get_object_tagging(Bucket="assets", Key=upload.key, VersionId=upload.version_id)[
        "TagSet"
    ]


def test_processed_version_is_tagged_once_and_keeps_its_other_tags(s3: S3Client) -> None:
    harness = S3Harness(s3)
    own: TagTypeDef = {"Key": "team", "Value": "shop"}
    first = harness.put("a.png", b"one", {})
    s3.put_object_tagging(Bucket="assets", Key="a.png", Tagging={"TagSet": [own]})
    second = harness.put("a.png", b"two", {})

    for _ in range(2):
        harness.inbox.mark_processed(first)

    assert tags(s3, first) == [own, TAG]
    assert tags(s3, second) == []


def test_upload_with_ten_tags_keeps_them(s3: S3Client) -> None:
    harness = S3Harness(s3)
    upload = harness.put("a.png", b"one", {})
    own: list[TagTypeDef] = [{"Key": str(number), "Value": ""} for number in range(10)]
    s3.put_object_tagging(Bucket="assets", Key="a.png", Tagging={"TagSet": own})

    harness.inbox.mark_processed(upload)

    assert tags(s3, upload) == own


def test_deleted_upload_is_not_marked(harness: InboxHarness) -> None:
    upload = harness.put("a.png", b"one", {})
    harness.remove(upload)

    harness.inbox.mark_processed(upload)


@pytest.mark.parametrize("code", ["SlowDown", "InternalError", "ExpiredToken"])
def test_s3_error_raises_instead_of_reporting_a_missing_object(s3: S3Client, code: str) -> None:
    harness = S3Harness(s3)
    upload = harness.put("a.png", b"one", {})
    with Stubber(s3) as stub:
        stub.add_client_error("get_object", code)
        with pytest.raises(ClientError, match=code):
            harness.inbox.open(upload, 9)
        stub.add_client_error("head_object", code)
        with pytest.raises(ClientError, match=code):
            harness.inbox.find("a.png")


@pytest.mark.parametrize("code", ["AccessDenied", "InvalidObjectState"])
def test_unreadable_object_is_refused(s3: S3Client, code: str) -> None:
    harness = S3Harness(s3)
    upload = harness.put("a.png", b"one", {})
    with Stubber(s3) as stub:
        stub.add_client_error("get_object", code)
        with pytest.raises(InvalidRequestError, match=r"a\.png cannot be read\. Restore it"):
            harness.inbox.open(upload, 9)
