"""Contract of the port References: owners of objects, and resolution of URLs and upload ids."""

from collections.abc import Callable

import pytest
from mypy_boto3_s3 import S3Client

from darkroom.adapters.s3.references import ReferenceStore
from darkroom.domain.media import PNG
from darkroom.domain.references import S3Object
from darkroom.ports import References
from tests.fakes import images
from tests.fakes.storage import InMemoryReferences

UPLOAD = "0123456789abcdef0123456789abcdef.png"
URL = "https://assets.s3.eu-central-1.amazonaws.com/jobs/j/0.png"

type Put = Callable[[str, str | None], None]


@pytest.fixture(params=["memory", "s3"])
def store(request: pytest.FixtureRequest) -> tuple[References, Put]:
    """Return a store and a function that puts an image of an owner into the bucket `assets`."""
    if request.param == "memory":
        memory = InMemoryReferences()

        def put_in_memory(key: str, owner: str | None) -> None:
            memory.objects["assets", key] = [images.PNG]
            if owner:
                memory.owners[key] = owner

        return memory, put_in_memory

    client: S3Client = request.getfixturevalue("s3")

    def put(key: str, owner: str | None) -> None:
        metadata = {"darkroom-caller": owner} if owner else {}
        client.put_object(Bucket="assets", Key=key, Body=images.PNG, Metadata=metadata)

    return ReferenceStore(client, "assets"), put


def s3_object(key: str, bucket: str = "assets") -> S3Object:
    return S3Object(bucket=bucket, key=key)


@pytest.mark.parametrize("owner", ["key:mine", "inbox:scan", None])
def test_object_in_the_own_bucket_has_its_owner(
    store: tuple[References, Put], owner: str | None
) -> None:
    references, put = store
    put("a.png", owner)

    inspected = references.inspect(s3_object("a.png"))

    assert inspected is not None
    assert (inspected.owner, inspected.is_owned) == (owner, True)


@pytest.mark.parametrize("caller", ["key:mine", "Büro ✿", "=?odd", " spaced "])
def test_stored_bytes_belong_to_their_caller(store: tuple[References, Put], caller: str) -> None:
    references, _ = store

    inspected = references.inspect(references.store("job-1", caller, images.PNG, PNG))

    assert inspected is not None
    assert (inspected.owner, inspected.is_owned) == (caller, True)


def test_upload_id_resolves_to_its_object(store: tuple[References, Put]) -> None:
    references, put = store
    put(f"uploads/{UPLOAD}", "key:mine")

    resolved = references.resolve(f"upload:{UPLOAD}")

    assert resolved == s3_object(f"uploads/{UPLOAD}")
    assert resolved is not None
    inspected = references.inspect(resolved)
    assert inspected is not None
    assert inspected.owner == "key:mine"


@pytest.mark.parametrize("version", [None, "v1"])
@pytest.mark.parametrize("key", ["jobs/j/0.png", "edits/a b/ü.png", "a//b", "x" * 1000])
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


@pytest.mark.parametrize(
    "key", ["?#%20+&=.png", "%41.png", "a+b", "/slash", "\U0001f3ee", "é" * 500, "a?b=c"]
)
def test_keys_with_special_characters_resolve_from_a_url(s3: S3Client, key: str) -> None:
    store = ReferenceStore(s3, "assets")

    assert store.resolve(store.presign(s3_object(key), 60)) == s3_object(key)


@pytest.mark.parametrize(
    "text",
    ["upload:", "upload:../jobs/j/0.png", "upload:A.png", "upload:a/b", "upload:a.png\n",
     f"upload:{'a' * 65}", "UPLOAD:a.png", URL.partition("jobs")[0], URL.replace("https", "http"),
     URL.replace("amazonaws.com", "amazonaws.com.example.com"), URL.replace(".com/", ".com:443/")],
)  # fmt: skip
def test_similar_urls_and_upload_ids_resolve_to_none(s3: S3Client, text: str) -> None:
    assert ReferenceStore(s3, "assets").resolve(text) is None


def test_stored_bytes_have_caller_metadata(s3: S3Client) -> None:
    stored = ReferenceStore(s3, "assets").store("job-1", "key:mine", images.PNG, PNG)

    head = s3.head_object(Bucket="assets", Key=stored.key)
    assert head["Metadata"] == {"darkroom-caller": "key:mine"}
    assert head["ContentType"] == "image/png"
    assert head["VersionId"] == stored.version_id
