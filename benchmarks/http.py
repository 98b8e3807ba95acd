"""Latency of warm API requests, compared with a minimal Lambda behind the same API Gateway."""

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

REQUESTS, WARM_UP = 150, 15
# The provider throttles these jobs for an hour, so that only the requests run.
_JOB = {
    "operation": "text-to-image",
    "prompt": "bench [[fault submit.http status=429 retry_after=3600 times=0]]",
    "quality": "low",
}
# The emulator responds late for a function that prints nothing.
_MINIMAL_CODE = """
def handler(event, context):
    print("minimal")
    return {"statusCode": 200, "body": "{}"}
"""


def run() -> Section:
    """Return p50 and p95 of each request, and their ratios to the minimal Lambda."""
    with running(Options(time_scale=0.1)) as local, _client(local.stack) as client:
        minimal_path = _deploy_minimal(local.stack)
        job = client.post("/v1/jobs", json=_JOB).json()["job_id"]
        calls: dict[str, Callable[[], httpx.Response]] = {
            "minimal Lambda": lambda: client.get(minimal_path),
            "GET /v1/jobs/{id}": lambda: client.get(f"/v1/jobs/{job}"),
            "POST /v1/jobs": lambda: client.post("/v1/jobs", json=_JOB),
        }
        times: dict[str, list[float]] = {name: [] for name in calls}
        for number, (name, call) in itertools.product(range(REQUESTS + WARM_UP), calls.items()):
            start = time.perf_counter()
            call().raise_for_status()
            if number >= WARM_UP:
                times[name].append((time.perf_counter() - start) * 1000)
    quantiles = {name: statistics.quantiles(values, n=20) for name, values in times.items()}
    baseline = quantiles["minimal Lambda"]
    rows = [
        (name, f"{q[9]:.0f} ms", f"{q[9] / baseline[9]:.2f}", f"{q[18]:.0f} ms",
         f"{q[18] / baseline[18]:.2f}")
        for name, q in quantiles.items()
    ]  # fmt: skip
    head = ("request", "p50", "ratio to minimal", "p95", "ratio to minimal")
    inputs = (
        f"{REQUESTS} requests each, interleaved, warm, on the local stack, behind one API Gateway. The "
        "minimal Lambda returns `{}`."
    )
    return Section("HTTP", inputs, table(head, rows))


def _client(stack: Stack) -> httpx.Client:
    return httpx.Client(
        base_url=stack.api_url,
        headers={"Authorization": f"Bearer {stack.api_key}"},
        timeout=60,
        trust_env=False,
    )


def _deploy_minimal(stack: Stack) -> str:
    """Deploy a minimal function behind the API, without authorization. Return its path."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("minimal.py", _MINIMAL_CODE)
    role: Any = stack.client("iam").create_role(
        RoleName="minimal", AssumeRolePolicyDocument=json.dumps({"Statement": []})
    )
    arn = stack.client("lambda").create_function(
        FunctionName="minimal",
        Runtime="python3.13",
        Handler="minimal.handler",
        Role=role["Role"]["Arn"],
        Code={"ZipFile": archive.getvalue()},
    )["FunctionArn"]
    gateway, api = stack.client("apigateway"), stack.api_url.split("/")[-2]
    (root,) = [r["id"] for r in gateway.get_resources(restApiId=api)["items"] if r["path"] == "/"]
    method = {
        "restApiId": api,
        "resourceId": gateway.create_resource(restApiId=api, parentId=root, pathPart="minimal")[
            "id"
        ],
        "httpMethod": "GET",
    }
    gateway.put_method(**method, authorizationType="NONE")
    gateway.put_integration(
        **method,
        type="AWS_PROXY",
        integrationHttpMethod="POST",
        uri=f"arn:aws:apigateway:{stack.region}:lambda:path/2015-03-31/functions/{arn}/invocations",
    )
    gateway.create_deployment(restApiId=api, stageName="live")
    return "/minimal"
