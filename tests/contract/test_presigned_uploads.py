"""Contract of `References.presign_upload`: signed headers, and the use of the URL in S3 (moto)."""

from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from mypy_boto3_s3 import S3Client

from darkroom import aws
from darkroom.adapters.s3.references import ReferenceStore
from darkroom.ports import PresignedUpload
from tests.contract.conftest import REGION
from tests.fakes.images import JPEG, PNG
from tests.fakes.signals import START

# HTTP clients set these headers.
CLIENT_HEADERS = {"host", "content-length"}


@pytest.fixture
def uploads(s3: S3Client) -> ReferenceStore:
    """Return the adapter over the S3 client of the deployment."""
    return ReferenceStore(aws.s3_client(), "assets")


def query(presigned: PresignedUpload) -> dict[str, list[str]]:
    return parse_qs(urlsplit(presigned.url).query)


def put(presigned: PresignedUpload, data: bytes) -> int:
    return requests.put(presigned.url, data=data, headers=presigned.headers, timeout=5).status_code


def test_type_length_owner_and_if_none_match_are_signed(
    uploads: ReferenceStore,
) -> None:
    presigned = uploads.presign_upload("key:ada", "image/png", "png", 68, START)

    # A checksum in the URL would be the checksum of an empty body.
    assert {name for name in query(presigned) if not name.startswith("X-Amz-")} == set()
    [signed] = query(presigned)["X-Amz-SignedHeaders"]
    header_names = {name.lower() for name in presigned.headers}
    assert set(signed.split(";")) == header_names | CLIENT_HEADERS
    assert presigned.headers == {
        "Content-Type": "image/png",
        "If-None-Match": "*",
        "x-amz-meta-darkroom-caller": "key:ada",
    }


def test_presigned_upload_is_valid_for_15_minutes_in_the_bucket_region(
    uploads: ReferenceStore,
) -> None:
    presigned = uploads.presign_upload("key:ada", "image/png", "png", 68, START)

    assert query(presigned)["X-Amz-Expires"] == ["900"]
    assert presigned.expires_at == START + timedelta(minutes=15)
    assert urlsplit(presigned.url).netloc == f"assets.s3.{REGION}.amazonaws.com"


@pytest.mark.parametrize(
    ("content_type", "data", "extension"),
    [("image/png", PNG, "png"), ("image/jpeg", JPEG, "jpg"), ("image/webp", PNG, "webp")],
)
def test_upload_is_found_by_its_id_with_its_owner(
    uploads: ReferenceStore, s3: S3Client, content_type: str, data: bytes, extension: str
) -> None:
    presigned = uploads.presign_upload("key:ada", content_type, extension, len(data), START)

    assert put(presigned, data) == 200

    references = ReferenceStore(s3, "assets")
    location = references.resolve(f"upload:{presigned.upload_id}")
    assert location == presigned.location
    assert presigned.upload_id.endswith(f".{extension}")
    inspected = references.inspect(presigned.location)
    assert inspected is not None
    assert (inspected.size, inspected.owner, inspected.is_owned) == (len(data), "key:ada", True)
    assert (
        s3.head_object(Bucket="assets", Key=presigned.location.key)["ContentType"] == content_type
    )


def test_presigned_upload_is_usable_once(uploads: ReferenceStore, s3: S3Client) -> None:
    presigned = uploads.presign_upload("key:ada", "image/png", "png", len(PNG), START)

    assert (put(presigned, PNG), put(presigned, PNG)) == (200, 412)


@pytest.mark.parametrize("caller", ["key:ada", "inbox:größe", " spaces ", "=?UTF-8?B?eA==?=", "名"])
def test_any_owner_name_is_encoded_in_ascii_and_read_back(
    uploads: ReferenceStore, s3: S3Client, caller: str
) -> None:
    presigned = uploads.presign_upload(caller, "image/png", "png", len(PNG), START)
    assert presigned.headers["x-amz-meta-darkroom-caller"].isascii()

    put(presigned, PNG)

    inspected = ReferenceStore(s3, "assets").inspect(presigned.location)
    assert inspected is not None
    assert inspected.owner == caller
