"""Run `sam deploy` against the emulator."""

import json
from collections.abc import Mapping
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from local import paths
from local.build import sam_settings
from local.emulator import REGION, Emulator
from local.environment import plain_environment
from local.errors import LocalError
from local.paths import write_private
from local.processes import Supervisor

STACK_NAME = "darkroom"
ARTIFACTS = "darkroom-artifacts"
DEPLOY_SECONDS = 180


def deploy(
    supervisor: Supervisor,
    emulator: Emulator,
    template: Path,
    parameters: Mapping[str, str],
    temporary: Path,
) -> dict[str, str]:
    """Deploy the built template and return the stack's outputs."""
    emulator.client("s3").create_bucket(Bucket=ARTIFACTS)
    config = temporary / "samconfig.yaml"
    write_config(config, template, parameters)
    environment = {
        **plain_environment(),
        **sam_settings(),
        **emulator.environment,
        "SAM_CLI_POLL_DELAY": "0.3",
    }
    argv: list[str | Path] = [paths.SAM, "deploy", "--config-file", config]
    try:
        supervisor.run("sam-deploy", argv, environment, seconds=DEPLOY_SECONDS)
    except LocalError as error:
        raise LocalError(f"{error}{_first_failure(emulator)}", error.log) from error
    return outputs(emulator)


def write_config(path: Path, template: Path, parameters: Mapping[str, str]) -> None:
    """Write the settings of `sam deploy` to a file, so that no key is in an argument list."""
    settings = {
        "template_file": str(template),
        "stack_name": STACK_NAME,
        "s3_bucket": ARTIFACTS,
        "region": REGION,
        "capabilities": "CAPABILITY_IAM",
        "confirm_changeset": False,
        "fail_on_empty_changeset": False,
        "parameter_overrides": [f"{name}={value}" for name, value in parameters.items()],
    }
    config = {"version": 0.1, "default": {"deploy": {"parameters": settings}}}
    write_private(path, json.dumps(config))  # JSON is YAML too


def _first_failure(emulator: Emulator) -> str:
    """Return the first failed resource with its reason, or an empty text."""
    try:
        response = emulator.client("cloudformation").describe_stack_events(StackName=STACK_NAME)
    except (BotoCoreError, ClientError):
        return ""
    for event in reversed(response["StackEvents"]):
        if event["ResourceStatus"].endswith("_FAILED"):
            reason = event.get("ResourceStatusReason", "no reason given")
            return f" ({event['LogicalResourceId']}: {reason})"
    return ""


def outputs(emulator: Emulator) -> dict[str, str]:
    """Return the stack's outputs by name."""
    response = emulator.client("cloudformation").describe_stacks(StackName=STACK_NAME)
    return {entry["OutputKey"]: entry["OutputValue"] for entry in response["Stacks"][0]["Outputs"]}
