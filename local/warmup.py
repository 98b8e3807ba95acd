"""Invoke every function once, so that the first job meets no cold start."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from local.emulator import Emulator

# For the steps, a job or batch without a record; for the entry points, an invalid request. Nothing
# starts.
EVENT = {
    "id": "warm-up",
    "job_id": "warm-up",
    "batch_id": "warm-up",
    "chunk": {},
    "number": 1,
    "Records": [],
    "caller": "warm-up",
    "model": "warm-up",
    "inputs": {},
    "detail-type": "Object Created",
    "detail": {
        "job_id": "warm-up",
        "chain_id": "warm-up",
        "assets": [],
        "name": "warm-up",
        "status": "FAILED",
        "bucket": {"name": "warm-up"},
        "object": {"key": "warm-up/", "etag": ""},
    },
    "httpMethod": "GET",
    "path": "/warm-up",
    "headers": {},
    "methodArn": "arn:aws:execute-api:region:account:api/live/GET/warm-up",
    "requestContext": {
        "requestId": "warm-up",
        "path": "/warm-up",
        "identity": {"sourceIp": "127.0.0.1"},
    },
}


def warm_up(emulator: Emulator, stack_name: str) -> int:
    """Invoke the stack's functions; return their number."""
    resources = emulator.client("cloudformation").describe_stack_resources(StackName=stack_name)
    names = [
        resource["PhysicalResourceId"]
        for resource in resources["StackResources"]
        if resource["ResourceType"] == "AWS::Lambda::Function"
    ]
    client = emulator.client("lambda")

    def call(name: str) -> Any:
        return client.invoke(FunctionName=name, Payload=json.dumps(EVENT))

    with ThreadPoolExecutor() as pool:
        list(pool.map(call, names))
    return len(names)
