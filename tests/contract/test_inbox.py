"""The port Inbox: in memory and over S3 (moto), one suite."""

from dataclasses import dataclass
from typing import Protocol

import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber
from mypy_boto3_s3 import S3Client

from darkroom.adapters.inbox import InboxBucket
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


class Shelf(Protocol):
    """An inbox, and the hands of whoever uses it."""

    @property
    def inbox(self) -> Inbox:
        """The port."""

    def put(self, key: str, data: bytes, metadata: dict[str, str]) -> Upload:
        """Put an object; return what its notification tells."""

    def remove(self, upload: Upload) -> None:
        """Delete that version for good."""


class InMemory:
    def __init__(self) -> None:
        self.inbox = InMemoryInbox(InMemoryReferences())

    def put(self, key: str, data: bytes, metadata: dict[str, str]) -> Upload:
        return self.inbox.put(key, data, **metadata)

    def remove(self, upload: Upload) -> None:
        del self.inbox.references.objects[upload.bucket, upload.key]


@dataclass
class InS3:
    client: S3Client
    bucket: str = "assets"

    def __post_init__(self) -> None:
        self.inbox = InboxBucket(self.client, self.bucket)

    def put(self, key: str, data: bytes, metadata: dict[str, str]) -> Upload:
        answer = self.client.put_object(Bucket=self.bucket, Key=key, Body=data, Metadata=metadata)
        return Upload(
            bucket=self.bucket,
            key=key,
            etag=answer["ETag"].strip('"'),
            sequencer="01",
            version_id=answer.get("VersionId"),
        )

    def remove(self, upload: Upload) -> None:
        assert upload.version_id
        self.client.delete_object(Bucket=self.bucket, Key=upload.key, VersionId=upload.version_id)


@pytest.fixture(params=["memory", "s3"])
def shelf(request: pytest.FixtureRequest) -> Shelf:
    return InMemory() if request.param == "memory" else InS3(request.getfixturevalue("s3"))


def test_an_upload_is_opened_with_its_metadata_and_as_much_as_is_asked_for(shelf: Shelf) -> None:
    metadata = {"prompt": "a  b", "aspect-ratio": "16:9", "references": "x.png, y.png"}
    upload = shelf.put("scan/a.png", b"123456", metadata)

    for limit, body in ((0, b""), (4, b"1234"), (9, b"123456")):
        assert shelf.inbox.open(upload, limit) == InboxFile(metadata, body)


def test_an_upload_may_be_empty_and_without_metadata(shelf: Shelf) -> None:
    assert shelf.inbox.open(shelf.put("scan/a.png", b"", {}), 9) == InboxFile({}, b"")


def test_each_upload_of_a_key_is_opened_as_it_was(shelf: Shelf) -> None:
    first = shelf.put("a.png", b"one", {"prompt": "1"})
    second = shelf.put("a.png", b"two", {"prompt": "2"})

    assert shelf.inbox.open(second, 9) == InboxFile({"prompt": "2"}, b"two")
    assert shelf.inbox.open(first, 9) == InboxFile({"prompt": "1"}, b"one")


@pytest.mark.parametrize("key", ODD_KEYS)
def test_odd_keys_are_keys(shelf: Shelf, key: str) -> None:
    assert not shelf.inbox.has(key)
    upload = shelf.put(key, b"odd", {})

    assert shelf.inbox.open(upload, 9) == InboxFile({}, b"odd")
    assert shelf.inbox.has(key)


@pytest.mark.parametrize("key", IMPOSSIBLE_KEYS)
def test_nothing_lies_at_a_key_that_cannot_be(shelf: Shelf, key: str) -> None:
    """Names in a description are its writer's own: anything can stand there."""
    assert not shelf.inbox.has(key)


@pytest.mark.parametrize("key", ["a.pn", "a.png/", "A.png", "a.png "])
def test_a_key_is_the_whole_key(shelf: Shelf, key: str) -> None:
    shelf.put("a.png", b"one", {})

    assert not shelf.inbox.has(key)


def test_what_is_gone_is_none(shelf: Shelf) -> None:
    upload = shelf.put("a.png", b"one", {})
    shelf.remove(upload)

    assert shelf.inbox.open(upload, 9) is None
    assert not shelf.inbox.has("a.png")


@pytest.mark.parametrize("words", ["Größe", "字" * 300, "\U0001f3ee\n"])
def test_words_that_are_not_ascii_come_back(shelf: Shelf, words: str) -> None:
    opened = shelf.inbox.open(shelf.put("a.png", b"", {"prompt": encode(words)}), 0)

    assert opened is not None
    assert decode(opened.metadata["prompt"]) == words


def test_a_version_under_a_delete_marker_is_still_what_was_uploaded(s3: S3Client) -> None:
    shelf = InS3(s3)
    upload = shelf.put("a.png", b"one", {})
    s3.delete_object(Bucket=shelf.bucket, Key="a.png")

    assert shelf.inbox.open(upload, 9) == InboxFile({}, b"one")
    assert not shelf.inbox.has("a.png")


def test_without_versions_what_was_replaced_is_none_and_what_replaced_it_is_opened(
    s3: S3Client,
) -> None:
    shelf = InS3(s3, "plain")
    first = shelf.put("a.png", b"one", {})
    second = shelf.put("a.png", b"two", {})

    assert first.version_id is None
    assert shelf.inbox.open(first, 9) is None
    assert shelf.inbox.open(second, 9) == InboxFile({}, b"two")


@pytest.mark.parametrize("code", ["SlowDown", "InternalError", "ExpiredToken"])
def test_trouble_of_ours_is_a_crash_and_not_a_file_that_is_gone(s3: S3Client, code: str) -> None:
    shelf = InS3(s3)
    upload = shelf.put("a.png", b"one", {})
    with Stubber(s3) as stub:
        stub.add_client_error("get_object", code)
        with pytest.raises(ClientError, match=code):
            shelf.inbox.open(upload, 9)
        stub.add_client_error("head_object", code)
        with pytest.raises(ClientError, match=code):
            shelf.inbox.has("a.png")


@pytest.mark.parametrize("code", ["AccessDenied", "InvalidObjectState"])
def test_what_is_archived_or_encrypted_for_others_is_refused(s3: S3Client, code: str) -> None:
    shelf = InS3(s3)
    upload = shelf.put("a.png", b"one", {})
    with Stubber(s3) as stub:
        stub.add_client_error("get_object", code)
        with pytest.raises(InvalidRequestError, match="object: may not be read"):
            shelf.inbox.open(upload, 9)
