"""The environment that the tools we start get: the user's, less what would lead them astray."""

import os

from local.ports import LOOPBACK

LEFT_OUT = ("AWS_", "SAM_", "MINISTACK_", "PROVIDER", "WAVESPEED_", "PYTHON", "VIRTUAL_ENV")


def plain_environment() -> dict[str, str]:
    """Ours without AWS settings, keys of the provider, or another Python's settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(LEFT_OUT)}
    return {**kept, "NO_PROXY": f"{LOOPBACK},localhost", "no_proxy": f"{LOOPBACK},localhost"}
