"""Ask AWS whether a deployment would succeed. `make preflight` runs this module.

It needs AWS credentials. It creates a change set that is not executed, and an API that is deleted
at once; only SAM's bucket for uploads stays. Every finding says what to do. The exit code is 1 if
the deployment would fail.
"""

import json
import math
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import boto3
import yaml
from botocore.exceptions import BotoCoreError, ClientError

from darkroom.adapters.runtime_flags import MAX_AGE
from darkroom_cli.text import escape
from infra.expand import GATEWAY, Resolver, expand
from local import paths
from local.built_template import load_template

# The name of QuoteFunction is the stack's name and "-quote", at most 64 characters in all.
MAX_STACK_NAME = 58
# Seconds that the functions of a job run: about 3 (docs/benchmarks.md), and up to 3 for a slot.
RUN_SECONDS = 6
# Requests that a browser may send at once to load the studio. A throttled one leaves it blank.
PAGE_LOAD = 50
# State transitions of a job without a webhook (docs/benchmarks.md).
TRANSITIONS = 8
# GetParameters calls per second that an account has without high throughput.
PARAMETER_READS = 40
# Findings of Access Analyzer that are errors here; its other types are warnings.
_POLICY_ERRORS = {"ERROR", "SECURITY_WARNING"}

type Level = Literal["error", "warning", "unchecked"]
type Clients = Callable[[str], Any]


@dataclass(frozen=True)
class Finding:
    """What a check found, and what to do. `unchecked`: AWS did not answer the question."""

    level: Level
    check: str
    message: str

    def __str__(self) -> str:
        """Return the line for the terminal."""
        return f"{self.level:<9}  {self.check}: {self.message}"


@dataclass(frozen=True)
class Deployment:
    """The stack that would be deployed, and the clients of its account."""

    resolver: Resolver
    clients: Clients

    @property
    def parameters(self) -> dict[str, str]:
        """The parameters that the deployment sets."""
        return self.resolver.parameters

    def limits(self) -> tuple[int, int]:
        """Return the images per minute and the images at once of the chosen tier."""
        variables = self.resolver.template["Resources"]["SubmitFunction"]["Properties"]
        resolved = self.resolver.resolve(variables["Environment"]["Variables"])
        return int(resolved["IMAGES_PER_MINUTE"]), int(resolved["JOBS_IN_FLIGHT"])


def stack_name(deployment: Deployment) -> Iterator[Finding]:
    """Check the limits of the names that contain the stack's name."""
    name = deployment.resolver.stack
    if len(name) > MAX_STACK_NAME:
        message = f"it has {len(name)} characters; use at most {MAX_STACK_NAME}"
        yield Finding("error", f"stack name {name}", message)
    if name.lower().startswith(("aws", "ssm")):
        message = "Parameter Store refuses names that start with aws or ssm; use another name"
        yield Finding("error", f"stack name {name}", message)


def api_document(deployment: Deployment) -> Iterator[Finding]:
    """Import infra/api/gateway.yaml into a new API, and delete the API."""
    gateway = deployment.clients("apigateway")
    document = deployment.resolver.resolve(yaml.safe_load(GATEWAY.read_text()))
    document["info"]["title"] = f"{deployment.resolver.stack}-preflight"
    try:
        api = gateway.import_rest_api(
            failOnWarnings=True,
            parameters={"endpointConfigurationTypes": "REGIONAL"},
            body=json.dumps(document).encode(),
        )
    except gateway.exceptions.BadRequestException as error:
        message = error.response["Error"]["Message"]
        yield Finding("error", "infra/api/gateway.yaml", f"API Gateway refuses it: {message}")
        return
    gateway.delete_rest_api(restApiId=api["id"])


def state_machines(deployment: Deployment) -> Iterator[Finding]:
    """Validate the definitions of the state machines with their substitutions."""
    states = deployment.clients("stepfunctions")
    sources = load_template(paths.TEMPLATE)["Resources"]
    for name, resource in _resources(deployment, "AWS::StepFunctions::StateMachine"):
        properties = resource["Properties"]
        path = sources[name]["Properties"]["DefinitionUri"]
        text = json.dumps(yaml.safe_load((paths.ROOT / path).read_text()))
        for key, value in properties["DefinitionSubstitutions"].items():
            text = text.replace(f"${{{key}}}", str(deployment.resolver.resolve(value)))
        result = states.validate_state_machine_definition(definition=text, type="STANDARD")
        for problem in result["diagnostics"]:
            level = _level(is_error=problem["severity"] == "ERROR")
            where = problem.get("location", "")
            yield Finding(level, path, f"{problem['code']} {problem['message']} {where}".rstrip())


