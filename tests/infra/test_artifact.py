"""What ships: functions/ with its own requirements, and nothing that only a developer has."""

import ast
import re
import subprocess
import sys
from importlib.metadata import distributions, requires
from pathlib import Path

import pytest

from tests.infra.template import ROOT, functions, properties

PACKAGE = ROOT / "functions/darkroom"
SHIPPED = ROOT / "functions/requirements.txt"
THUMBNAILS = ROOT / "thumbnails/requirements.txt"
LOCKS = [SHIPPED, THUMBNAILS, *sorted((ROOT / "requirements").glob("*.txt"))]
# In every Lambda runtime of Python.
RUNTIME = {"boto3", "botocore"}


def pinned(lock: Path) -> dict[str, str]:
    """Return each package and its version."""
    return dict(re.findall(r"^([\w.-]+)(?:\[[^\]]*\])?==([^\s;\\]+)", lock.read_text(), re.M))


def modules_of(packages: set[str]) -> set[str]:
    """Return the top-level modules that these installed packages bring."""
    found: set[str] = set()
    for distribution in distributions():
        if normal(distribution.name) in packages:
            for file in distribution.files or ():
                found.add(file.parts[0].removesuffix(".py").split(".")[0])
    return found


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def imports(path: Path) -> set[str]:
    """Return the top-level modules that a file imports when it is run, type checking aside."""
    found: set[str] = set()
    tree = ast.parse(path.read_text())
    unseen = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if node in unseen:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.split(".")[0])
    return found


def test_the_code_imports_only_what_ships_with_it() -> None:
    allowed = modules_of({normal(name) for name in pinned(SHIPPED)})
    allowed |= sys.stdlib_module_names | RUNTIME | {"darkroom"}

    for path in PACKAGE.rglob("*.py"):
        assert imports(path) <= allowed, path


def test_the_thumbnails_import_only_what_ships_with_them() -> None:
    allowed = modules_of({normal(name) for name in pinned(THUMBNAILS)})

    found = imports(ROOT / "thumbnails/thumbnail.py")
    assert found <= allowed | sys.stdlib_module_names | RUNTIME


def test_what_ships_needs_nothing_that_does_not() -> None:
    shipped = {normal(name) for name in pinned(SHIPPED)}

    for package in shipped:
        for requirement in requires(package) or ():
            name, _, marker = requirement.partition(";")
            if not marker:  # extras and other Pythons have one
                needed = re.match(r"[\w.-]+", name)
                assert needed, requirement
                assert normal(needed[0]) in shipped, f"{package} needs {needed[0]}"


def test_the_runtimes_own_packages_do_not_ship() -> None:
    assert not {"boto3", "botocore", "s3transfer", "urllib3"} & set(pinned(SHIPPED))


def test_the_development_environment_has_the_versions_that_ship() -> None:
    development = pinned(ROOT / "requirements/dev.txt")

    for lock in (SHIPPED, THUMBNAILS):
        for name, version in pinned(lock).items():
            assert development[name] == version, name


def test_every_handler_can_be_imported_before_anything_is_configured() -> None:
    """In a process of its own, without any variable: nothing happens at import."""
    modules = [properties(name)["Handler"].rpartition(".")[0] for name in functions()]
    blocked = "import socket; socket.socket = None"  # no client may be opened either

    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", f"import {', '.join(modules)}; {blocked}"],
        env={"PYTHONPATH": f"{ROOT / 'functions'}:{ROOT / 'thumbnails'}", "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.stem)
def test_every_requirement_is_pinned_with_a_hash(lock: Path) -> None:
    text = lock.read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]

    assert lines
    for line in lines:
        assert re.match(r"[\w.-]+(\[[\w,-]+\])?==\S+ ", line), line
        assert "--hash=sha256:" in line, line


def test_no_tracked_file_names_where_packages_come_from() -> None:
    """The list of packages is the project's, the registry is whoever's machine it is."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],  # noqa: S607
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    setting = re.compile(r"--(extra-)?index-url|--find-links|index-url\s*=|registry\s*=")
    registry = re.compile(r"https?://[^\s\"')]*\b(pypi|npmjs|simple/|artifactory|nexus)", re.I)

    for name in listed:
        path = ROOT / name
        if name == "tests/infra/test_artifact.py" or not path.is_file():
            continue
        text = path.read_bytes().decode(errors="ignore")
        assert not setting.search(text), name
        if path.suffix != ".md":  # a page may link to a package
            assert not registry.search(text), name
