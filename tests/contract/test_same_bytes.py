"""Versions with the same bytes: by their ETags, and under a KMS key by their checksums."""

from typing import Any

import pytest
from botocore.stub import Stubber
from mypy_boto3_s3 import S3Client

from darkroom.adapters.s3.same_bytes import SameBytes
from darkroom.domain.references import S3Object

PINNED = S3Object(bucket="assets", key="a.png", version_id="v1")
KMS = {"ServerSideEncryption": "aws:kms", "ChecksumType": "FULL_OBJECT"}
CRC = KMS | {"ChecksumCRC32": "AAAAAA=="}


def compare(s3: S3Client, *heads: dict[str, Any], etag: str = "2", size: int = 9) -> bool:
    """Compare version v2 with the pinned version, whose ETag is 1; `heads` are S3's replies."""
    with Stubber(s3) as stubber:
        for version, head in zip(("v1", "v2"), heads, strict=False):
            expected = {
                "Bucket": "assets", "Key": "a.png", "VersionId": version, "ChecksumMode": "ENABLED",
            }  # fmt: skip
            stubber.add_response("head_object", head, expected)
        is_same = SameBytes(s3, PINNED, "1", 9).holds("v2", etag, size)
        stubber.assert_no_pending_responses()
        return is_same


def test_equal_etags_mean_equal_bytes_and_are_not_checked(s3: S3Client) -> None:
    assert compare(s3, etag="1")


def test_another_size_means_other_bytes(s3: S3Client) -> None:
    assert not compare(s3, size=8)


def test_etags_decide_without_a_kms_key(s3: S3Client) -> None:
    assert not compare(s3, CRC | {"ServerSideEncryption": "AES256"})


@pytest.mark.parametrize("code", ["403", "404"])
def test_version_that_cannot_be_read_counts_as_different(s3: S3Client, code: str) -> None:
    with Stubber(s3) as stubber:
        stubber.add_response("head_object", CRC)
        stubber.add_client_error("head_object", code)

        assert not SameBytes(s3, PINNED, "1", 9).holds("v2", "2", 9)


@pytest.mark.parametrize(
    ("other", "is_same"),
    [
        (CRC, True),
        (CRC | {"ChecksumSHA256": "B"}, True),
        (KMS | {"ChecksumCRC32": "BBBBBB=="}, False),
        (KMS | {"ChecksumCRC64NVME": "AAAAAA=="}, False),
        (KMS, False),
        (CRC | {"ChecksumType": "COMPOSITE"}, False),
    ],
    ids=str,
)
def test_checksums_decide_with_a_kms_key(
    s3: S3Client, other: dict[str, Any], is_same: bool
) -> None:
    assert compare(s3, CRC, other) is is_same