def policies(deployment: Deployment) -> Iterator[Finding]:
    """Validate each policy with IAM Access Analyzer."""
    analyzer = deployment.clients("accessanalyzer")
    for name, kind, document in policy_documents(deployment.resolver):
        pages = analyzer.get_paginator("validate_policy").paginate(
            policyDocument=json.dumps(document), policyType=kind
        )
        for page in pages:
            for finding in page["findings"]:
                level = _level(is_error=finding["findingType"] in _POLICY_ERRORS)
                message = f"{finding['issueCode']}: {finding['findingDetails']}"
                yield Finding(level, f"policy of {name}", message)


def concurrency(deployment: Deployment) -> Iterator[Finding]:
    """Compare the functions that run at once with the account's quota."""
    per_minute, in_flight = deployment.limits()
    polls = deployment.parameters.get("Webhooks") == "off"
    jobs = math.ceil(per_minute / 60 * RUN_SECONDS) + (in_flight // 2 if polls else 0)
    needed = jobs + PAGE_LOAD
    settings = deployment.clients("lambda").get_account_settings()["AccountLimit"]
    quota = settings["ConcurrentExecutions"]
    if quota < needed:
        message = (
            f"the account allows {quota} functions at once; this tier uses about {jobs}, and the"
            f" studio up to {PAGE_LOAD} while it loads. Request a higher quota (Service Quotas,"
            " Lambda, Concurrent executions) or use a lower Tier."
        )
        yield Finding("warning", "Lambda quota", message)


def transitions(deployment: Deployment) -> Iterator[Finding]:
    """Compare the state transitions per second with the account's quota."""
    per_minute, _ = deployment.limits()
    needed = math.ceil(per_minute / 60 * TRANSITIONS)
    pages = deployment.clients("service-quotas").get_paginator("list_service_quotas")
    quotas = {
        quota["QuotaName"]: quota["Value"]
        for page in pages.paginate(ServiceCode="states")
        for quota in page["Quotas"]
        if "StateTransition" in quota["QuotaName"].replace(" ", "")
    }
    if not quotas:
        message = f"find StateTransition in Service Quotas; this tier uses {needed} a second"
        yield Finding("unchecked", "Step Functions quota", message)
    for name, quota in quotas.items():
        if quota < needed:
            message = f"{name} is {quota:g}; this tier uses {needed} a second. Request more."
            yield Finding("warning", "Step Functions quota", message)


def parameter_reads(deployment: Deployment) -> Iterator[Finding]:
    """Compare the reads of Parameter Store with the account's throughput."""
    per_minute, _ = deployment.limits()
    reads = per_minute / 60 * RUN_SECONDS / MAX_AGE.total_seconds()
    setting = "/ssm/parameter-store/high-throughput-enabled"
    if reads <= PARAMETER_READS:
        return
    found = deployment.clients("ssm").get_service_setting(SettingId=setting)["ServiceSetting"]
    if found["SettingValue"] != "true":
        message = (
            f"this tier reads about {reads:.0f} times a second, and the account allows"
            f" {PARAMETER_READS}. Enable higher throughput in the settings of Parameter Store."
        )
        yield Finding("warning", "Parameter Store", message)


CHECKS = (
    stack_name,
    api_document,
    state_machines,
    policies,
    concurrency,
    transitions,
    parameter_reads,
)


def run(deployment: Deployment) -> list[Finding]:
    """Run every check; one that AWS does not answer is a finding."""
    findings: list[Finding] = []
    for check in CHECKS:
        try:
            findings += check(deployment)
        except (BotoCoreError, ClientError) as error:
            name = check.__name__.replace("_", " ")
            message = (
                f"{str(error).rstrip(' :')}. docs/examples/deploy-policy.json has the permissions."
            )
            findings.append(Finding("unchecked", name, message))
    return findings


def policy_documents(resolver: Resolver) -> Iterator[tuple[str, str, Any]]:
    """Yield the resource, the policy type of Access Analyzer and the document of each policy."""
    for name, resource in resolver.template["Resources"].items():
        condition = resource.get("Condition")
        if condition and not resolver.holds(condition):
            continue
        properties = resource.get("Properties", {})
        match resource["Type"]:
            case "AWS::IAM::Role":
                for policy in resolver.resolve(properties.get("Policies", [])):
                    yield name, "IDENTITY_POLICY", policy["PolicyDocument"]
            case "AWS::IAM::ManagedPolicy":
                yield name, "IDENTITY_POLICY", resolver.resolve(properties["PolicyDocument"])
            case "AWS::Events::EventBusPolicy":
                statement = resolver.resolve(properties["Statement"])
                yield name, "RESOURCE_POLICY", {"Version": "2012-10-17", "Statement": [statement]}
            case "AWS::S3::BucketPolicy" | "AWS::SQS::QueuePolicy":
                yield name, "RESOURCE_POLICY", resolver.resolve(properties["PolicyDocument"])


# ------------------------------------------------------------------------------- the change set


def change_set(stack: str, overrides: dict[str, str], session: Any) -> Finding | None:
    """Create and delete a change set; return the finding if CloudFormation refuses it."""
    values = {"ProviderApiKey": "preflight"} | overrides
    command: list[str | Path] = [
        paths.SAM, "deploy", "--stack-name", stack, "--no-execute-changeset", "--no-progressbar",
        "--no-confirm-changeset", "--no-fail-on-empty-changeset", "--parameter-overrides",
        *(f"{name}={value}" for name, value in values.items()),
    ]  # fmt: skip
    process = subprocess.run(
        command,
        cwd=paths.ROOT,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "SAM_CLI_TELEMETRY": "0"},
    )
    output = process.stdout + process.stderr
    formation = session.client("cloudformation")
    for arn in set(re.findall(r"arn:[\w-]+:cloudformation:\S+:changeSet/\S+", output)):
        formation.delete_change_set(ChangeSetName=arn)
    if _is_new(formation, stack):
        formation.delete_stack(StackName=stack)
    if process.returncode == 0:
        return None
    last = [line.strip() for line in output.splitlines() if line.strip()][-1:]
    return Finding("error", "change set", "".join(last))


