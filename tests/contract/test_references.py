"""The port References: in memory and over S3 (moto), one suite."""

from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from botocore.exceptions import ClientError
from botocore.stub import Stubber
from mypy_boto3_s3 import S3Client

from darkroom.adapters.references import ReferenceStore
from darkroom.bootstrap import clients
from darkroom.domain.media import JPEG, PNG
from darkroom.domain.references import S3Object
from darkroom.ports import References
from tests.contract.conftest import REGION
from tests.fakes import pictures
from tests.fakes.storage import InMemoryReferences

type Put = Callable[[str, bytes], None]


@pytest.fixture(params=["memory", "s3"])
def store(request: pytest.FixtureRequest) -> tuple[References, Put]:
    """A store, and a way to put an object into its bucket `assets`."""
    if request.param == "memory":
        memory = InMemoryReferences()

        def put_in_memory(key: str, data: bytes) -> None:
            memory.objects.setdefault(("assets", key), []).append(data)

        return memory, put_in_memory

    client: S3Client = request.getfixturevalue("s3")

    def put(key: str, data: bytes) -> None:
        client.put_object(Bucket="assets", Key=key, Body=data)

    return ReferenceStore(client, "assets"), put


def at(key: str, bucket: str = "assets") -> S3Object:
    return S3Object(bucket=bucket, key=key)


def test_an_object_is_seen_with_its_version_length_and_first_bytes(
    store: tuple[References, Put],
) -> None:
    references, put = store
    data = pictures.PNG.ljust(5000, b"\x00")
    put("a.png", data)

    seen = references.inspect(at("a.png"))

    assert seen is not None
    pinned = seen.reference
    assert (pinned.bucket, pinned.key, seen.size) == ("assets", "a.png", 5000)
    assert pinned.version_id
    assert data.startswith(seen.head)
    assert len(seen.head) >= 32


def test_each_look_pins_the_version_of_its_time(store: tuple[References, Put]) -> None:
    references, put = store
    put("a.png", b"one")
    first = references.inspect(at("a.png"))
    put("a.png", b"three")
    second = references.inspect(at("a.png"))

    assert first is not None
    assert second is not None
    assert first.reference.version_id != second.reference.version_id
    assert (first.head, second.head) == (b"one", b"three")


@pytest.mark.parametrize(
    "reference", [at("none.png"), at("a.png", bucket="no-such-bucket"), at("", bucket="assets")]
)
def test_what_is_not_there_is_none(store: tuple[References, Put], reference: S3Object) -> None:
    references, put = store
    put("a.png", b"one")

    assert references.inspect(reference) is None


@pytest.mark.parametrize(
    "key", ["a b.png", "ü/?#%20+&=.png", "/slash", "a//b", "../up", "x" * 1024, "\U0001f3ee"]
)
def test_odd_keys_are_keys(store: tuple[References, Put], key: str) -> None:
    references, put = store
    put(key, b"odd")

    seen = references.inspect(at(key))

    assert seen is not None
    assert (seen.reference.key, seen.head) == (key, b"odd")


def test_an_empty_object_has_no_length(store: tuple[References, Put]) -> None:
    references, put = store
    put("empty.png", b"")

    seen = references.inspect(at("empty.png"))

    assert seen is not None
    assert (seen.size, seen.head) == (0, b"")


@pytest.mark.parametrize(
    ("data", "known", "ending"), [(pictures.PNG, PNG, ".png"), (pictures.JPEG, JPEG, ".jpg")]
)
def test_kept_bytes_can_be_seen(
    store: tuple[References, Put], data: bytes, known: object, ending: str
) -> None:
    references, _ = store

    kept = references.store("job-1", "tests", data, PNG if known == PNG else JPEG)

    assert kept.bucket == "assets"
    assert kept.key.startswith("references/job-1/")
    assert kept.key.endswith(ending)
    seen = references.inspect(kept)
    assert seen is not None
    assert seen.size == len(data)


