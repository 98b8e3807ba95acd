"""A backend: ask for a picture for each order, hear of their ends from a queue, pay once for each.

python orders_backend.py ORDER…, with DARKROOM_URL, DARKROOM_KEY, and QUEUE_URL (docs/examples/
subscribe.yaml) in the environment.
"""

import json
import os
import sys

import boto3
import httpx


def ask(orders: list[str]) -> dict[str, str]:
    """Ask once for each order, however often this runs: the order is the idempotency key."""
    asked = {}
    with httpx.Client(
        base_url=os.environ["DARKROOM_URL"],
        headers={"Authorization": f"Bearer {os.environ['DARKROOM_KEY']}"},
        timeout=40,
    ) as api:
        for order in orders:
            prompt = f"A greeting card for order {order}"
            request = {"operation": "text-to-image", "prompt": prompt, "quality": "low"}
            answer = api.post("/v1/jobs", json=request, headers={"Idempotency-Key": order})
            job = answer.raise_for_status().json()
            if job["status"] in ("completed", "failed"):  # asked before: its event may be gone
                print(f"{order}: {job['status']} already")
            else:
                asked[job["job_id"]] = order
    return asked


def hear(asked: dict[str, str]) -> None:
    """Read the queue until each job has ended; an event may come twice, under one id."""
    sqs, queue = boto3.client("sqs"), os.environ["QUEUE_URL"]
    left, seen = dict(asked), set[str]()
    while left:
        answer = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, WaitTimeSeconds=10)
        for message in answer.get("Messages", []):
            event = json.loads(message["Body"])
            detail = event["detail"]
            if detail["id"] not in seen and detail["job_id"] in left:
                order = left.pop(detail["job_id"])
                told = detail.get("uris") or detail["code"]
                print(f"{order}: {event['detail-type']}: {told}")
            seen.add(detail["id"])
            # Only now: what this program does not live to handle comes again.
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])


if __name__ == "__main__":
    hear(ask(sys.argv[1:]))
