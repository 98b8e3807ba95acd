"""Contract of the port PresetStore over S3 (moto): the newest valid document is used."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber
from mypy_boto3_s3 import S3Client

from darkroom.adapters.s3.presets import KEY, PresetDocument
from darkroom.domain import presets
from darkroom.domain.callers import Role, of_key
from darkroom.domain.keys import Creator
from darkroom.domain.presets import Presets

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


def named(version: int, **prompts: str) -> Presets:
    entries = {name: {"prompt": prompt} for name, prompt in prompts.items()}
    return presets.parse(json.dumps({"version": version, "presets": entries}).encode())


BOSS = of_key("boss", Role.ADMIN, key_id="0123456789ab")


def test_document_replaces_the_version_in_use_and_names_its_author(s3: S3Client) -> None:
    store = PresetDocument(s3, "assets")
    shipped = presets.shipped().version

    assert store.replace(shipped, named(2, scan="flat"), BOSS)
    assert store.replace(2, named(3, scan="round"), BOSS)

    assert store.read() == (named(3, scan="round"), None)
    newest, first = store.versions(5)
    assert (newest.presets, first.presets) == (named(3, scan="round"), named(2, scan="flat"))
    assert newest.stored_by == Creator(name="key:boss", key_id="0123456789ab")
    assert store.version(first.version_id) == first
    assert store.versions(1) == [newest]


def test_document_for_another_version_is_not_stored(s3: S3Client) -> None:
    store = PresetDocument(s3, "assets")
    write(s3, document(5))

    assert not store.replace(4, named(5, scan="late"), BOSS)

    assert store.read()[0].version == 5
    assert len(store.versions(5)) == 1


@pytest.mark.parametrize("earlier", [(), (document(5),)], ids=["first", "further"])
def test_of_two_writes_at_once_one_is_stored(
    s3: S3Client, monkeypatch: pytest.MonkeyPatch, earlier: tuple[bytes, ...]
) -> None:
    """The other document is stored between the read and the write."""
    store = PresetDocument(s3, "assets")
    write(s3, *earlier)
    put_object = s3.put_object

    def put_late(**request: Any) -> Any:
        put_object(Bucket="assets", Key=KEY, Body=document(9))
        return put_object(**request)

    version = store.read()[0].version
    monkeypatch.setattr(s3, "put_object", put_late)

    assert not store.replace(version, named(version + 1, scan="late"), BOSS)
    assert store.read()[0].version == 9


def test_versions_written_with_aws_credentials_and_broken_ones_are_listed(s3: S3Client) -> None:
    store = PresetDocument(s3, "assets")
    write(s3, document(4), BROKEN)

    broken, valid = store.versions(5)

    assert (broken.presets, valid.presets) == (None, presets.parse(document(4)))
    assert broken.problem == "The document is not valid JSON."
    assert valid.stored_by == Creator(name="aws")
    assert store.replace(4, named(5, scan="repaired"), BOSS)
    assert store.read() == (named(5, scan="repaired"), None)


@pytest.mark.parametrize("version_id", ["unknown", "", "00000000-0000-0000-0000-000000000000"])
def test_unknown_version_is_none(s3: S3Client, version_id: str) -> None:
    write(s3, document(4))

    assert PresetDocument(s3, "assets").version(version_id or "null") is None
