"""Contract of the port References: in memory and over S3 (moto)."""

from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from botocore.exceptions import ClientError
from botocore.stub import Stubber
from mypy_boto3_s3 import S3Client

from darkroom import aws
from darkroom.adapters.s3.references import ReferenceStore
from darkroom.domain.media import JPEG, PNG
from darkroom.domain.references import S3Object
from darkroom.ports import References
from tests.contract.conftest import REGION
from tests.fakes import images
from tests.fakes.storage import InMemoryReferences

type Put = Callable[[str, bytes], None]


@pytest.fixture(params=["memory", "s3"])
def store(request: pytest.FixtureRequest) -> tuple[References, Put]:
    """Return a store and a function that puts an object into the bucket `assets`."""
    if request.param == "memory":
        memory = InMemoryReferences()

        def put_in_memory(key: str, data: bytes) -> None:
            memory.objects.setdefault(("assets", key), []).append(data)

        return memory, put_in_memory

    client: S3Client = request.getfixturevalue("s3")

    def put(key: str, data: bytes) -> None:
        client.put_object(Bucket="assets", Key=key, Body=data)

    return ReferenceStore(client, "assets"), put


def s3_object(key: str, bucket: str = "assets") -> S3Object:
    return S3Object(bucket=bucket, key=key)


def test_inspect_returns_version_size_and_first_bytes(
    store: tuple[References, Put],
) -> None:
    references, put = store
    data = images.PNG.ljust(5000, b"\x00")
    put("a.png", data)

    inspected = references.inspect(s3_object("a.png"))

    assert inspected is not None
    pinned = inspected.reference
    assert (pinned.bucket, pinned.key, inspected.size) == ("assets", "a.png", 5000)
    assert pinned.version_id
    assert data.startswith(inspected.head)
    assert len(inspected.head) >= 32


def test_inspect_pins_the_current_version(store: tuple[References, Put]) -> None:
    references, put = store
    put("a.png", b"one")
    first = references.inspect(s3_object("a.png"))
    put("a.png", b"three")
    second = references.inspect(s3_object("a.png"))

    assert first is not None
    assert second is not None
    assert first.reference.version_id != second.reference.version_id
    assert (first.head, second.head) == (b"one", b"three")


@pytest.mark.parametrize(
    "reference",
    [
        s3_object("none.png"),
        s3_object("a.png", bucket="no-such-bucket"),
        s3_object("", bucket="assets"),
    ],
)
def test_missing_object_is_none(store: tuple[References, Put], reference: S3Object) -> None:
    references, put = store
    put("a.png", b"one")

    assert references.inspect(reference) is None


@pytest.mark.parametrize(
    "key", ["a b.png", "ü/?#%20+&=.png", "/slash", "a//b", "../up", "x" * 1024, "\U0001f3ee"]
)
def test_keys_with_special_characters_are_found(store: tuple[References, Put], key: str) -> None:
    references, put = store
    put(key, b"odd")

    inspected = references.inspect(s3_object(key))

    assert inspected is not None
    assert (inspected.reference.key, inspected.head) == (key, b"odd")


@pytest.mark.parametrize(
    ("data", "file_format", "extension"),
    [(images.PNG, PNG, ".png"), (images.JPEG, JPEG, ".jpg")],
)
def test_stored_bytes_can_be_inspected(
    store: tuple[References, Put], data: bytes, file_format: object, extension: str
) -> None:
    references, _ = store

    stored = references.store("job-1", "tests", data, PNG if file_format == PNG else JPEG)

    assert stored.bucket == "assets"
    assert stored.key.startswith("references/job-1/")
    assert stored.key.endswith(extension)
    inspected = references.inspect(stored)
    assert inspected is not None
    assert inspected.size == len(data)


def test_same_bytes_of_a_job_are_stored_under_the_same_key(store: tuple[References, Put]) -> None:
    references, _ = store

    keys = [
        references.store(job, "tests", data, PNG).key
        for job, data in [("j", b"a"), ("j", b"a"), ("j", b"b"), ("k", b"a")]
    ]

    assert keys[0] == keys[1]
    assert len(set(keys)) == 3


def test_presigned_url_has_version_and_expiry(store: tuple[References, Put]) -> None:
    references, _ = store

    url = references.presign(S3Object(bucket="assets", key="a.png", version_id="v1"), 4500)

    parts, query = urlsplit(url), parse_qs(urlsplit(url).query)
    assert parts.scheme == "https"
    assert parts.path.endswith("/a.png")
    assert query["versionId"] == ["v1"]
    assert query["X-Amz-Expires"] == ["4500"]


def test_presigned_url_returns_the_pinned_version(s3: S3Client) -> None:
    store = ReferenceStore(s3, "assets")
    s3.put_object(Bucket="assets", Key="a b/ü.png", Body=b"first")
    inspected = store.inspect(s3_object("a b/ü.png"))
    s3.put_object(Bucket="assets", Key="a b/ü.png", Body=b"second")
    assert inspected is not None

    response = requests.get(store.presign(inspected.reference, 60), timeout=5)

    assert response.content == b"first"


def test_unversioned_bucket_pins_no_version(s3: S3Client) -> None:
    s3.put_object(Bucket="plain", Key="a.png", Body=b"x")

    inspected = ReferenceStore(s3, "assets").inspect(s3_object("a.png", bucket="plain"))

    assert inspected is not None
    assert inspected.reference == s3_object("a.png", bucket="plain")


@pytest.mark.parametrize("key", ["é" * 1000, "x" * 1025])
def test_key_refused_by_s3_is_none(s3: S3Client, key: str) -> None:
    assert ReferenceStore(s3, "assets").inspect(s3_object(key)) is None


@pytest.mark.parametrize("bucket", ["a..b", "Assets", "a/b", "arn:aws:s3:::x", "-ab"])
def test_invalid_bucket_name_is_none(s3: S3Client, bucket: str) -> None:
    assert ReferenceStore(s3, "assets").inspect(s3_object("a.png", bucket=bucket)) is None


@pytest.mark.parametrize(
    ("code", "status"),
    [("AccessDenied", 403), ("403", 403), ("NoSuchKey", 404), ("NoSuchBucket", 404),
     ("InvalidObjectState", 403), ("PermanentRedirect", 301), ("KeyTooLongError", 400),
     ("InvalidRequest", 400)],
)  # fmt: skip
def test_unreadable_object_is_none(s3: S3Client, code: str, status: int) -> None:
    with Stubber(s3) as stub:
        stub.add_client_error("get_object", code, http_status_code=status)

        assert ReferenceStore(s3, "assets").inspect(s3_object("a.png")) is None


@pytest.mark.parametrize("code", ["SlowDown", "InternalError", "ExpiredToken"])
def test_s3_error_raises(s3: S3Client, code: str) -> None:
    with Stubber(s3) as stub:
        stub.add_client_error("get_object", code)

        with pytest.raises(ClientError, match=code):
            ReferenceStore(s3, "assets").inspect(s3_object("a.png"))


def test_deployed_client_presigns_for_its_region(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    store = ReferenceStore(aws.s3_client(), "assets")

    url = store.presign(S3Object(bucket="my-photos", key="a.png"), 60)

    assert urlsplit(url).netloc == f"my-photos.s3.{REGION}.amazonaws.com"
    assert REGION in url.partition("X-Amz-Credential=")[2]
