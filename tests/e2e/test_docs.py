"""The examples in the pages, run as they stand against the deployed stack."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from local import paths
from tests.e2e.desk import Desk

PAGES = [paths.ROOT / "README.md", *sorted((paths.ROOT / "docs").glob("*.md"))]


class Example(NamedTuple):
    """A block of code: its page, language and text."""

    page: Path
    language: str
    text: str


EXAMPLES = [
    Example(page, language, text)
    for page in PAGES
    for language, text in re.findall(
        r"^```(sh|python|js)\n(.*?)^```", page.read_text(), re.M | re.S
    )
    if "make " not in text and "sam " not in text  # tested as commands
]


@pytest.fixture(scope="module")
def environment(desk: Desk) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "PYTHONWARNINGS": "error",
        "NODE_PATH": str(paths.STATE / "node" / "node_modules"),
        "DARKROOM_URL": desk.stack.api_url,
        "DARKROOM_KEY": desk.key("reader-of-the-docs"),
        "AWS_ENDPOINT_URL": desk.stack.emulator_url,
        "AWS_ACCESS_KEY_ID": desk.stack.access_key_id,
        "AWS_SECRET_ACCESS_KEY": desk.stack.secret_access_key,
        "AWS_DEFAULT_REGION": desk.stack.region,
        "NO_PROXY": "*",
    }


def test_there_are_examples_of_each_door_and_sdk() -> None:
    languages = [example.language for example in EXAMPLES]

    assert {"sh", "python", "js"} == set(languages)
    assert len(EXAMPLES) >= 8


@pytest.mark.parametrize(
    "example", EXAMPLES, ids=lambda e: f"{e.page.name}:{e.text.splitlines()[0][:30]}"
)
def test_an_example_runs(desk: Desk, environment: dict[str, str], example: Example) -> None:
    text = example.text.replace("<inbox bucket>", desk.stack.inbox_bucket)
    command = {
        "sh": ["bash", "-euc", text.replace("curl ", "curl --fail-with-body ")],
        "python": [sys.executable, "-c", text],
        "js": ["node", "-e", text],
    }[example.language]

    done = subprocess.run(
        command,
        cwd=paths.ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "job_id" in done.stdout or example.language != "sh"
