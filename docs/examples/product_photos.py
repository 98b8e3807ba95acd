"""Product photos: drop a folder of pictures into the inbox, fetch what becomes of them.

python product_photos.py FOLDER PRESET, with INBOX_BUCKET and ASSETS_BUCKET in the environment.
"""

import json
import os
import sys
import time
from pathlib import Path

import boto3

PICTURES = {".png", ".jpg", ".jpeg", ".webp"}
PATIENCE = 600  # seconds


def main(folder: Path, preset: str) -> None:
    """Put each picture under the preset's name, and wait for its edit or its refusal."""
    s3 = boto3.client("s3")
    inbox, assets = os.environ["INBOX_BUCKET"], os.environ["ASSETS_BUCKET"]
    photos = sorted(path for path in folder.iterdir() if path.suffix.lower() in PICTURES)
    since = time.time()
    for photo in photos:
        s3.upload_file(str(photo), inbox, f"{preset}/{photo.name}")
    edited = folder / "edited"
    edited.mkdir(exist_ok=True)
    left = {photo.name for photo in photos}
    while left and time.time() < since + PATIENCE:
        for name in sorted(left):
            prefix = f"edits/{preset}/{name}/"  # a folder for each job, with a manifest.json
            found = s3.list_objects_v2(Bucket=assets, Prefix=prefix).get("Contents", [])
            new = [each for each in found if each["LastModified"].timestamp() > since - 5]
            manifests = [each["Key"] for each in new if each["Key"].endswith("manifest.json")]
            for key in (each["Key"] for each in new if not each["Key"].endswith(".json")):
                if manifests:  # it is written after the pictures
                    target = edited / f"{Path(name).stem}{Path(key).suffix}"
                    s3.download_file(assets, key, str(target))
                    print(f"{name} -> {target}")
                    left.discard(name)
            note = f"errors/{preset}/{name}.json"
            notes = s3.list_objects_v2(Bucket=assets, Prefix=note).get("Contents", [])
            if any(each["LastModified"].timestamp() > since - 5 for each in notes):
                told = json.loads(s3.get_object(Bucket=assets, Key=note)["Body"].read())
                print(f"{name}: refused: {told['message']}")
                left.discard(name)
        time.sleep(1)
    for name in sorted(left):
        print(f"{name}: nothing yet")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