def _is_new(formation: Any, stack: str) -> bool:
    """Return whether the stack exists only because of a change set."""
    try:
        (found,) = formation.describe_stacks(StackName=stack)["Stacks"]
    except ClientError:
        return False
    return bool(found["StackStatus"] == "REVIEW_IN_PROGRESS")


# ------------------------------------------------------------------------------------- the command


def main() -> int:
    """Run the preflight of the stack in STACK with the values in PARAMETERS."""
    config = samconfig()
    stack = os.environ.get("STACK") or config["stack_name"]
    overrides = dict(pair.split("=", 1) for pair in os.environ.get("PARAMETERS", "").split())
    session: Any = boto3.Session(region_name=config.get("region"))
    try:
        identity = session.client("sts").get_caller_identity()
    except (BotoCoreError, ClientError) as error:
        print(f"AWS credentials are missing or not valid: {error}", file=sys.stderr)
        return 1
    partition = identity["Arn"].split(":")[1]
    resolver = Resolver(
        expand(), stack, session.region_name, identity["Account"], partition, overrides
    )
    findings = run(Deployment(resolver, lambda service: session.client(service)))
    if refused := change_set(stack, overrides, session):
        findings.append(refused)
    for finding in findings:
        print(escape(str(finding)))
    errors = sum(finding.level == "error" for finding in findings)
    others = len(findings) - errors
    print(f"{stack} in {session.region_name}: {errors} errors, {others} other findings")
    return 1 if errors else 0


def samconfig() -> dict[str, str]:
    """Return the settings of `sam deploy` in samconfig.toml."""
    default = tomllib.loads((paths.ROOT / "samconfig.toml").read_text())["default"]
    merged: dict[str, str] = {
        **default.get("global", {}).get("parameters", {}),
        **default.get("deploy", {}).get("parameters", {}),
    }
    return merged


def _level(*, is_error: bool) -> Level:
    return "error" if is_error else "warning"


def _resources(deployment: Deployment, kind: str) -> list[tuple[str, Any]]:
    resources = deployment.resolver.template["Resources"].items()
    return [(name, resource) for name, resource in resources if resource["Type"] == kind]


if __name__ == "__main__":
    sys.exit(main())
