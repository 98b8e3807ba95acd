"""Warm requests through the local API beside a bare Lambda behind the same API Gateway, in turn."""

import io
import itertools
import json
import statistics
import time
import zipfile
from collections.abc import Callable
from typing import Any

import httpx

from benchmarks.report import Section, table
from local.options import Options
from local.stack import Stack, running

ROUNDS, WARM_UP = 150, 15
# The provider puts the jobs off for an hour, so that nothing but the requests runs meanwhile.
_JOB = {
    "operation": "text-to-image",
    "prompt": "bench [[fault submit.http status=429 retry_after=3600 times=0]]",
    "quality": "low",
}
# A function that writes no line is answered late by the emulator: ours writes one, so does this.
_BARE = """
def handler(event, context):
    print("bare")
    return {"statusCode": 200, "body": "{}"}
"""


def run() -> Section:
    """Return p50 and p95 of each, and what they are of the bare Lambda's."""
    with running(Options(time_scale=0.1)) as local, _client(local.stack) as client:
        bare = _bare(local.stack)
        job = client.post("/v1/jobs", json=_JOB).json()["job_id"]
        calls: dict[str, Callable[[], httpx.Response]] = {
            "a bare Lambda": lambda: client.get(bare),
            "GET /v1/jobs/{id}": lambda: client.get(f"/v1/jobs/{job}"),
            "POST /v1/jobs": lambda: client.post("/v1/jobs", json=_JOB),
        }
        taken: dict[str, list[float]] = {name: [] for name in calls}
        for number, (name, call) in itertools.product(range(ROUNDS + WARM_UP), calls.items()):
            start = time.perf_counter()
            call().raise_for_status()
            if number >= WARM_UP:
                taken[name].append((time.perf_counter() - start) * 1000)
    parts = {name: statistics.quantiles(times, n=20) for name, times in taken.items()}
    floor = parts["a bare Lambda"]
    rows = [
        (name, f"{each[9]:.0f} ms", f"{each[9] / floor[9]:.2f}", f"{each[18]:.0f} ms",
         f"{each[18] / floor[18]:.2f}")
        for name, each in parts.items()
    ]  # fmt: skip
    head = ("request", "p50", "by the bare Lambda's", "p95", "by the bare Lambda's")
    inputs = f"{ROUNDS} requests each, taken in turn, warm, on the local stack, behind one gateway."
    return Section("HTTP", inputs, table(head, rows))


def _client(stack: Stack) -> httpx.Client:
    return httpx.Client(
        base_url=stack.api_url,
        headers={"Authorization": f"Bearer {stack.api_key}"},
        timeout=60,
        trust_env=False,
    )


def _bare(stack: Stack) -> str:
    """Put a function that does nothing behind the deployed API, without a key; return its path."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("bare.py", _BARE)
    role: Any = stack.client("iam").create_role(
        RoleName="bare", AssumeRolePolicyDocument=json.dumps({"Statement": []})
    )
    arn = stack.client("lambda").create_function(
        FunctionName="bare",
        Runtime="python3.13",
        Handler="bare.handler",
        Role=role["Role"]["Arn"],
        Code={"ZipFile": archive.getvalue()},
    )["FunctionArn"]
    gateway, api = stack.client("apigateway"), stack.api_url.split("/")[-2]
    (root,) = [r["id"] for r in gateway.get_resources(restApiId=api)["items"] if r["path"] == "/"]
    place = {
        "restApiId": api,
        "resourceId": gateway.create_resource(restApiId=api, parentId=root, pathPart="bare")["id"],
        "httpMethod": "GET",
    }
    gateway.put_method(**place, authorizationType="NONE")
    gateway.put_integration(
        **place,
        type="AWS_PROXY",
        integrationHttpMethod="POST",
        uri=f"arn:aws:apigateway:{stack.region}:lambda:path/2015-03-31/functions/{arn}/invocations",
    )
    gateway.create_deployment(restApiId=api, stageName="live")
    return "/bare"
