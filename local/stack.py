"""Start and stop the local stack."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from darkroom_cli.operator.keys import TableKeys
from local import build, deploy, emulator, paths, simulator
from local.emulator import Emulator
from local.options import Options
from local.processes import Supervisor
from local.warmup import warm_up
from local.workspace import Workspace, workspace

# The simulator has no rate limit by default.
SIMULATOR_LIMITS = {"Tier": "custom", "ImagesPerMinute": "6000", "JobsInFlight": "1000"}

type Say = Callable[[str], None]


class Stack(BaseModel):
    """The addresses and credentials of a stack: the content of .local/stack.json."""

    model_config = ConfigDict(frozen=True)

    emulator_url: str
    region: str
    access_key_id: str
    secret_access_key: str
    stack_name: str
    event_bus: str
    table: str
    audit_log: str
    assets_bucket: str
    inbox_bucket: str
    api_url: str
    api_key: str
    state_machine_arn: str
    provider_url: str
    provider_admin_url: str | None

    def client(self, service: str) -> Any:
        """Return a boto3 client of the emulator."""
        return Emulator(self.emulator_url).client(service)

    def provider_key(self) -> str:
        """Return the provider's API key from its secret."""
        arn = deploy.outputs(Emulator(self.emulator_url))["ProviderKeyArn"]
        secret = self.client("secretsmanager").get_secret_value(SecretId=arn)
        return str(secret["SecretString"])

    def write(self, path: Path) -> None:
        """Write the addresses to a file that only its owner can read."""
        paths.write_private(path, self.model_dump_json(indent=2) + "\n")


class Running:
    """A stack with its processes."""

    def __init__(self, stack: Stack, children: Supervisor) -> None:
        self.stack = stack
        self.children = children

    @property
    def logs(self) -> Path:
        """The directory of the process logs."""
        return self.children.logs

    def require_alive(self) -> None:
        """Raise LocalError if a process has ended."""
        for child in self.children.children:
            child.require_alive()


@contextmanager
def running(
    options: Options | None = None,
    *,
    template: Path = paths.TEMPLATE,
    say: Say = lambda _line: None,
) -> Iterator[Running]:
    """Start the whole stack and stop it at the end. `say` gets one line per step."""
    with workspace() as space, Supervisor(space.logs) as children:
        yield Running(_start(options or Options(), template, space, children, say), children)


def _start(
    options: Options, template: Path, space: Workspace, children: Supervisor, say: Say
) -> Stack:
    lap = _step_timer(say)
    aws = emulator.start(children, space.temporary)
    lap("emulator", aws.url)
    provider = simulator.provider(options, children, space.temporary)
    lap("provider", provider.url)
    built, is_new = build.build(children, template)
    lap("build", "built" if is_new else "unchanged since the last build")
    parameters = stack_parameters(options, provider)
    outputs = deploy.deploy(children, aws, built, parameters, space.temporary)
    api_url = f"{aws.url}/_aws/execute-api/{outputs['ApiId']}/live"
    # The URL is known only after the deployment.
    aws.client("ssm").put_parameter(
        Name=outputs["WebhooksFlagName"], Value=api_url, Type="String", Overwrite=True
    )
    lap("deploy", f"stack {deploy.STACK_NAME}")
    lap("warm-up", f"{warm_up(aws, deploy.STACK_NAME)} functions")
    keys = TableKeys(aws.client, outputs["TableName"], outputs["AuditLogName"])
    key = keys.create({"name": "local", "role": "admin", "unlimited": True})
    return Stack(
        emulator_url=aws.url,
        region=emulator.REGION,
        access_key_id=emulator.ROOT_KEY,
        secret_access_key=emulator.ROOT_KEY,
        stack_name=deploy.STACK_NAME,
        event_bus=outputs["EventBusName"],
        table=outputs["TableName"],
        audit_log=outputs["AuditLogName"],
        assets_bucket=outputs["AssetsBucketName"],
        inbox_bucket=outputs["InboxBucketName"],
        # Not every program can resolve the API's own host name, so this URL uses the emulator's.
        api_url=api_url,
        api_key=key["key"],
        state_machine_arn=outputs["StateMachineArn"],
        provider_url=provider.url,
        provider_admin_url=provider.admin_url,
    )


def stack_parameters(options: Options, provider: simulator.Provider) -> dict[str, str]:
    """Return the template parameters of the local stack; all others keep their defaults."""
    parameters = {
        "Emulator": build.architecture(),
        "ProviderApiKey": provider.key,
        "DurationScale": f"{options.scale:g}",
    }
    if not provider.is_real:
        parameters["ProviderUrl"] = provider.url
        parameters |= SIMULATOR_LIMITS
    if provider.asset_hosts is not None:
        parameters["AssetHosts"] = provider.asset_hosts
    return parameters


def _step_timer(say: Say) -> Callable[[str, str], None]:
    since = time.monotonic()

    def lap(name: str, detail: str) -> None:
        nonlocal since
        now = time.monotonic()
        say(f"  {name:<10}{now - since:5.1f} s  {detail}")
        since = now

    return lap
