"""A typical hand-written script: the official SDK in threads, a download, put_object.

`alternatives` runs it in its own process. It prints when each image was stored, and the CPU seconds
and peak memory of the process.
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


def main(settings: dict[str, Any]) -> None:
    """Create all images concurrently."""
    client = Client(api_key=settings["key"], base_url=settings["provider"])
    s3 = boto3.client(
        "s3", endpoint_url=settings["s3"], region_name="us-east-1",
        aws_access_key_id="test", aws_secret_access_key="test",  # noqa: S106
    )  # fmt: skip

    def create(prompt: str) -> tuple[str, float | None]:
        try:
            result = client.run(
                "openai/gpt-image-2/text-to-image", {"prompt": prompt, **settings["input"]}
            )
            image = httpx.get(result["outputs"][0]).raise_for_status().content
            s3.put_object(Bucket=settings["bucket"], Key=f"script/{hash(prompt)}.png", Body=image)
        except Exception as error:
            print(type(error).__name__, str(error)[:100], file=sys.stderr)
            return prompt, None
        return prompt, time.time()

    with ThreadPoolExecutor(len(settings["prompts"])) as pool:
        stored_at = dict(pool.map(create, settings["prompts"]))
    usage = resource.getrusage(resource.RUSAGE_SELF)
    print(
        json.dumps(
            {
                "stored_at": stored_at,
                "cpu": usage.ru_utime + usage.ru_stime,
                "peak": usage.ru_maxrss / 1024,
            }
        )
    )


if __name__ == "__main__":
    main(json.load(sys.stdin))
