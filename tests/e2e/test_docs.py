"""Examples in the documentation, run unchanged against the deployed stack."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from local import paths
from tests.e2e.deployment import Deployment

PAGES = [paths.ROOT / "README.md", *sorted((paths.ROOT / "docs").glob("*.md"))]


class Example(NamedTuple):
    """A code block with its page and language."""

    page: Path
    language: str
    text: str


EXAMPLES = [
    Example(page, language, text)
    for page in PAGES
    for language, text in re.findall(
        r"^```(sh|python|js)\n(.*?)^```", page.read_text(), re.M | re.S
    )
    # `make` and `sam` are tested as commands, and a URL with … needs a deployment on AWS.
    if not re.search(r"make |sam |https://…", text)
]


@pytest.fixture(scope="module")
def environment(deployment: Deployment) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "PYTHONWARNINGS": "error",
        "NODE_PATH": str(paths.STATE / "node" / "node_modules"),
        "DARKROOM_URL": deployment.stack.api_url,
        "DARKROOM_KEY": deployment.create_key("reader-of-the-docs"),
        "AWS_ENDPOINT_URL": deployment.stack.emulator_url,
        "AWS_ACCESS_KEY_ID": deployment.stack.access_key_id,
        "AWS_SECRET_ACCESS_KEY": deployment.stack.secret_access_key,
        "AWS_DEFAULT_REGION": deployment.stack.region,
        "NO_PROXY": "*",
    }


def test_examples_cover_all_languages() -> None:
    languages = [example.language for example in EXAMPLES]

    assert {"sh", "python", "js"} == set(languages)
    assert len(EXAMPLES) >= 8


@pytest.mark.parametrize(
    "example", EXAMPLES, ids=lambda e: f"{e.page.name}:{e.text.splitlines()[0][:30]}"
)
def test_example_runs(
    deployment: Deployment, environment: dict[str, str], example: Example
) -> None:
    text = example.text.replace("<inbox bucket>", deployment.stack.inbox_bucket)
    command = {
        "sh": ["bash", "-euc", text.replace("curl ", "curl --fail-with-body ")],
        "python": [sys.executable, "-c", text],
        "js": ["node", "-e", text],
    }[example.language]

    process = subprocess.run(
        command,
        cwd=paths.ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    assert process.returncode == 0, process.stdout + process.stderr
    assert "job_id" in process.stdout or example.language != "sh"
