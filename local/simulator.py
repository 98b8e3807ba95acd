"""Select the provider: a new simulator, a provider that already runs, or WaveSpeed."""

import json
import os
import secrets
import socket
import sys
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import BaseModel

from local import paths
from local.built_template import load_template
from local.environment import plain_environment
from local.errors import LocalError
from local.options import Options
from local.processes import Child, Supervisor
from local.waiting import until

START_SECONDS = 30
# Durations are random. With this seed, none of the first images is the one in a hundred that takes
# five times as long.
SEED = 3
LOOPBACK_HOSTS = "127.0.0.1,localhost"


class Ready(BaseModel):
    """The addresses that the simulator prints when it listens."""

    provider_url: str
    provider_admin_url: str
    cdn_url: str
    pid: int


@dataclass(frozen=True)
class Provider:
    """A provider's URL and key, and the allowed hosts of its outputs (None: the default)."""

    url: str
    key: str = field(repr=False)
    admin_url: str | None = None
    asset_hosts: str | None = None
    is_real: bool = False


def provider(options: Options, supervisor: Supervisor, temporary: Path) -> Provider:
    """Return the provider that the options select; start the simulator if it is selected."""
    if options.provider == "wavespeed" and options.wavespeed_api_key is not None:
        url = load_template(paths.TEMPLATE)["Parameters"]["ProviderUrl"]["Default"]
        return Provider(url, options.wavespeed_api_key.get_secret_value(), is_real=True)
    if options.provider_url is not None and options.provider_key is not None:
        _require_listener(options.provider_url)
        key = options.provider_key.get_secret_value()
        is_local = urlsplit(options.provider_url).hostname in LOOPBACK_HOSTS.split(",")
        return Provider(options.provider_url, key, asset_hosts=LOOPBACK_HOSTS if is_local else None)
    return start(supervisor, temporary, time_scale=options.scale)


def start(supervisor: Supervisor, temporary: Path, *, time_scale: float) -> Provider:
    """Start the simulator on free ports and wait until it listens."""
    key = f"sim-{secrets.token_hex(12)}"
    ready_file = temporary / "provider.json"
    argv = [sys.executable, "-m", "simulator", "--api-port", "0", "--cdn-port", "0"]
    argv += ["--key", key, "--time-scale", str(time_scale), "--ready-file", str(ready_file)]
    argv += ["--seed", str(SEED)]
    environment = {
        **plain_environment(),
        "PYTHONPATH": os.pathsep.join([str(paths.ROOT), str(paths.FUNCTIONS)]),
        "TMPDIR": str(temporary),
    }
    child = supervisor.start("provider", argv, environment)
    ready = until(
        lambda: _ready(child, ready_file), seconds=START_SECONDS, what="the start of the simulator"
    )
    return Provider(
        ready.provider_url, key, admin_url=ready.provider_admin_url, asset_hosts=LOOPBACK_HOSTS
    )


def _require_listener(url: str) -> None:
    address = urlsplit(url)
    port = address.port or (443 if address.scheme == "https" else 80)
    try:
        socket.create_connection((address.hostname or "", port), timeout=5).close()
    except OSError as error:
        raise LocalError(f"PROVIDER_URL: no connection to {url} ({error.strerror})") from None


def _ready(child: Child, ready_file: Path) -> Ready | None:
    child.require_alive()
    if not ready_file.exists():
        return None
    text = ready_file.read_text()
    return Ready.model_validate(json.loads(text)) if text.endswith("\n") else None
