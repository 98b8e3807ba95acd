"""Run `sam build`, with a cache keyed by the content of its inputs."""

import fcntl
import hashlib
import os
import platform
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from local import paths
from local.built_template import finish
from local.environment import plain_environment
from local.errors import LocalError
from local.processes import Supervisor

BUILD_SECONDS = 300
KEPT_BUILDS = 3
RECIPE = "4"  # part of the digest; increase it when this module changes the build output
SOURCES = ("functions", "thumbnails", "infra")
IGNORED = {"__pycache__", ".mypy_cache", ".ruff_cache"}


def architecture() -> str:
    """Return the Lambda architecture of this machine; the emulator runs functions natively."""
    return "arm64" if platform.machine().lower() in {"arm64", "aarch64"} else "x86_64"


def build(supervisor: Supervisor, template: Path = paths.TEMPLATE) -> tuple[Path, bool]:
    """Return the path of the built template and whether a build ran; a lock serialises builds."""
    if not template.exists():
        raise LocalError(f"{template} does not exist")
    target = paths.BUILDS / digest(template)[:16]
    with _locked(paths.STATE / "build.lock"):
        if (target / "template.yaml").exists():
            target.touch()
            return target / "template.yaml", False
        unfinished = target.with_suffix(".unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        _sam_build(supervisor, template, unfinished)
        finish(unfinished / "template.yaml", architecture())
        unfinished.rename(target)
        _remove_old_builds()
    return target / "template.yaml", True


def digest(template: Path) -> str:
    """Return a hash of the build inputs: the template, the source folders, the architecture."""
    total = hashlib.sha256(f"{RECIPE} {architecture()}".encode())
    folder = template.parent
    for path in [template, *(file for name in SOURCES for file in _files(folder / name))]:
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        total.update(f"{path.relative_to(folder).as_posix()} {content}\n".encode())
    return total.hexdigest()


def _files(folder: Path) -> list[Path]:
    files = (path for path in folder.rglob("*") if not IGNORED & set(path.parts))
    return sorted(path for path in files if path.is_file())


def _sam_build(supervisor: Supervisor, template: Path, target: Path) -> None:
    # SAM needs python3.13 on PATH; the project's own interpreter comes first.
    search = f"{paths.PROJECT_BIN}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    environment = {**plain_environment(), "PATH": search, **sam_settings()}
    argv: list[str | Path] = [paths.SAM, "build", "--template-file", template]
    argv += ["--build-dir", target, "--parameter-overrides", f"Emulator={architecture()}"]
    supervisor.run("sam-build", argv, environment, seconds=BUILD_SECONDS)


def sam_settings() -> dict[str, str]:
    """Return SAM CLI settings: no telemetry, state in this clone, no AWS profile."""
    return {
        "SAM_CLI_TELEMETRY": "0",
        "__SAM_CLI_APP_DIR": str(paths.STATE / "sam-cli"),
        "AWS_DEFAULT_REGION": "us-east-1",
    }


def _remove_old_builds() -> None:
    builds = sorted(paths.BUILDS.iterdir(), key=lambda path: path.stat().st_mtime)
    for old in builds[:-KEPT_BUILDS]:
        if old.stat().st_mtime < time.time() - 3600:  # a running deploy may read a newer build
            shutil.rmtree(old, ignore_errors=True)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


if __name__ == "__main__":  # called by `make build` after `sam build`
    finish(paths.ROOT / ".aws-sam" / "build" / "template.yaml")