def test_the_same_bytes_are_kept_under_the_same_key(store: tuple[References, Put]) -> None:
    references, _ = store

    keys = [
        references.store(job, "tests", data, PNG).key
        for job, data in [("j", b"a"), ("j", b"a"), ("j", b"b"), ("k", b"a")]
    ]

    assert keys[0] == keys[1]
    assert len(set(keys)) == 3


def test_a_presigned_url_names_the_version_and_the_time(store: tuple[References, Put]) -> None:
    references, _ = store

    url = references.presign(S3Object(bucket="assets", key="a.png", version_id="v1"), 4500)

    parts, query = urlsplit(url), parse_qs(urlsplit(url).query)
    assert parts.scheme == "https"
    assert parts.path.endswith("/a.png")
    assert query["versionId"] == ["v1"]
    assert query["X-Amz-Expires"] == ["4500"]


def test_a_presigned_url_without_a_version_has_none(store: tuple[References, Put]) -> None:
    references, _ = store

    assert "versionId" not in references.presign(at("a.png"), 60)


def test_a_presigned_url_serves_the_pinned_version_after_a_change(s3: S3Client) -> None:
    store = ReferenceStore(s3, "assets")
    s3.put_object(Bucket="assets", Key="a b/ü.png", Body=b"first")
    seen = store.inspect(at("a b/ü.png"))
    s3.put_object(Bucket="assets", Key="a b/ü.png", Body=b"second")
    assert seen is not None

    answer = requests.get(store.presign(seen.reference, 60), timeout=5)

    assert answer.content == b"first"


def test_a_bucket_without_versions_pins_none(s3: S3Client) -> None:
    s3.put_object(Bucket="plain", Key="a.png", Body=b"x")

    seen = ReferenceStore(s3, "assets").inspect(at("a.png", bucket="plain"))

    assert seen is not None
    assert seen.reference == at("a.png", bucket="plain")


@pytest.mark.parametrize("key", ["é" * 1000, "x" * 1025])
def test_a_key_that_s3_does_not_take_is_none(s3: S3Client, key: str) -> None:
    assert ReferenceStore(s3, "assets").inspect(at(key)) is None


@pytest.mark.parametrize("bucket", ["a..b", "Assets", "a/b", "arn:aws:s3:::x", "-ab"])
def test_a_bucket_that_cannot_be_is_none(s3: S3Client, bucket: str) -> None:
    assert ReferenceStore(s3, "assets").inspect(at("a.png", bucket=bucket)) is None


@pytest.mark.parametrize(
    ("code", "status"),
    [("AccessDenied", 403), ("403", 403), ("NoSuchKey", 404), ("NoSuchBucket", 404),
     ("InvalidObjectState", 403), ("PermanentRedirect", 301), ("KeyTooLongError", 400),
     ("InvalidRequest", 400)],
)  # fmt: skip
def test_what_may_not_be_read_is_none(s3: S3Client, code: str, status: int) -> None:
    with Stubber(s3) as stub:
        stub.add_client_error("get_object", code, http_status_code=status)

        assert ReferenceStore(s3, "assets").inspect(at("a.png")) is None


@pytest.mark.parametrize("code", ["SlowDown", "InternalError", "ExpiredToken"])
def test_trouble_of_ours_is_a_crash_and_no_refusal(s3: S3Client, code: str) -> None:
    with Stubber(s3) as stub:
        stub.add_client_error("get_object", code)

        with pytest.raises(ClientError, match=code):
            ReferenceStore(s3, "assets").inspect(at("a.png"))


def test_the_deployed_client_presigns_for_its_own_region(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    store = ReferenceStore(clients.s3.__wrapped__(), "assets")

    url = store.presign(S3Object(bucket="my-photos", key="a.png"), 60)

    assert urlsplit(url).netloc == f"my-photos.s3.{REGION}.amazonaws.com"
    assert REGION in url.partition("X-Amz-Credential=")[2]
