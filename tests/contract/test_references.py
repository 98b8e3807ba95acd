"""Contract of the port References: versions, owners, URLs and upload ids."""

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

UPLOAD = "0123456789abcdef0123456789abcdef.png"

type Put = Callable[..., None]


@pytest.fixture(params=["memory", "s3"])
def store(request: pytest.FixtureRequest) -> tuple[References, Put]:
    """Return a store and a function that puts an object of an owner into the bucket `assets`."""
    if request.param == "memory":
        memory = InMemoryReferences()

        def put_in_memory(key: str, data: bytes, owner: str | None = None) -> None:
            memory.objects.setdefault(("assets", key), []).append(data)
            if owner:
                memory.owners[key] = owner

        return memory, put_in_memory

    client: S3Client = request.getfixturevalue("s3")

    def put(key: str, data: bytes, owner: str | None = None) -> None:
        metadata = {"darkroom-caller": owner} if owner else {}
        client.put_object(Bucket="assets", Key=key, Body=data, Metadata=metadata)

    return ReferenceStore(client, "assets"), put


def s3_object(key: str, bucket: str = "assets") -> S3Object:
    return S3Object(bucket=bucket, key=key)


def test_inspect_returns_the_current_version_its_size_and_first_bytes(
    store: tuple[References, Put],
) -> None:
    references, put = store
    data = images.PNG.ljust(5000, b"\x00")
    put("a.png", b"one")
    first = references.inspect(s3_object("a.png"))
    put("a.png", data)

    inspected = references.inspect(s3_object("a.png"))

    assert first is not None
    assert inspected is not None
    pinned = inspected.reference
    assert (pinned.bucket, pinned.key, inspected.size) == ("assets", "a.png", 5000)
    assert pinned.version_id
    assert pinned.version_id != first.reference.version_id
    assert first.head == b"one"
    assert data.startswith(inspected.head)
    assert len(inspected.head) >= 32


def test_end_of_an_inspected_object_can_be_read(store: tuple[References, Put]) -> None:
    references, put = store
    put("a.png", b"0123456789")
    inspected = references.inspect(s3_object("a.png"))
    put("a.png", b"replaced")
    assert inspected is not None

    assert references.read_end(inspected.reference, 3) == b"789"
    assert references.read_end(inspected.reference, 99) == b"0123456789"


def test_equal_bytes_have_equal_etags(store: tuple[References, Put]) -> None:
    references, put = store
    for key, data in (("a", b"one"), ("b", b"one"), ("c", b"two")):
        put(key, data)

    one, same, other = (references.inspect(s3_object(key)) for key in "abc")

    assert one
    assert same
    assert other
    assert one.etag == same.etag != other.etag


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


def test_presigned_url_serves_the_type_by_the_bytes(s3: S3Client) -> None:
    store = ReferenceStore(s3, "assets")
    s3.put_object(Bucket="assets", Key="a", Body=images.PNG, ContentType="binary/octet-stream")
    inspected = store.inspect(s3_object("a"))
    assert inspected is not None
    assert inspected.content_type == "binary/octet-stream"
    typed = inspected.reference.model_copy(update={"content_type": "image/png"})

    response = requests.get(store.presign(typed, 60), timeout=5)

    assert (response.headers["Content-Type"], response.content) == ("image/png", images.PNG)


def test_unversioned_bucket_pins_no_version(s3: S3Client) -> None:
    s3.put_object(Bucket="plain", Key="a.png", Body=b"x")

    inspected = ReferenceStore(s3, "assets").inspect(s3_object("a.png", bucket="plain"))

    assert inspected is not None
    assert inspected.reference == s3_object("a.png", bucket="plain")


@pytest.mark.parametrize(
    ("bucket", "key"),
    [
        ("assets", "é" * 1000), ("assets", "x" * 1025), ("a..b", "a.png"), ("Assets", "a.png"),
        ("a/b", "a.png"), ("arn:aws:s3:::x", "a.png"), ("-ab", "a.png"),
    ],
)  # fmt: skip
def test_invalid_key_or_bucket_name_is_none(s3: S3Client, bucket: str, key: str) -> None:
    assert ReferenceStore(s3, "assets").inspect(s3_object(key, bucket=bucket)) is None


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


@pytest.mark.parametrize("owner", ["key:mine", "inbox:scan", None])
def test_object_in_the_own_bucket_has_its_owner(
    store: tuple[References, Put], owner: str | None
) -> None:
    references, put = store
    put("a.png", images.PNG, owner)

    inspected = references.inspect(s3_object("a.png"))

    assert inspected is not None
    assert (inspected.owner, inspected.is_owned) == (owner, True)


@pytest.mark.parametrize("caller", ["key:mine", "Büro ✿", "=?odd", " spaced "])
def test_stored_bytes_belong_to_their_caller(store: tuple[References, Put], caller: str) -> None:
    references, _ = store

    stored = references.store("job-1", caller, images.JPEG, JPEG)

    assert stored.bucket == "assets"
    assert stored.key.startswith("references/job-1/")
    assert stored.key.endswith(".jpg")
    inspected = references.inspect(stored)
    assert inspected is not None
    assert inspected.size == len(images.JPEG)
    assert (inspected.owner, inspected.is_owned) == (caller, True)


def test_upload_id_resolves_to_its_object(store: tuple[References, Put]) -> None:
    references, put = store
    put(f"uploads/{UPLOAD}", images.PNG, "key:mine")

    resolved = references.resolve(f"upload:{UPLOAD}")

    assert resolved == s3_object(f"uploads/{UPLOAD}")
    assert resolved is not None
    inspected = references.inspect(resolved)
    assert inspected is not None
    assert inspected.owner == "key:mine"


