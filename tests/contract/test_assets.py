"""Contract of the port Assets: in memory and over S3 (moto)."""

import base64
import hashlib
import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.stub import ANY, Stubber
from mypy_boto3_s3 import S3Client

from darkroom.adapters.s3.assets import AssetBucket
from darkroom.domain import media
from darkroom.domain.job import Asset
from darkroom.ports import Assets, Download
from tests.fakes import images
from tests.fakes.storage import InMemoryAssets

KEY = "jobs/j/0.png"
DIGEST = hashlib.sha256(images.PNG).digest()

type Read = Callable[[str], bytes]


@pytest.fixture(params=["memory", "s3"])
def store(request: pytest.FixtureRequest) -> tuple[Assets, Read]:
    """Return a store and a function that reads an object of the store."""
    if request.param == "memory":
        memory = InMemoryAssets()

        def read_memory(key: str) -> bytes:
            document = memory.documents.get(key)
            return memory.files[key] if document is None else json.dumps(document).encode()

        return memory, read_memory
    client: S3Client = request.getfixturevalue("s3")
    return AssetBucket(client, "assets"), lambda key: read(client, key)


def read(client: S3Client, key: str) -> bytes:
    return client.get_object(Bucket="assets", Key=key)["Body"].read()


def put(assets: Assets, data: bytes, **changes: Any) -> Asset:
    file_format = media.sniff(data) or media.PNG
    digest = hashlib.sha256(data).hexdigest()
    size = media.dimensions(file_format, data) if file_format in media.REFERENCE_FORMATS else None
    download = Download(file_format, len(data), digest, size)
    metadata = {"darkroom-job-id": "j", "sha256": digest} | changes
    return assets.store(KEY, io.BytesIO(data), download, metadata)


def test_file_is_stored_unchanged(store: tuple[Assets, Read]) -> None:
    assets, read_back = store

    asset = put(assets, images.PNG)

    assert read_back(KEY) == images.PNG
    assert asset == Asset(
        bucket="assets", key=KEY, content_type="image/png", size=len(images.PNG),
        sha256=hashlib.sha256(images.PNG).hexdigest(), width=1, height=1,
    )  # fmt: skip


def test_existing_object_is_kept_and_described(
    store: tuple[Assets, Read],
) -> None:
    assets, read_back = store
    first = put(assets, images.PNG)

    second = put(assets, images.PNG + b"and more")

    assert read_back(KEY) == images.PNG
    assert (second.size, second.sha256) == (first.size, first.sha256)


def test_document_replaces_an_older_document(store: tuple[Assets, Read]) -> None:
    assets, read_back = store

    assets.write_json("jobs/j/manifest.json", {"prompt": "fog"})
    assets.write_json("jobs/j/manifest.json", {"prompt": "Nebel über Ö", "cost": None})

    written = json.loads(read_back("jobs/j/manifest.json"))
    assert written == {"prompt": "Nebel über Ö", "cost": None}


def test_object_has_content_type_and_metadata(s3: S3Client) -> None:
    put(AssetBucket(s3, "assets"), images.PNG, model="openai/gpt-image-2/edit")

    head = s3.head_object(Bucket="assets", Key=KEY)
    assert head["ContentType"] == "image/png"
    assert head["Metadata"] == {
        "darkroom-job-id": "j",
        "sha256": DIGEST.hex(),
        "model": "openai/gpt-image-2/edit",
    }


@pytest.mark.parametrize(
    ("content_type", "disposition"),
    [
        ("image/png", "inline"),
        ("image/svg+xml", "attachment"),
        ("text/plain; charset=utf-8", "attachment"),
        ("application/octet-stream", "attachment"),
    ],
)
def test_object_that_can_run_scripts_is_served_as_a_download(
    s3: S3Client, content_type: str, disposition: str
) -> None:
    file_format = media.Format(media.MediaKind.OTHER, content_type, "x")
    download = Download(file_format, 1, hashlib.sha256(b"x").hexdigest(), None)
    AssetBucket(s3, "assets").store(KEY, io.BytesIO(b"x"), download, {})

    served = s3.get_object(Bucket="assets", Key=KEY)

    assert (served["ContentType"], served["ContentDisposition"]) == (content_type, disposition)


def test_put_sends_checksum_and_raises_on_conditional_conflict(s3: S3Client) -> None:
    with Stubber(s3) as stub:
        stub.add_client_error(
            "put_object", "ConditionalRequestConflict", http_status_code=409,
            expected_params={"Bucket": "assets", "Key": KEY, "IfNoneMatch": "*", "Body": ANY,
                             "ContentLength": len(images.PNG), "ContentType": "image/png",
                             "ContentDisposition": "inline",
                             "ChecksumSHA256": base64.b64encode(DIGEST).decode(),
                             "Metadata": ANY},
        )  # fmt: skip

        with pytest.raises(ClientError, match="ConditionalRequestConflict"):
            put(AssetBucket(s3, "assets"), images.PNG)


def test_existing_object_without_digest_gets_the_new_digest(s3: S3Client) -> None:
    s3.put_object(Bucket="assets", Key=KEY, Body=b"12345")

    asset = put(AssetBucket(s3, "assets"), images.PNG)

    assert asset.size == 5
    assert asset.sha256 == hashlib.sha256(images.PNG).hexdigest()


def test_remove_deletes_a_document_and_ignores_a_missing_one(s3: S3Client) -> None:
    assets = AssetBucket(s3, "assets")
    assets.write_json("errors/a.json", {"message": "x"})

    assets.remove("errors/a.json")
    assets.remove("errors/none.json")

    versions = s3.list_object_versions(Bucket="assets")
    assert [marker["Key"] for marker in versions["DeleteMarkers"]] == ["errors/a.json"]
    assert "Contents" not in s3.list_objects_v2(Bucket="assets")
