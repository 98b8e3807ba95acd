"""Three ways to create the same images on the local stack: Darkroom, a script, a hand-written loop."""

import io
import json
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import httpx

from benchmarks.report import ROOT
from benchmarks.worker_usage import measure_workers
from local.stack import Stack

INPUT = {"quality": "low", "resolution": "1k"}
TIMEOUT = 900  # seconds for all images of a run
_HERE = Path(__file__).parent
_LOOP = "loop"  # name of the loop's state machine, function and role


class Result(NamedTuple):
    """The result of one run."""

    stored_at: dict[str, float | None]  # Unix seconds by prompt; None: not stored
    cpu: float  # seconds
    peak: float  # MB, of the process with the highest peak


type Alternative = Callable[[Stack, list[str]], Result]


def darkroom(stack: Stack, prompts: list[str]) -> Result:
    """Request all images over HTTP, and read from the jobs when the images were stored."""
    headers = {"Authorization": f"Bearer {stack.api_key}"}
    with (
        httpx.Client(
            base_url=stack.api_url, headers=headers, timeout=60, trust_env=False
        ) as client,
        measure_workers(f"{stack.stack_name}-") as usage,
    ):

        def request(prompt: str) -> str:
            body = {"operation": "text-to-image", "prompt": prompt, **INPUT}
            while (response := client.post("/v1/jobs", json=body)).status_code == 429:
                time.sleep(1)
            return str(response.raise_for_status().json()["job_id"])

        def wait_until_stored(job_id: str) -> float | None:
            deadline = time.monotonic() + TIMEOUT
            while time.monotonic() < deadline:
                response = client.get(f"/v1/jobs/{job_id}")
                job: dict[str, Any] = (
                    response.json() if response.is_success else {"status": "unread"}
                )
                if job["status"] in ("completed", "failed"):
                    stored_at: str | None = job["timings"]["stored_at"]
                    return datetime.fromisoformat(stored_at).timestamp() if stored_at else None
                time.sleep(2)
            raise TimeoutError(job_id)

        with ThreadPoolExecutor(8) as pool:
            job_ids = list(pool.map(request, prompts))
        # Sequential: concurrent reads of the jobs would distort the measurement.
        stored = dict(zip(prompts, map(wait_until_stored, job_ids), strict=True))
    return Result(stored, usage.seconds, usage.peak)


def script(stack: Stack, prompts: list[str]) -> Result:
    """Run the script in a new process."""
    settings = {
        "provider": stack.provider_url, "key": stack.provider_key(), "s3": stack.emulator_url,
        "bucket": stack.assets_bucket, "prompts": prompts, "input": INPUT,
    }  # fmt: skip
    process = subprocess.run(
        [sys.executable, "-m", "benchmarks.alternative_script"],
        cwd=ROOT, input=json.dumps(settings), capture_output=True, text=True, check=True,
        timeout=TIMEOUT,
    )  # fmt: skip
    return Result(**json.loads(process.stdout.splitlines()[-1]))


def state_machine(stack: Stack, prompts: list[str]) -> Result:
    """Start one execution of the loop per image. Its output contains when the image was stored."""
    states = stack.client("stepfunctions")
    arn = _deploy_loop(stack)
    with measure_workers(_LOOP) as usage:
        executions = {
            prompt: states.start_execution(
                stateMachineArn=arn, input=json.dumps({"prompt": prompt, **INPUT})
            )["executionArn"]
            for prompt in prompts
        }
        deadline, stored = time.monotonic() + TIMEOUT, dict[str, float | None]()
        for prompt, execution in executions.items():
            while True:
                description = states.describe_execution(executionArn=execution)
                if description["status"] != "RUNNING":
                    break
                if time.monotonic() > deadline:
                    raise TimeoutError(execution)
                time.sleep(1)
            is_stored = description["status"] == "SUCCEEDED"
            stored[prompt] = json.loads(description["output"])["stored_at"] if is_stored else None
    return Result(stored, usage.seconds, usage.peak)


ALTERNATIVES: dict[str, Alternative] = {
    "**Darkroom**": darkroom,
    "script, official SDK": script,
    "Step Functions loop": state_machine,
}


def _deploy_loop(stack: Stack) -> str:
    """Deploy the loop unless it exists. Return the ARN of its state machine."""
    states = stack.client("stepfunctions")
    for machine in states.list_state_machines()["stateMachines"]:
        if machine["name"] == _LOOP:
            return str(machine["stateMachineArn"])
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.write(_HERE / "alternative_loop.py", "loop.py")
    trust = json.dumps({"Version": "2012-10-17", "Statement": []})
    iam = stack.client("iam")
    role = iam.create_role(RoleName=_LOOP, AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    statement = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_role_policy(RoleName=_LOOP, PolicyName="all", PolicyDocument=policy)
    variables = {
        "PROVIDER_URL": stack.provider_url, "PROVIDER_KEY": stack.provider_key(),
        "BUCKET": stack.assets_bucket,
    }  # fmt: skip
    function = stack.client("lambda").create_function(
        FunctionName=_LOOP, Runtime="python3.13", Handler="loop.handler", Role=role,
        Timeout=60, MemorySize=512, Code={"ZipFile": archive.getvalue()},
        Environment={"Variables": variables},
    )["FunctionArn"]  # fmt: skip
    text = (_HERE / "alternative_loop.asl.json").read_text().replace("FUNCTION", function)
    machine = states.create_state_machine(name=_LOOP, definition=text, roleArn=role)
    return str(machine["stateMachineArn"])
