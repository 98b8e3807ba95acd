"""Upload a folder of photos to the inbox and download their edits.

Usage: python product_photos.py FOLDER PRESET
Environment: INBOX_BUCKET and ASSETS_BUCKET.
"""

import json
import os
import sys
import time
from pathlib import Path

import boto3

IMAGE_SUFFIXES = {".png", ".jpg", ".jpeg", ".webp"}
TIMEOUT = 600  # seconds


def main(folder: Path, preset: str) -> None:
    """Upload each photo under the preset's name, then wait for its edit or its rejection."""
    s3 = boto3.client("s3")
    inbox, assets = os.environ["INBOX_BUCKET"], os.environ["ASSETS_BUCKET"]
    photos = sorted(path for path in folder.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES)
    started_at = time.time()
    for photo in photos:
        s3.upload_file(str(photo), inbox, f"{preset}/{photo.name}")
    edited = folder / "edited"
    edited.mkdir(exist_ok=True)
    open_photos = {photo.name for photo in photos}

    def new_keys(prefix: str) -> list[str]:
        objects = s3.list_objects_v2(Bucket=assets, Prefix=prefix).get("Contents", [])
        return [o["Key"] for o in objects if o["LastModified"].timestamp() > started_at - 5]

    while open_photos and time.time() < started_at + TIMEOUT:
        for name in sorted(open_photos):
            keys = new_keys(f"edits/{preset}/{name}/")
            # The manifest is written after the images.
            if any(key.endswith("manifest.json") for key in keys):
                for key in (key for key in keys if not key.endswith(".json")):
                    target = edited / f"{Path(name).stem}{Path(key).suffix}"
                    s3.download_file(assets, key, str(target))
                    print(f"{name} -> {target}")
                    open_photos.discard(name)
            for key in new_keys(f"errors/{preset}/{name}.json"):
                error = json.loads(s3.get_object(Bucket=assets, Key=key)["Body"].read())
                print(f"{name}: rejected: {error['message']}")
                open_photos.discard(name)
        time.sleep(1)
    for name in sorted(open_photos):
        print(f"{name}: no result after {TIMEOUT} s")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
