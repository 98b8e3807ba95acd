"""Contract of the port PresetStore over S3 (moto): the newest valid document is used."""

import json

import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber
from mypy_boto3_s3 import S3Client

from darkroom.adapters.s3.presets import KEY, PresetDocument
from darkroom.domain import presets

BROKEN = b'{"version": 2, "presets": {"scan": {"prompt": "sesame-4711"}'


def write(client: S3Client, *documents: bytes, key: str = KEY, bucket: str = "assets") -> None:
    for body in documents:
        client.put_object(Bucket=bucket, Key=key, Body=body)


def document(version: int) -> bytes:
    return json.dumps({"version": version, "presets": {"scan": {"prompt": "flat"}}}).encode()


def fallback_version(client: S3Client, bucket: str = "assets") -> int:
    """Return the version of the older document that replaces an invalid one; 0 if it is shipped."""
    serving, problem = PresetDocument(client, bucket).read()
    assert problem is not None
    assert problem.startswith("The newest presets document is not used. ")
    assert "sesame" not in problem
    return 0 if serving == presets.shipped() else serving.version


def test_missing_document_uses_the_shipped_presets(s3: S3Client) -> None:
    assert PresetDocument(s3, "assets").read() == (presets.shipped(), None)


def test_new_document_is_used_immediately(s3: S3Client) -> None:
    store = PresetDocument(s3, "assets")
    for version in (5, 3):
        write(s3, document(version))

        assert store.read() == (presets.parse(document(version)), None)


@pytest.mark.parametrize(
    "broken",
    [BROKEN, b"", b"\xff\xfe", b"[]", b'{"version": 2, "presets": {"a/b": {"prompt": "x"}}}',
     b" " * presets.MAX_DOCUMENT_BYTES + document(2)],
    ids=["cut off", "empty", "no text", "a list", "a bad name", "too large"],
)  # fmt: skip
def test_invalid_document_falls_back_to_the_last_valid_one(s3: S3Client, broken: bytes) -> None:
    write(s3, document(4), document(5), broken)

    assert fallback_version(s3) == 5


def test_last_valid_document_is_found_behind_19_invalid_ones(s3: S3Client) -> None:
    write(s3, document(5), *[BROKEN] * 19)

    assert fallback_version(s3) == 5


@pytest.mark.parametrize("older", [0, 30])
def test_shipped_presets_are_used_without_a_valid_document(s3: S3Client, older: int) -> None:
    write(s3, *[BROKEN] * older, BROKEN)

    assert fallback_version(s3) == 0


def test_other_keys_are_not_used_as_older_versions(s3: S3Client) -> None:
    write(s3, document(8), key=f"{KEY}.backup")
    write(s3, document(9), key="config/presets")
    write(s3, BROKEN)

    assert fallback_version(s3) == 0


def test_unversioned_bucket_falls_back_to_the_shipped_presets(s3: S3Client) -> None:
    write(s3, document(5), BROKEN, bucket="plain")

    assert fallback_version(s3, "plain") == 0


@pytest.mark.parametrize("code", ["SlowDown", "AccessDenied", "NoSuchBucket"])
def test_s3_error_raises_instead_of_reporting_a_missing_document(s3: S3Client, code: str) -> None:
    with Stubber(s3) as stub:
        stub.add_client_error("get_object", code)

        with pytest.raises(ClientError, match=code):
            PresetDocument(s3, "assets").read()
