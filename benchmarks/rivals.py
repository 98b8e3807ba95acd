"""Three ways to the same pictures on the local stack: Darkroom, a script, a naive state machine."""

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
from benchmarks.workers import watched
from local.stack import Stack

INPUT = {"quality": "low", "resolution": "1k"}
PATIENCE = 900  # seconds for all of a round
_HERE = Path(__file__).parent


class Made(NamedTuple):
    """When each prompt's picture was stored (Unix seconds), and what that took."""

    stored: dict[str, float | None]
    cpu: float  # seconds
    peak: float  # MB, of the process that took the most


type Rival = Callable[[Stack, list[str]], Made]


def darkroom(stack: Stack, prompts: list[str]) -> Made:
    """Ask for all by HTTP; a job's record says when its picture was stored."""
    headers = {"Authorization": f"Bearer {stack.api_key}"}
    with (
        httpx.Client(
            base_url=stack.api_url, headers=headers, timeout=60, trust_env=False
        ) as client,
        watched(f"{stack.stack_name}-") as workers,
    ):

        def ask(prompt: str) -> str:
            body = {"operation": "text-to-image", "prompt": prompt, **INPUT}
            while (answer := client.post("/v1/jobs", json=body)).status_code == 429:
                time.sleep(1)
            return str(answer.raise_for_status().json()["job_id"])

        def stored(job_id: str) -> float | None:
            until = time.monotonic() + PATIENCE
            while time.monotonic() < until:
                answer = client.get(f"/v1/jobs/{job_id}")
                job: dict[str, Any] = answer.json() if answer.is_success else {"status": "unread"}
                if job["status"] in ("completed", "failed"):
                    moment: str | None = job["timings"]["stored_at"]
                    return datetime.fromisoformat(moment).timestamp() if moment else None
                time.sleep(2)
            raise TimeoutError(job_id)

        with ThreadPoolExecutor(8) as pool:
            ids = list(pool.map(ask, prompts))
        # One after the other: who looks is not to be what is measured.
        found = dict(zip(prompts, map(stored, ids), strict=True))
    return Made(found, workers.seconds, workers.peak)


def script(stack: Stack, prompts: list[str]) -> Made:
    """Run the script."""
    asked = {
        "provider": stack.provider_url, "key": provider_key(stack), "s3": stack.emulator_url,
        "bucket": stack.assets_bucket, "prompts": prompts, "input": INPUT,
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.sdk_script"],
        cwd=ROOT, input=json.dumps(asked), capture_output=True, text=True, check=True,
        timeout=PATIENCE,
    )  # fmt: skip
    told = json.loads(done.stdout.splitlines()[-1])
    return Made(told["stored"], told["cpu"], told["peak"])


def state_machine(stack: Stack, prompts: list[str]) -> Made:
    """Start an execution of the naive machine for each; its output says when it was stored."""
    states = stack.client("stepfunctions")
    arn = _deployed(stack)
    with watched("naive") as workers:
        started = {
            prompt: states.start_execution(
                stateMachineArn=arn, input=json.dumps({"prompt": prompt, **INPUT})
            )["executionArn"]
            for prompt in prompts
        }
        until, found = time.monotonic() + PATIENCE, dict[str, float | None]()
        for prompt, execution in started.items():
            while (said := states.describe_execution(executionArn=execution))[
                "status"
            ] == "RUNNING":
                if time.monotonic() > until:
                    raise TimeoutError(execution)
                time.sleep(1)
            is_stored = said["status"] == "SUCCEEDED"
            found[prompt] = json.loads(said["output"])["stored_at"] if is_stored else None
    return Made(found, workers.seconds, workers.peak)


RIVALS: dict[str, Rival] = {
    "**Darkroom**": darkroom,
    "script, official SDK": script,
    "Step Functions loop": state_machine,
}


def provider_key(stack: Stack) -> str:
    """Return the provider's key of a stack."""
    secrets = stack.client("secretsmanager")
    (name,) = [each["Name"] for each in secrets.list_secrets()["SecretList"]]
    return str(secrets.get_secret_value(SecretId=name)["SecretString"])


def _deployed(stack: Stack) -> str:
    states = stack.client("stepfunctions")
    for machine in states.list_state_machines()["stateMachines"]:
        if machine["name"] == "naive":
            return str(machine["stateMachineArn"])
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.write(_HERE / "naive.py", "naive.py")
    trust = json.dumps({"Version": "2012-10-17", "Statement": []})
    iam = stack.client("iam")
    role = iam.create_role(RoleName="naive", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    allowed = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    iam.put_role_policy(RoleName="naive", PolicyName="all", PolicyDocument=policy)
    variables = {
        "PROVIDER_URL": stack.provider_url, "PROVIDER_KEY": provider_key(stack),
        "BUCKET": stack.assets_bucket,
    }  # fmt: skip
    function = stack.client("lambda").create_function(
        FunctionName="naive", Runtime="python3.13", Handler="naive.handler", Role=role,
        Timeout=60, MemorySize=512, Code={"ZipFile": archive.getvalue()},
        Environment={"Variables": variables},
    )["FunctionArn"]  # fmt: skip
    text = (_HERE / "naive.asl.json").read_text().replace("FUNCTION", function)
    made = states.create_state_machine(name="naive", definition=text, roleArn=role)
    return str(made["stateMachineArn"])
