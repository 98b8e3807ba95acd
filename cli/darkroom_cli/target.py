"""The deployment to call: from options, the environment, the config file or the local stack."""

import ipaddress
import json
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from darkroom_cli.errors import CliError, Exit

_HOW_TO_CONFIGURE = """Set both the URL and the key in one of these places:
  --url and --key, or DARKROOM_URL and DARKROOM_KEY in the environment
  {config}, with the lines: url = "https://…" and key = "dk_…"
  a local stack: run `make up` in a checkout, and call darkroom inside it"""
_STACK = Path(".local") / "stack.json"


@dataclass(frozen=True)
class Target:
    """The URL of a deployment, and an API key for it."""

    url: str
    key: str = field(repr=False)

    @property
    def is_loopback(self) -> bool:
        """Whether the deployment is on this machine."""
        return is_loopback(self.url)


@dataclass(frozen=True)
class _Source:
    """A URL and a key that are set in one place."""

    name: str
    url: str | None
    key: str | None = field(repr=False)

    @property
    def is_set(self) -> bool:
        return bool(self.url or self.key)


def find(url: str | None, key: str | None, environment: Mapping[str, str], folder: Path) -> Target:
    """Return the URL and the key of the first source that sets one of them. Raises CliError.

    A key is never sent to a URL of another source: the working directory, and with it the file of
    the local stack, can be of another person.
    """
    config = config_file(environment)
    source = _from_command(url, key, environment)
    if not source.is_set:
        source = _from_config(config)
    if not source.is_set:
        source = _from_stack(folder)
    if not source.url or not source.key:
        message = "No deployment URL is configured."
        if source.is_set:
            found, missing = ("API key", "URL") if source.key else ("URL", "API key")
            message = f"The {found} is set in {source.name}, but the {missing} is not."
        raise CliError(Exit.NO_TARGET, message, _HOW_TO_CONFIGURE.format(config=config))
    _check_url(source.url, source.name)
    if not is_header(source.key):
        message = "The API key has characters that no key has."
        raise CliError(Exit.REFUSED_KEY, message, "A key is dk_ and letters, digits, - and _.")
    return Target(source.url.rstrip("/"), source.key)


def is_loopback(url: str) -> bool:
    """Return whether the host of a URL is this machine: 127.0.0.0/8, ::1 or localhost."""
    try:
        host = httpx.URL(url).host
    except httpx.InvalidURL:
        return False
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _check_url(url: str, source: str) -> None:
    """Raise CliError if a key must not be sent to the URL."""
    if not url.startswith(("https://", "http://")):
        message = f"The URL from {source} does not begin with https://."
        raise CliError(Exit.NO_TARGET, message, "Use the stack output ApiUrl.")
    if url.startswith("http://") and not is_loopback(url):
        message = f"The URL from {source} begins with http://, which sends the key unencrypted."
        hint = "Use https://. Only a stack on this machine is reached by http://."
        raise CliError(Exit.NO_TARGET, message, hint)


def is_header(text: str) -> bool:
    """Return whether an HTTP header can have the text as its value: ASCII without spaces."""
    return re.fullmatch(r"[!-~]{1,256}", text) is not None


def config_file(environment: Mapping[str, str]) -> Path:
    """Return the path of the user's config file; the file may not exist."""
    root = environment.get("XDG_CONFIG_HOME") or Path(environment.get("HOME", "~")) / ".config"
    return Path(root) / "darkroom" / "config.toml"


def checkout(folder: Path) -> Path | None:
    """Return the root of the checkout that contains the folder, or None."""
    for candidate in (folder, *folder.parents):
        # os.path.isfile returns False for a folder that may not be read.
        if all(os.path.isfile(candidate / name) for name in ("template.yaml", "Makefile")):  # noqa: PTH113
            return candidate
    return None


def current_folder() -> Path:
    """Return the working directory of the shell."""
    try:
        return Path(os.environ.get("PWD") or Path.cwd())
    except OSError:  # the folder was deleted
        return Path()


def _from_command(url: str | None, key: str | None, environment: Mapping[str, str]) -> _Source:
    """Return what the options set, or else the environment."""
    return _Source(
        "the command line or the environment",
        url or environment.get("DARKROOM_URL"),
        key or environment.get("DARKROOM_KEY"),
    )


def _from_config(path: Path) -> _Source:
    try:
        config = tomllib.loads(path.read_text("utf-8-sig"))
    except FileNotFoundError:
        return _Source(str(path), None, None)
    except (OSError, ValueError) as error:
        hint = 'The file needs two lines: url = "https://…" and key = "dk_…"'
        raise CliError(Exit.NO_TARGET, f"Cannot read {path}: {error}", hint) from None
    url, key = (str(config.get(name) or "") for name in ("url", "key"))
    return _Source(str(path), url, key)


def local_stack(folder: Path) -> dict[str, str]:
    """Return the addresses and keys of the stack of `make up`; empty if none is up.

    Raises CliError if an address is not on this machine: `make up` writes only such addresses.
    """
    root = checkout(folder)
    if root is None:
        return {}
    try:
        stack = json.loads((root / _STACK).read_text())
    except (OSError, ValueError):
        return {}
    if not isinstance(stack, dict):
        return {}
    texts = {name: value for name, value in stack.items() if isinstance(value, str) and value}
    for name in ("api_url", "emulator_url"):
        if name in texts and not is_loopback(texts[name]):
            message = f"{name} in {root / _STACK} is not an address of this machine."
            hint = "Delete the file unless it is yours, and start the local stack with: make up"
            raise CliError(Exit.NO_TARGET, message, hint)
    return texts


def _from_stack(folder: Path) -> _Source:
    stack = local_stack(folder)
    return _Source(str(_STACK), stack.get("api_url"), stack.get("api_key"))
