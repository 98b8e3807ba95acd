"""Contract of the port InboxNotes over S3 (moto)."""

from mypy_boto3_s3 import S3Client

from darkroom.adapters.s3.assets import AssetBucket
from darkroom.adapters.s3.inbox_notes import NotesFolder


def test_notes_are_listed_by_folder(s3: S3Client) -> None:
    assets, notes = AssetBucket(s3, "assets"), NotesFolder(s3, "assets")
    assert notes.newest(None, 5) == ([], True)
    for folder in ("scan", "scan-2"):
        assets.write_json(f"errors/{folder}/a.png.json", {"message": folder})

    assert notes.newest("scan", 5) == ([{"message": "scan"}], True)
    assert len(notes.newest(None, 5)[0]) == 2
    assert len(notes.newest(None, 1)[0]) == 1
