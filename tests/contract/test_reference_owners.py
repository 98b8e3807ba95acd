"""The port References: whose an object is, and what our own URLs and upload ids stand for."""

from collections.abc import Callable

import pytest
from mypy_boto3_s3 import S3Client

from darkroom.adapters.references import ReferenceStore
from darkroom.domain.media import PNG
from darkroom.domain.references import S3Object
from darkroom.ports import References
from tests.fakes import pictures
from tests.fakes.storage import InMemoryReferences

UPLOAD = "0123456789abcdef0123456789abcdef.png"
URL = "https://assets.s3.eu-central-1.amazonaws.com/jobs/j/0.png"

type Put = Callable[[str, str | None], None]


@pytest.fixture(params=["memory", "s3"])
def store(request: pytest.FixtureRequest) -> tuple[References, Put]:
    """A store, and a way to put a picture of somebody's into its bucket `assets`."""
    if request.param == "memory":
        memory = InMemoryReferences()

        def put_in_memory(key: str, owner: str | None) -> None:
            memory.objects["assets", key] = [pictures.PNG]
            if owner:
                memory.owners[key] = owner

        return memory, put_in_memory

    client: S3Client = request.getfixturevalue("s3")

    def put(key: str, owner: str | None) -> None:
        metadata = {"darkroom-caller": owner} if owner else {}
        client.put_object(Bucket="assets", Key=key, Body=pictures.PNG, Metadata=metadata)

    return ReferenceStore(client, "assets"), put


def at(key: str, bucket: str = "assets") -> S3Object:
    return S3Object(bucket=bucket, key=key)


@pytest.mark.parametrize("owner", ["key:mine", "inbox:scan", None])
def test_an_object_of_ours_tells_whose_it_is(
    store: tuple[References, Put], owner: str | None
) -> None:
    references, put = store
    put("a.png", owner)

    seen = references.inspect(at("a.png"))

    assert seen is not None
    assert (seen.owner, seen.is_owned) == (owner, True)


@pytest.mark.parametrize("caller", ["key:mine", "Büro ✿", "=?odd", " spaced "])
def test_kept_bytes_are_their_callers(store: tuple[References, Put], caller: str) -> None:
    references, _ = store

    seen = references.inspect(references.store("job-1", caller, pictures.PNG, PNG))

    assert seen is not None
    assert (seen.owner, seen.is_owned) == (caller, True)


def test_an_upload_id_stands_for_its_object(store: tuple[References, Put]) -> None:
    references, put = store
    put(f"uploads/{UPLOAD}", "key:mine")

    located = references.resolve(f"upload:{UPLOAD}")

    assert located == at(f"uploads/{UPLOAD}")
    assert located is not None
    seen = references.inspect(located)
    assert seen is not None
    assert seen.owner == "key:mine"


@pytest.mark.parametrize("version", [None, "v1"])
@pytest.mark.parametrize("key", ["jobs/j/0.png", "edits/a b/ü.png", "a//b", "x" * 1000])
def test_a_presigned_url_of_ours_stands_for_its_object(
    store: tuple[References, Put], key: str, version: str | None
) -> None:
    references, _ = store
    url = references.presign(S3Object(bucket="assets", key=key, version_id=version), 60)

    assert references.resolve(url) == at(key)


@pytest.mark.parametrize(
    "text",
    ["https://example.com/a.png", "s3://assets/a.png", "assets/a.png", "data:image/png;base64,aGk=",
     "aGk=", "", "upload", "https://assets.example.com/a.png"],
)  # fmt: skip
def test_all_else_is_nothing_of_ours(store: tuple[References, Put], text: str) -> None:
    assert store[0].resolve(text) is None


def test_another_buckets_presigned_url_stays_a_url(store: tuple[References, Put]) -> None:
    references, _ = store
    other = references.presign(at("a.png", bucket="assets-of-others"), 60)

    assert references.resolve(other) is None


def test_an_object_elsewhere_is_nobodys_whatever_it_says_of_itself(s3: S3Client) -> None:
    s3.put_object(Bucket="plain", Key="a.png", Body=b"x", Metadata={"darkroom-caller": "key:mine"})

    seen = ReferenceStore(s3, "assets").inspect(at("a.png", bucket="plain"))

    assert seen is not None
    assert not seen.is_owned


@pytest.mark.parametrize(
    "key", ["?#%20+&=.png", "%41.png", "a+b", "/slash", "\U0001f3ee", "é" * 500, "a?b=c"]
)
def test_odd_keys_come_back_out_of_a_url(s3: S3Client, key: str) -> None:
    store = ReferenceStore(s3, "assets")

    assert store.resolve(store.presign(at(key), 60)) == at(key)


@pytest.mark.parametrize(
    "text",
    ["upload:", "upload:../jobs/j/0.png", "upload:A.png", "upload:a/b", "upload:a.png\n",
     f"upload:{'a' * 65}", "UPLOAD:a.png", URL.partition("jobs")[0], URL.replace("https", "http"),
     URL.replace("amazonaws.com", "amazonaws.com.example.com"), URL.replace(".com/", ".com:443/")],
)  # fmt: skip
def test_what_only_looks_like_ours_is_not(s3: S3Client, text: str) -> None:
    assert ReferenceStore(s3, "assets").resolve(text) is None


def test_kept_bytes_name_their_caller_in_their_metadata(s3: S3Client) -> None:
    kept = ReferenceStore(s3, "assets").store("job-1", "key:mine", pictures.PNG, PNG)

    head = s3.head_object(Bucket="assets", Key=kept.key)
    assert head["Metadata"] == {"darkroom-caller": "key:mine"}
    assert head["ContentType"] == "image/png"
    assert head["VersionId"] == kept.version_id
