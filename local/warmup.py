"""One call of every function, so that the first job does not pay for all the cold starts."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from local.emulator import Emulator

# To the steps a job that has no record, to the doors a request that is none: each says so and ends.
EVENT = {
    "id": "warm-up",
    "job_id": "warm-up",
    "caller": "warm-up",
    "detail": {
        "name": "warm-up",
        "status": "FAILED",
        "bucket": {"name": "warm-up"},
        "object": {"key": "warm-up/", "etag": ""},
    },
    "httpMethod": "GET",
    "path": "/warm-up",
    "headers": {},
    "methodArn": "arn:aws:execute-api:region:account:api/live/GET/warm-up",
    "requestContext": {"requestId": "warm-up", "path": "/warm-up"},
}


def warm_up(emulator: Emulator, stack_name: str) -> int:
    """Call the stack's functions side by side; how many there are."""
    resources = emulator.client("cloudformation").describe_stack_resources(StackName=stack_name)
    names = [
        resource["PhysicalResourceId"]
        for resource in resources["StackResources"]
        if resource["ResourceType"] == "AWS::Lambda::Function"
    ]
    client = emulator.client("lambda")

    def call(name: str) -> Any:
        return client.invoke(FunctionName=name, Payload=json.dumps(EVENT))

    with ThreadPoolExecutor(len(names)) as pool:
        list(pool.map(call, names))
    return len(names)
