"""Tickets for uploads: what is signed into the URL, and what S3 (moto) makes of it."""

from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from mypy_boto3_s3 import S3Client

from darkroom.adapters.references import ReferenceStore
from darkroom.adapters.uploads import UploadBucket
from darkroom.bootstrap import clients
from darkroom.ports import PresignedUpload
from tests.contract.conftest import REGION
from tests.fakes.entry_points import InMemoryUploads
from tests.fakes.pictures import JPEG, PNG
from tests.fakes.signals import START

# The client makes these by itself.
BY_ITSELF = {"host", "content-length"}


@pytest.fixture
def uploads(s3: S3Client) -> UploadBucket:
    """The adapter over the client that is deployed."""
    return UploadBucket(clients.s3.__wrapped__(), "assets")


def query(presigned: PresignedUpload) -> dict[str, list[str]]:
    return parse_qs(urlsplit(presigned.url).query)


def put(presigned: PresignedUpload, data: bytes) -> int:
    return requests.put(presigned.url, data=data, headers=presigned.headers, timeout=5).status_code


def test_type_length_owner_and_once_only_are_signed_and_told_as_headers(
    uploads: UploadBucket,
) -> None:
    presigned = uploads.presign("key:ada", "image/png", 68, START)

    [signed] = query(presigned)["X-Amz-SignedHeaders"]
    told = {name.lower() for name in presigned.headers}
    assert set(signed.split(";")) == told | BY_ITSELF
    assert presigned.headers == {
        "Content-Type": "image/png",
        "If-None-Match": "*",
        "x-amz-meta-darkroom-caller": "key:ada",
    }


def test_nothing_else_is_asked_of_the_client(uploads: UploadBucket) -> None:
    presigned = uploads.presign("key:ada", "image/png", 68, START)

    # A checksum in the URL would be that of an empty body.
    assert {name for name in query(presigned) if not name.startswith("X-Amz-")} == set()
    assert "checksum" not in presigned.url.lower()


@pytest.mark.parametrize(
    ("other", "is_same"),
    [
        (("key:ada", "image/png", 69), False),
        (("key:ada", "image/jpeg", 68), False),
        (("key:bob", "image/png", 68), False),
        (("key:ada", "image/png", 68), True),
    ],
)
def test_another_length_type_or_owner_has_another_signature(
    uploads: UploadBucket,
    monkeypatch: pytest.MonkeyPatch,
    other: tuple[str, str, int],
    is_same: bool,
) -> None:
    monkeypatch.setattr("secrets.token_hex", lambda size: "0" * 2 * size)
    monkeypatch.setattr("darkroom.adapters.uploads._EXTENSIONS", {other[1]: "x", "image/png": "x"})
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda: START, raising=False)

    one = uploads.presign("key:ada", "image/png", 68, START)
    two = uploads.presign(*other, START)

    assert (query(one)["X-Amz-Signature"] == query(two)["X-Amz-Signature"]) is is_same


def test_a_ticket_is_good_for_a_quarter_of_an_hour_in_the_buckets_own_region(
    uploads: UploadBucket,
) -> None:
    presigned = uploads.presign("key:ada", "image/png", 68, START)

    assert query(presigned)["X-Amz-Expires"] == ["900"]
    assert presigned.expires_at == START + timedelta(minutes=15)
    assert urlsplit(presigned.url).netloc == f"assets.s3.{REGION}.amazonaws.com"


@pytest.mark.parametrize(
    ("kind", "data", "ending"),
    [("image/png", PNG, "png"), ("image/jpeg", JPEG, "jpg"), ("image/webp", PNG, "webp")],
)
def test_what_was_put_is_found_by_its_id_and_is_its_owners(
    uploads: UploadBucket, s3: S3Client, kind: str, data: bytes, ending: str
) -> None:
    presigned = uploads.presign("key:ada", kind, len(data), START)

    assert put(presigned, data) == 200

    references = ReferenceStore(s3, "assets")
    located = references.resolve(f"upload:{presigned.upload_id}")
    assert located == presigned.location
    assert presigned.upload_id.endswith(f".{ending}")
    found = references.inspect(presigned.location)
    assert found is not None
    assert (found.size, found.owner, found.is_owned) == (len(data), "key:ada", True)
    assert s3.head_object(Bucket="assets", Key=presigned.location.key)["ContentType"] == kind


def test_a_ticket_serves_once(uploads: UploadBucket, s3: S3Client) -> None:
    presigned = uploads.presign("key:ada", "image/png", len(PNG), START)

    assert (put(presigned, PNG), put(presigned, PNG)) == (200, 412)


@pytest.mark.parametrize("caller", ["key:ada", "inbox:größe", " spaces ", "=?UTF-8?B?eA==?=", "名"])
def test_an_owner_of_any_name_is_told_in_ascii_and_read_back(
    uploads: UploadBucket, s3: S3Client, caller: str
) -> None:
    presigned = uploads.presign(caller, "image/png", len(PNG), START)
    assert presigned.headers["x-amz-meta-darkroom-caller"].isascii()

    put(presigned, PNG)

    found = ReferenceStore(s3, "assets").inspect(presigned.location)
    assert found is not None
    assert found.owner == caller


def test_ids_cannot_be_guessed_from_one_another(uploads: UploadBucket) -> None:
    ids = {uploads.presign("key:ada", "image/png", 1, START).upload_id for _ in range(20)}

    assert len(ids) == 20
    assert {len(each) for each in ids} == {len("0" * 32 + ".png")}


def test_the_fakes_ticket_has_the_same_shape(uploads: UploadBucket) -> None:
    real = uploads.presign("key:ada", "image/png", 68, START)
    fake = InMemoryUploads().presign("key:ada", "image/png", 68, START)

    assert fake.location.bucket == real.location.bucket == "assets"
    for presigned in (real, fake):
        assert presigned.location.key == f"uploads/{presigned.upload_id}"
    assert fake.headers.items() <= real.headers.items()
    assert fake.expires_at == real.expires_at
