"""The plugin that fails a run in which collected tests are lost."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.infra.template import ROOT

TESTS = "def test_one():\n    pass\n\n\ndef test_two():\n    pass\n"
EQUAL_IDS = "def pytest_collection_modifyitems(items):\n    items[1] = items[0]\n"
LOADFILE = ("-p", "xdist", "-n", "1", "--dist", "loadfile")  # runs one test of an id


def run(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run two tests with the plugin in a new process."""
    (folder / "test_two_tests.py").write_text(TESTS)
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "tests.completeness", *options],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_run_that_loses_a_test_fails(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(EQUAL_IDS)

    process = run(tmp_path, *LOADFILE)

    assert process.returncode == 1, process.stdout
    assert "1 of 2 collected tests were not run" in process.stdout


@pytest.mark.parametrize("options", [LOADFILE, ("-k", "one"), ("--exitfirst",)])
def test_run_of_all_selected_tests_passes(tmp_path: Path, options: tuple[str, ...]) -> None:
    process = run(tmp_path, *options)

    assert process.returncode == 0, process.stdout
