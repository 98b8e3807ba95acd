"""The AWS emulator: MiniStack as a child process on loopback, with IAM enforced."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import httpx
from botocore.config import Config

from local import paths
from local.errors import LocalError
from local.ports import LOOPBACK, free_port
from local.processes import Child, Supervisor
from local.waiting import until

if TYPE_CHECKING:
    from boto3.session import Session

REGION = "us-east-1"
# The emulator's root credentials: it verifies no signature and no policy for them.
ROOT_KEY = "test"
SERVICES = (
    "apigateway",
    "cloudformation",
    "dynamodb",
    "events",
    "iam",
    "lambda",
    "logs",
    "monitoring",
    "s3",
    "secretsmanager",
    "sqs",
    "ssm",
    "states",
    "sts",
)
CONFIGS = {
    "s3": Config(signature_version="s3v4"),
    # An invocation ends with its function. By default, boto3 would invoke the function a second
    # time after 60 s, while the first invocation still runs or waits.
    "lambda": Config(read_timeout=1000, retries={"total_max_attempts": 1}),
}
LAUNCHER = Path(__file__).with_name("launch_emulator.py")
START_SECONDS = 30
PORT_TAKEN = "already in use"
ATTEMPTS = 3


@dataclass(frozen=True)
class Emulator:
    """A running emulator and its clients."""

    url: str

    @property
    def session(self) -> "Session":
        """A boto3 session with the root credentials, without the user's AWS settings."""
        return boto3.Session(
            aws_access_key_id=ROOT_KEY, aws_secret_access_key=ROOT_KEY, region_name=REGION
        )

    def client(self, service: Any) -> Any:
        """Return a boto3 client of this emulator; S3 URLs have signature version 4."""
        return self.session.client(service, endpoint_url=self.url, config=CONFIGS.get(service))

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables that point AWS tools to this emulator only."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": ROOT_KEY,
            "AWS_SECRET_ACCESS_KEY": ROOT_KEY,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
        }


def start(supervisor: Supervisor, temporary: Path) -> Emulator:
    """Start MiniStack on a free port and wait until it is ready."""
    python = paths.EMULATOR_BIN / "python"
    if not python.exists():
        raise LocalError("the emulator is not installed: run `make setup`")
    for _ in range(ATTEMPTS):
        port = free_port()
        child = supervisor.start("emulator", [python, "-P", LAUNCHER], settings(port, temporary))
        emulator = Emulator(f"http://{LOOPBACK}:{port}")
        try:
            until(partial(_ready, child, emulator.url), seconds=START_SECONDS, what="the start")
        except LocalError as error:
            if PORT_TAKEN not in child.log.read_text(errors="replace"):
                raise LocalError(f"the emulator: {error}", child.log) from None
        else:
            _require_iam(emulator.url)
            return emulator
    raise LocalError(f"other programs took the emulator's port in {ATTEMPTS} attempts", child.log)


def settings(port: int, temporary: Path) -> Mapping[str, str]:
    """Return the whole environment of MiniStack. Functions inherit it, so it has no secrets."""
    return {
        "PATH": f"{paths.EMULATOR_BIN}{os.pathsep}{os.defpath}",
        "HOME": str(temporary),
        "TMPDIR": str(temporary),  # workers unpack code here and do not remove it
        "LANG": "C.UTF-8",
        "GATEWAY_PORT": str(port),
        "BIND_HOST": LOOPBACK,
        "AUTH": "true",
        "SERVICES": ",".join(SERVICES),
        "MINISTACK_REGION": REGION,
        "LAMBDA_EXECUTOR": "local",
        "LAMBDA_ACCOUNT_CONCURRENCY": "16",
        "IOT_MTLS_ENABLED": "0",
        "LOG_LEVEL": "WARNING",
    }


def _ready(child: Child, url: str) -> bool | None:
    child.require_alive()
    try:
        response = httpx.get(f"{url}/_ministack/ready", trust_env=False, timeout=1)
    except httpx.TransportError:
        return None
    return True if response.status_code == httpx.codes.OK else None


def _require_iam(url: str) -> None:
    health = httpx.get(f"{url}/_ministack/health", trust_env=False, timeout=5).json()
    if health.get("auth") != "enabled":
        raise LocalError(
            "the emulator does not enforce IAM: run `make setup` to install the pinned version"
        )
