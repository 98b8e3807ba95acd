"""The port PresetStore over S3 (moto): the newest document that is whole serves."""

import json

import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber
from mypy_boto3_s3 import S3Client

from darkroom.adapters.preset_document import KEY, PresetDocument
from darkroom.domain import presets

BROKEN = b'{"version": 2, "presets": {"scan": {"prompt": "sesame-4711"}'


def write(client: S3Client, *texts: bytes, key: str = KEY, bucket: str = "assets") -> None:
    for text in texts:
        client.put_object(Bucket=bucket, Key=key, Body=text)


def document(version: int) -> bytes:
    return json.dumps({"version": version, "presets": {"scan": {"prompt": "flat"}}}).encode()


def served(client: S3Client, bucket: str = "assets") -> int:
    """The version of the document that serves for a newer one that cannot."""
    serving, problem = PresetDocument(client, bucket).read()
    assert problem is not None
    assert problem.startswith("the newest document cannot serve: ")
    assert "sesame" not in problem
    return 0 if serving == presets.shipped() else serving.version


def test_without_a_document_the_shipped_presets_serve(s3: S3Client) -> None:
    assert PresetDocument(s3, "assets").read() == (presets.shipped(), None)


def test_the_owners_document_serves_from_the_moment_it_lies_there(s3: S3Client) -> None:
    store = PresetDocument(s3, "assets")
    for version in (5, 3):
        write(s3, document(version))

        assert store.read() == (presets.parse(document(version)), None)


def test_a_document_taken_away_is_a_decision_for_the_shipped_ones(s3: S3Client) -> None:
    write(s3, document(5))
    s3.delete_object(Bucket="assets", Key=KEY)

    assert PresetDocument(s3, "assets").read() == (presets.shipped(), None)


@pytest.mark.parametrize(
    "broken",
    [BROKEN, b"", b"\xff\xfe", b"[]", b'{"version": 2, "presets": {"a/b": {"prompt": "x"}}}',
     b" " * presets.MAX_DOCUMENT_BYTES + document(2)],
    ids=["cut off", "empty", "no text", "a list", "a bad name", "too large"],
)  # fmt: skip
def test_the_last_good_document_serves_for_a_broken_one(s3: S3Client, broken: bytes) -> None:
    write(s3, document(4), document(5), broken)

    assert served(s3) == 5


def test_the_last_good_document_is_found_behind_many_broken_ones(s3: S3Client) -> None:
    write(s3, document(5), *[BROKEN] * 19)

    assert served(s3) == 5


@pytest.mark.parametrize("older", [0, 30])
def test_the_shipped_presets_serve_if_no_document_can(s3: S3Client, older: int) -> None:
    write(s3, *[BROKEN] * older, BROKEN)

    assert served(s3) == 0


def test_documents_beside_it_are_not_taken_for_older_ones(s3: S3Client) -> None:
    write(s3, document(8), key=f"{KEY}.backup")
    write(s3, document(9), key="config/presets")
    write(s3, BROKEN)

    assert served(s3) == 0


def test_a_good_document_on_top_of_broken_ones_ends_the_alarm(s3: S3Client) -> None:
    write(s3, document(5), BROKEN, BROKEN, document(6))

    assert PresetDocument(s3, "assets").read() == (presets.parse(document(6)), None)


def test_a_bucket_without_versions_has_only_the_shipped_ones_to_fall_back_to(s3: S3Client) -> None:
    write(s3, document(5), BROKEN, bucket="plain")

    assert served(s3, "plain") == 0


@pytest.mark.parametrize("code", ["SlowDown", "AccessDenied", "NoSuchBucket"])
def test_trouble_of_ours_is_a_crash_and_not_a_missing_document(s3: S3Client, code: str) -> None:
    with Stubber(s3) as stub:
        stub.add_client_error("get_object", code)

        with pytest.raises(ClientError, match=code):
            PresetDocument(s3, "assets").read()
