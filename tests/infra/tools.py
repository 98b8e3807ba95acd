"""Run the linters; `make setup` installs each linter in its own environment under .local/."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.infra.template import ROOT

_LOCAL = ROOT / ".local"
CFN_LINT = _LOCAL / "venvs/sam/bin/cfn-lint"
CHECKOV = _LOCAL / "venvs/checkov/bin/checkov"
ASL_VALIDATOR = _LOCAL / "node/node_modules/.bin/asl-validator"


def run(tool: Path, *arguments: str | Path, stdin: str | None = None) -> tuple[int, str]:
    """Run a tool offline; return its exit code and output. Fail the test if the tool is missing."""
    if not tool.exists():
        pytest.fail(f"{tool.relative_to(ROOT)} is missing: run `make setup`", pytrace=False)
    process = subprocess.run(
        [tool, *arguments],
        cwd=ROOT,
        env={
            "PATH": os.environ["PATH"],
            "HOME": os.environ["HOME"],
            "AWS_DEFAULT_REGION": "us-east-1",
        },
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    return process.returncode, process.stdout + process.stderr
