"""The deployment to call: from options, the environment, the config file or the local stack."""

import json
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from darkroom_cli.errors import CliError, Exit

_HOW_TO_CONFIGURE = """Set the URL and the key in one of these places:
  --url and --key
  DARKROOM_URL and DARKROOM_KEY in the environment
  {config}, with the lines: url = "https://…" and key = "dk_…"
  a local stack: run `make up` in a checkout, and call darkroom inside it"""
_STACK = Path(".local") / "stack.json"


@dataclass(frozen=True)
class Target:
    """The URL of a deployment, and an API key for it."""

    url: str
    key: str = field(repr=False)


def find(url: str | None, key: str | None, environment: Mapping[str, str], folder: Path) -> Target:
    """Return the first URL and the first key that are configured, possibly of different sources.

    Raises CliError if one is missing.
    """
    config = config_file(environment)
    sources = [
        ("--url", {"url": url, "key": key}),
        ("DARKROOM_URL", _from_environment(environment)),
        (str(config), _from_config(config)),
        (str(_STACK), _from_stack(folder)),
    ]
    first_url, source = _first(sources, "url")
    first_key, _ = _first(sources, "key")
    if first_url is None or first_key is None:
        missing = "deployment URL" if first_url is None else "API key"
        message = f"No {missing} is configured."
        raise CliError(Exit.NO_TARGET, message, _HOW_TO_CONFIGURE.format(config=config))
    if not first_url.startswith(("https://", "http://")):
        message = f"The URL from {source} does not begin with https://."
        raise CliError(Exit.NO_TARGET, message, "Use the stack output ApiUrl.")
    if not is_header(first_key):
        message = "The API key has characters that no key has."
        raise CliError(Exit.REFUSED_KEY, message, "A key is dk_ and letters, digits, - and _.")
    return Target(first_url.rstrip("/"), first_key)


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


def _first(sources: list[tuple[str, dict[str, str | None]]], part: str) -> tuple[str | None, str]:
    for source, values in sources:
        if values.get(part):
            return values[part], source
    return None, ""


def _from_environment(environment: Mapping[str, str]) -> dict[str, str | None]:
    return {"url": environment.get("DARKROOM_URL"), "key": environment.get("DARKROOM_KEY")}


def _from_config(path: Path) -> dict[str, str | None]:
    try:
        config = tomllib.loads(path.read_text("utf-8-sig"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        hint = 'The file needs two lines: url = "https://…" and key = "dk_…"'
        raise CliError(Exit.NO_TARGET, f"Cannot read {path}: {error}", hint) from None
    return {name: str(config[name]) for name in ("url", "key") if config.get(name)}


def local_stack(folder: Path) -> dict[str, str]:
    """Return the addresses and keys of the stack of `make up`; empty if none is up."""
    root = checkout(folder)
    if root is None:
        return {}
    try:
        stack = json.loads((root / _STACK).read_text())
    except (OSError, ValueError):
        return {}
    return stack if isinstance(stack, dict) else {}


def _from_stack(folder: Path) -> dict[str, str | None]:
    stack = local_stack(folder)
    return {"url": stack.get("api_url"), "key": stack.get("api_key")}
