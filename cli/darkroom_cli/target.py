"""Which deployment: by flags, the environment, one's own file, or the stack that is up here."""

import json
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from darkroom_cli.errors import CliError, Exit

_WAYS = """Name one by any of these:
  --url and --key
  DARKROOM_URL and DARKROOM_KEY in the environment
  {config}, with lines like: url = "https://…" and key = "dk_…"
  a local stack: `make up` in a checkout, and call darkroom inside it"""
_STACK = Path(".local") / "stack.json"


@dataclass(frozen=True)
class Target:
    """Where a deployment is, and the key that opens it."""

    url: str
    key: str = field(repr=False)


def find(url: str | None, key: str | None, environment: Mapping[str, str], here: Path) -> Target:
    """Return the first that is named, each part by itself; raises CliError if one is missing."""
    config = config_file(environment)
    sources = [
        ("the flags", {"url": url, "key": key}),
        ("the environment", _of_environment(environment)),
        (str(config), _of_config(config)),
        (".local/stack.json", _of_stack(here)),
    ]
    found_url, where = _first(sources, "url")
    found_key, _ = _first(sources, "key")
    if found_url is None or found_key is None:
        missing = "deployment" if found_url is None else "key"
        raise CliError(Exit.NO_TARGET, f"no {missing} is named", _WAYS.format(config=config))
    if not found_url.startswith(("https://", "http://")):
        raise CliError(Exit.NO_TARGET, f"{where} names no URL", "It begins with https://")
    return Target(found_url.rstrip("/"), found_key)


def config_file(environment: Mapping[str, str]) -> Path:
    """Return where the file of one's own is, whether there is one or not."""
    root = environment.get("XDG_CONFIG_HOME") or Path(environment.get("HOME", "~")) / ".config"
    return Path(root) / "darkroom" / "config.toml"


def checkout(here: Path) -> Path | None:
    """Return the checkout that one stands in."""
    for folder in (here, *here.parents):
        if (folder / "template.yaml").is_file() and (folder / "Makefile").is_file():
            return folder
    return None


def _first(sources: list[tuple[str, dict[str, str | None]]], part: str) -> tuple[str | None, str]:
    for name, values in sources:
        if values.get(part):
            return values[part], name
    return None, ""


def _of_environment(environment: Mapping[str, str]) -> dict[str, str | None]:
    return {"url": environment.get("DARKROOM_URL"), "key": environment.get("DARKROOM_KEY")}


def _of_config(path: Path) -> dict[str, str | None]:
    try:
        told = tomllib.loads(path.read_text())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        hint = 'It has two lines: url = "https://…" and key = "dk_…"'
        raise CliError(Exit.NO_TARGET, f"{path} cannot be read: {error}", hint) from None
    return {name: str(told[name]) for name in ("url", "key") if told.get(name)}


def _of_stack(here: Path) -> dict[str, str | None]:
    root = checkout(here)
    if root is None:
        return {}
    try:
        told = json.loads((root / _STACK).read_text())
    except (OSError, ValueError):
        return {}
    return {"url": told.get("api_url"), "key": told.get("api_key")}


def here() -> Path:
    """Return the folder that one stands in."""
    return Path(os.environ.get("PWD") or Path.cwd())
