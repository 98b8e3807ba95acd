"""The wheel of the command line in an environment of its own, on the Pythons of this machine."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from local import paths
from tests.e2e.deployment import Deployment

UV = str(paths.ROOT / ".venv" / "bin" / "uv")
PROJECT = tomllib.loads((paths.ROOT / "pyproject.toml").read_text())["project"]
LOWEST = int(PROJECT["requires-python"].removeprefix(">=3."))
IMPORT_ALL = (
    "import importlib, pkgutil, darkroom_cli\n"
    "for module in pkgutil.walk_packages(darkroom_cli.__path__, 'darkroom_cli.'):\n"
    "    importlib.import_module(module.name)\n"
)


def interpreters() -> dict[str, str]:
    """The lowest and the highest supported Python of this machine, by version."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    candidates = [sys.executable, *map(str, pyenv.glob("3.*/bin/python"))]
    candidates += filter(None, (shutil.which(f"python3.{minor}") for minor in range(LOWEST, 30)))
    found: dict[int, str] = {}
    for candidate in candidates:
        process = subprocess.run(
            [candidate, "-c", "import sys; print(sys.version_info[1])"],
            capture_output=True,
            text=True,
            check=False,
        )
        # A shim of pyenv fails for a version that is not selected.
        if process.returncode == 0 and int(process.stdout) >= LOWEST:
            found.setdefault(int(process.stdout), candidate)
    return {f"3.{minor}": found[minor] for minor in sorted({min(found), max(found)})}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run([UV, "build", "--quiet", "--wheel", "-o", folder, paths.ROOT], check=True)
    (file,) = folder.glob("*.whl")
    return file


@pytest.fixture(scope="module")
def constraints(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pinned versions without hashes: another Python may need other files."""
    file = tmp_path_factory.mktemp("constraints") / "dev.txt"
    pinned = (paths.ROOT / "requirements" / "dev.txt").read_text()
    file.write_text(re.sub(r" \\\n(    --hash=\S+( \\)?\n)+", "\n", pinned))
    return file


@pytest.mark.parametrize("version", interpreters())
def test_installed_program_generates_with_its_own_dependencies(
    deployment: Deployment, wheel: Path, constraints: Path, tmp_path: Path, version: str
) -> None:
    environment = tmp_path / "venv"
    python = str(environment / "bin" / "python")
    subprocess.run(
        [UV, "venv", "--quiet", "--python", interpreters()[version], environment], check=True
    )
    install = [UV, "pip", "install", "--quiet", "--python", python, "-c", str(constraints)]
    subprocess.run([*install, str(wheel)], check=True)
    variables = {
        "PATH": os.environ["PATH"],
        "NO_PROXY": "*",
        "DARKROOM_URL": deployment.stack.api_url,
        "DARKROOM_KEY": deployment.create_key("installed"),
    }
    darkroom = [str(environment / "bin" / "darkroom")]

    def run(*command: str) -> str:
        process = subprocess.run(
            command, cwd=tmp_path, env=variables, capture_output=True, text=True, check=False
        )
        assert process.returncode == 0, process.stderr
        return process.stdout

    assert version in run(python, "--version")
    without = subprocess.run([*darkroom, "mcp"], capture_output=True, text=True, check=False)
    assert without.returncode == 2
    assert ".[mcp]" in without.stderr
    subprocess.run([*install, f"{wheel}[mcp]"], check=True)
    run(python, "-W", "error", "-c", IMPORT_ALL)
    saved = run(*darkroom, "generate", f"A kite on {version} [/red]", "--quality", "low")
    assert (tmp_path / saved.strip()).read_bytes().startswith(b"\x89PNG")
    assert "[/red]" in run(*darkroom, "jobs", "list", "--text", f"on {version}")
