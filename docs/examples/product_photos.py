"""Upload a folder of photos to the inbox and download their edits.

Usage: python product_photos.py FOLDER PRESET
Environment: INBOX_BUCKET and ASSETS_BUCKET.
"""

import json
import os
import sys
import time
from datetime import datetime
from pathlib import Path

import boto3

IMAGE_SUFFIXES = {".png", ".jpg", ".jpeg", ".webp"}
TIMEOUT = 600  # seconds


def main(folder: Path, preset: str) -> None:
    """Upload each photo under the preset's name, then wait for its edit or its rejection."""
    if not folder.is_dir():
        sys.exit(f"{folder} is not a folder.")
    s3 = boto3.client("s3")
    inbox, assets = os.environ["INBOX_BUCKET"], os.environ["ASSETS_BUCKET"]
    photos = sorted(path for path in folder.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES)
    edited = folder / "edited"
    edited.mkdir(exist_ok=True)
    # Upload times by the clock of S3: results of earlier uploads are older.
    uploaded_at: dict[str, datetime] = {}
    for photo in photos:
        key = f"{preset}/{photo.name}"
        s3.upload_file(str(photo), inbox, key)
        uploaded_at[photo.name] = s3.head_object(Bucket=inbox, Key=key)["LastModified"]

    def new_keys(prefix: str, name: str) -> list[str]:
        objects = s3.list_objects_v2(Bucket=assets, Prefix=prefix).get("Contents", [])
        return [o["Key"] for o in objects if o["LastModified"] >= uploaded_at[name]]

    open_photos, deadline = set(uploaded_at), time.monotonic() + TIMEOUT
    while open_photos and time.monotonic() < deadline:
        for name in sorted(open_photos):
            keys = new_keys(f"edits/{preset}/{name}/", name)
            # The manifest is written after the images.
            if any(key.endswith("manifest.json") for key in keys):
                for key in (key for key in keys if not key.endswith(".json")):
                    target = free_path(edited / f"{name}{Path(key).suffix}")
                    s3.download_file(assets, key, str(target))
                    print(f"{name} -> {target}")
                open_photos.discard(name)
            for key in new_keys(f"errors/{preset}/{name}.json", name):
                error = json.loads(s3.get_object(Bucket=assets, Key=key)["Body"].read())
                print(f"{name}: rejected: {error['message']}")
                open_photos.discard(name)
        time.sleep(1)
    for name in sorted(open_photos):
        print(f"{name}: no result after {TIMEOUT} s. An unchanged photo is not edited again.")


def free_path(path: Path) -> Path:
    """Return the path, or with a number if a file has its name."""
    number, free = 1, path
    while free.exists():
        number += 1
        free = path.with_stem(f"{path.stem}-{number}")
    return free


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), sys.argv[2])