@pytest.mark.parametrize("version", [None, "v1"])
@pytest.mark.parametrize(
    "key",
    ["jobs/j/0.png", "edits/a b/ü.png", "a//b", "x" * 1000],
)
def test_own_presigned_url_resolves_to_its_object(
    store: tuple[References, Put], key: str, version: str | None
) -> None:
    references, _ = store
    url = references.presign(S3Object(bucket="assets", key=key, version_id=version), 60)

    assert references.resolve(url) == s3_object(key)


@pytest.mark.parametrize(
    "text",
    ["https://example.com/a.png", "s3://assets/a.png", "assets/a.png", "data:image/png;base64,aGk=",
     "aGk=", "", "upload", "https://assets.example.com/a.png"],
)  # fmt: skip
def test_other_text_resolves_to_none(store: tuple[References, Put], text: str) -> None:
    assert store[0].resolve(text) is None


def test_object_in_another_bucket_is_not_owned(s3: S3Client) -> None:
    s3.put_object(Bucket="plain", Key="a.png", Body=b"x", Metadata={"darkroom-caller": "key:mine"})

    inspected = ReferenceStore(s3, "assets").inspect(s3_object("a.png", bucket="plain"))

    assert inspected is not None
    assert not inspected.is_owned


def test_stored_bytes_have_caller_metadata(s3: S3Client) -> None:
    stored = ReferenceStore(s3, "assets").store("job-1", "key:mine", images.PNG, PNG)

    head = s3.head_object(Bucket="assets", Key=stored.key)
    assert head["Metadata"] == {"darkroom-caller": "key:mine"}
    assert head["ContentType"] == "image/png"
    assert head["VersionId"] == stored.version_id


OWN_URLS = [
    f"https://assets.s3.{REGION}.amazonaws.com/a%20b.png",
    "https://assets.s3.amazonaws.com/a%20b.png",
    "https://ASSETS.S3.amazonaws.com:443/a%20b.png",
    f"https://assets.s3-{REGION}.amazonaws.com/a%20b.png",
    f"https://assets.s3.dualstack.{REGION}.amazonaws.com/a%20b.png",
    "https://assets.s3-accelerate.amazonaws.com/a%20b.png",
    "https://assets.s3-fips.us-gov-west-1.amazonaws.com/a%20b.png",
    "https://assets.s3.cn-north-1.amazonaws.com.cn/a%20b.png",
    f"https://s3.{REGION}.amazonaws.com/assets/a%20b.png",
    "https://s3.amazonaws.com/assets/a%20b.png",
    "http://s3.amazonaws.com/assets/a%20b.png",
]


@pytest.mark.parametrize("url", OWN_URLS)
@pytest.mark.parametrize(
    "query",
    ["", "?X-Amz-Expires=1&X-Amz-Signature=expired", "?AWSAccessKeyId=x&Signature=y&Expires=1",
     "?versionId=v1&response-content-type=text/html", "#fragment"],
)  # fmt: skip
def test_url_of_the_bucket_in_any_style_and_with_any_query_is_its_object(
    s3: S3Client, url: str, query: str
) -> None:
    assert ReferenceStore(s3, "assets").resolve(url + query) == s3_object("a b.png")


@pytest.mark.parametrize(
    "url",
    [
        "https://other.s3.amazonaws.com/assets/a.png",
        "https://s3.amazonaws.com/other/assets/a.png",
        "https://assets.s3.amazonaws.com.evil.test/a.png",
        "https://evil.test/assets/a.png",
        "https://assets.evil.test/a.png",
        "https://assets.s3.amazonaws.com/",
        "https://s3.amazonaws.com/assets/",
        "https://s3.amazonaws.com/assets",
        "https://assets.s3.amazonaws.com:8443/a.png",
        "https://assets.s3.amazonaws.com@evil.test/a.png",
        "https://[::1/a.png",
        "ftp://assets.s3.amazonaws.com/a.png",
        "assets.s3.amazonaws.com/a.png",
        "a lighthouse",
        "upload:", "upload:../jobs/j/0.png", "upload:A.png", "upload:a/b", "upload:a.png\n",
        f"upload:{'a' * 65}", "UPLOAD:a.png",
    ],
)  # fmt: skip
def test_other_text_is_no_object_of_the_bucket(s3: S3Client, url: str) -> None:
    assert ReferenceStore(s3, "assets").resolve(url) is None


@pytest.mark.parametrize(
    "key",
    ["a b/ü?#.png", "uploads/1.png", "?#%20+&=.png", "%41.png", "/slash", "\U0001f3ee", "a?b=c"],
)
def test_presigned_url_resolves_to_its_object_in_every_endpoint_style(
    s3: S3Client, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4599")
    for client in (s3, aws.s3_client()):
        store = ReferenceStore(client, "assets")

        assert store.resolve(store.presign(s3_object(key), 60)) == s3_object(key)


def test_stored_upload_has_a_type_an_owner_and_an_id(store: tuple[References, Put]) -> None:
    references, _ = store

    location = references.store_upload("key:ada", images.PNG, "image/png", "png")

    name = location.key.removeprefix("uploads/")
    assert name.endswith(".png")
    assert references.resolve(f"upload:{name}") == location
    inspected = references.inspect(location)
    assert inspected is not None
    assert (inspected.size, inspected.owner) == (len(images.PNG), "key:ada")


def test_stored_upload_keeps_its_content_type(s3: S3Client) -> None:
    location = ReferenceStore(s3, "assets").store_upload("key:ada", b"?", "application/x", "bin")

    response = s3.get_object(Bucket=location.bucket, Key=location.key)

    assert (response["ContentType"], response["Body"].read()) == ("application/x", b"?")
