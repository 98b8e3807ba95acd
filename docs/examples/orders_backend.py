"""A backend that requests one image per order and reads the results from a queue.

Usage: python orders_backend.py ORDER…
Environment: DARKROOM_URL, DARKROOM_KEY, and QUEUE_URL (the output of docs/examples/subscribe.yaml).
"""

import json
import os
import sys

import boto3
import httpx


def request_images(orders: list[str]) -> dict[str, str]:
    """Request an image for each order and return the orders by job id.

    The order is the idempotency key, so a second run requests and pays nothing again.
    """
    orders_by_job = {}
    with httpx.Client(
        base_url=os.environ["DARKROOM_URL"],
        headers={"Authorization": f"Bearer {os.environ['DARKROOM_KEY']}"},
        timeout=40,
    ) as api:
        for order in orders:
            prompt = f"A greeting card for order {order}"
            request = {"operation": "text-to-image", "prompt": prompt, "quality": "low"}
            response = api.post("/v1/jobs", json=request, headers={"Idempotency-Key": order})
            job = response.raise_for_status().json()
            if job["status"] in ("completed", "failed"):  # its event may already be deleted
                print(f"{order}: {job['status']} already")
            else:
                orders_by_job[job["job_id"]] = order
    return orders_by_job


def wait_for_events(orders_by_job: dict[str, str]) -> None:
    """Read the queue until every job has ended. Events are delivered at least once."""
    sqs, queue = boto3.client("sqs"), os.environ["QUEUE_URL"]
    open_jobs, processed = dict(orders_by_job), set[str]()
    while open_jobs:
        response = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, WaitTimeSeconds=10)
        for message in response.get("Messages", []):
            event = json.loads(message["Body"])
            detail = event["detail"]
            if detail["id"] not in processed and detail["job_id"] in open_jobs:
                order = open_jobs.pop(detail["job_id"])
                result = detail.get("uris") or detail["code"]
                print(f"{order}: {event['detail-type']}: {result}")
            processed.add(detail["id"])
            # SQS delivers the message again if this program crashes before the deletion.
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])


if __name__ == "__main__":
    wait_for_events(request_images(sys.argv[1:]))
