"""The environment of child processes: the user's, without settings that change their target."""

import os

from local.ports import LOOPBACK

EXCLUDED_PREFIXES = (
    "AWS_",
    "SAM_",
    "MINISTACK_",
    "PROVIDER",
    "WAVESPEED_",
    "PYTHON",
    "VIRTUAL_ENV",
)


def plain_environment() -> dict[str, str]:
    """Return this environment without AWS settings, provider keys and Python settings."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(EXCLUDED_PREFIXES)
    }
    return {**kept, "NO_PROXY": f"{LOOPBACK},localhost", "no_proxy": f"{LOOPBACK},localhost"}
