"""Contract of the port Versions: in memory and over S3 (moto)."""

from collections.abc import Callable
from typing import NamedTuple

import pytest
from mypy_boto3_s3 import S3Client

from darkroom.adapters.s3.versions import ObjectVersions
from darkroom.domain.references import S3Object
from darkroom.ports import Versions
from tests.fakes.storage import InMemoryAssets, InMemoryReferences
from tests.fakes.versions import InMemoryVersions


class Bucket(NamedTuple):
    """A versioned bucket: the port, a write, and a read of the contents by key."""

    versions: Versions
    put: Callable[[str, bytes], S3Object]
    contents: Callable[[], dict[str, list[bytes]]]


@pytest.fixture(params=["memory", "s3"])
def bucket(request: pytest.FixtureRequest) -> Bucket:
    if request.param == "memory":
        references = InMemoryReferences()

        def put_in_memory(key: str, data: bytes) -> S3Object:
            stored = references.objects.setdefault(("assets", key), [])
            stored.append(data)
            return S3Object(bucket="assets", key=key, version_id=f"v{len(stored)}")

        def contents_in_memory() -> dict[str, list[bytes]]:
            kept = {key: list(filter(None, data)) for (_, key), data in references.objects.items()}
            return {key: versions for key, versions in kept.items() if versions}

        versions = InMemoryVersions(references, InMemoryAssets())
        return Bucket(versions, put_in_memory, contents_in_memory)
    client: S3Client = request.getfixturevalue("s3")

    def put(key: str, data: bytes) -> S3Object:
        response = client.put_object(Bucket="assets", Key=key, Body=data)
        return S3Object(bucket="assets", key=key, version_id=response["VersionId"])

    return Bucket(ObjectVersions(client, "assets"), put, lambda: contents(client))


def contents(client: S3Client) -> dict[str, list[bytes]]:
    """Return the bytes of all versions by key, oldest first, and [] for a key with only markers."""
    listed = client.list_object_versions(Bucket="assets")
    found: dict[str, list[bytes]] = {m["Key"]: [] for m in listed.get("DeleteMarkers", [])}
    for version in reversed(listed.get("Versions", [])):
        response = client.get_object(
            Bucket="assets", Key=version["Key"], VersionId=version["VersionId"]
        )
        found.setdefault(version["Key"], []).append(response["Body"].read())
    return found


def test_every_version_of_an_object_is_erased(bucket: Bucket) -> None:
    location = bucket.put("uploads/a.png", b"1")
    bucket.put("uploads/a.png", b"2")
    bucket.put("uploads/a.png.txt", b"3")

    bucket.versions.erase(location)
    bucket.versions.erase(location)

    assert bucket.contents() == {"uploads/a.png.txt": [b"3"]}


def test_every_version_in_a_folder_is_erased(bucket: Bucket) -> None:
    for key in ("jobs/a/0.png", "jobs/a/manifest.json", "jobs/ab/0.png"):
        bucket.put(key, b"1")
        bucket.put(key, b"2")

    bucket.versions.erase_folder("jobs/a/")

    assert bucket.contents() == {"jobs/ab/0.png": [b"1", b"2"]}


def test_replaced_versions_are_erased_and_the_current_one_is_kept(bucket: Bucket) -> None:
    bucket.put("errors/a.json", b"1")
    location = bucket.put("errors/a.json", b"2")

    bucket.versions.erase_replaced(location)

    assert bucket.contents() == {"errors/a.json": [b"2"]}


def test_versions_with_the_same_bytes_are_found_with_the_pinned_one_last(bucket: Bucket) -> None:
    first = bucket.put("a", b"1")
    bucket.put("a", b"2")
    third = bucket.put("a", b"1")

    assert bucket.versions.equal(first) == [third, first]
    bucket.versions.erase_versions(first, [third, first])
    assert bucket.contents() == {"a": [b"2"]}
    assert bucket.versions.equal(first) == []


def test_delete_markers_go_with_the_last_version(s3: S3Client) -> None:
    versions = ObjectVersions(s3, "assets")
    kept = S3Object(bucket="assets", key="kept")
    for key in ("jobs/a/0.png", "gone", "kept"):
        s3.put_object(Bucket="assets", Key=key, Body=b"1")
        s3.delete_object(Bucket="assets", Key=key)
    gone = S3Object(bucket="assets", key="gone")
    listed = s3.list_object_versions(Bucket="assets", Prefix="gone")["Versions"]
    pinned = gone.model_copy(update={"version_id": listed[0]["VersionId"]})

    versions.erase_folder("jobs/")
    versions.erase_versions(pinned, versions.equal(pinned))
    versions.erase_replaced(kept)  # its only version is replaced by a delete marker
    versions.erase_versions(kept, [])

    assert contents(s3) == {}


def test_object_among_many_is_erased(s3: S3Client) -> None:
    """The listing of one key ends at the next key."""
    for number in range(3):
        s3.put_object(Bucket="assets", Key=f"a{number}", Body=b"1")
    s3.put_object(Bucket="assets", Key="a", Body=b"1")

    ObjectVersions(s3, "assets").erase(S3Object(bucket="assets", key="a"))

    assert sorted(contents(s3)) == ["a0", "a1", "a2"]


@pytest.mark.parametrize("prefix", ["", "/", "jobs/a"])
def test_prefix_that_is_no_folder_is_refused(s3: S3Client, prefix: str) -> None:
    with pytest.raises(ValueError, match="slash"):
        ObjectVersions(s3, "assets").erase_folder(prefix)
