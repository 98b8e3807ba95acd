"""A script as it is often written: the official SDK in threads, a download, put_object.

Called by side_by_side in a process of its own; prints when each picture was stored, and what the
process took.
"""

import json
import resource
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
import httpx
from wavespeed.api import Client  # type: ignore[import-untyped]


def main(asked: dict[str, Any]) -> None:
    """Make all pictures at once."""
    client = Client(api_key=asked["key"], base_url=asked["provider"])
    s3 = boto3.client(
        "s3", endpoint_url=asked["s3"], region_name="us-east-1",
        aws_access_key_id="test", aws_secret_access_key="test",  # noqa: S106
    )  # fmt: skip

    def one(prompt: str) -> tuple[str, float | None]:
        try:
            found = client.run(
                "openai/gpt-image-2/text-to-image", {"prompt": prompt, **asked["input"]}
            )
            image = httpx.get(found["outputs"][0]).raise_for_status().content
            s3.put_object(Bucket=asked["bucket"], Key=f"script/{hash(prompt)}.png", Body=image)
        except Exception as error:
            print(type(error).__name__, str(error)[:100], file=sys.stderr)
            return prompt, None
        return prompt, time.time()

    with ThreadPoolExecutor(len(asked["prompts"])) as pool:
        stored = dict(pool.map(one, asked["prompts"]))
    used = resource.getrusage(resource.RUSAGE_SELF)
    told = {"stored": stored, "cpu": used.ru_utime + used.ru_stime, "peak": used.ru_maxrss / 1024}
    print(json.dumps(told))


if __name__ == "__main__":
    main(json.load(sys.stdin))
