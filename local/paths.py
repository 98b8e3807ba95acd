"""Paths of the local stack. Its state is in .local/, which git ignores."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STATE = ROOT / ".local"
TEMPLATE = ROOT / "template.yaml"
FUNCTIONS = ROOT / "functions"
BUILDS = STATE / "build"
STACK_FILE = STATE / "stack.json"
STACK_LOCK = STATE / "stack.lock"
OUT = ROOT / "out"
PROJECT_BIN = ROOT / ".venv" / "bin"
EMULATOR_BIN = STATE / "venvs" / "emulator" / "bin"
SAM = STATE / "venvs" / "sam" / "bin" / "sam"


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read. The mode is set at the creation."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
