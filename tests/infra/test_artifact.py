"""The deployment artifact: functions/ with pinned requirements and without development packages."""

import ast
import re
import subprocess
import sys
from importlib.metadata import distributions, requires
from pathlib import Path

import pytest

from tests.infra.template import ROOT

PACKAGE = ROOT / "functions/darkroom"
SHIPPED = ROOT / "functions/requirements.txt"
THUMBNAILS = ROOT / "thumbnails/requirements.txt"
LOCKS = [SHIPPED, THUMBNAILS, *sorted((ROOT / "requirements").glob("*.txt"))]
# Included in every Python Lambda runtime.
RUNTIME = {"boto3", "botocore"}


def pinned(lock: Path) -> dict[str, str]:
    """Return each package and its version."""
    return dict(re.findall(r"^([\w.-]+)(?:\[[^\]]*\])?==([^\s;\\]+)", lock.read_text(), re.M))


def modules_of(packages: set[str]) -> set[str]:
    """Return the top-level modules of the installed packages."""
    modules: set[str] = set()
    for distribution in distributions():
        if normalized(distribution.name) in packages:
            for file in distribution.files or ():
                modules.add(file.parts[0].removesuffix(".py").split(".")[0])
    return modules


def normalized(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def imports(path: Path) -> set[str]:
    """Return the top-level modules that a file imports, without imports for type checking."""
    modules: set[str] = set()
    tree = ast.parse(path.read_text())
    type_checking_nodes = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if node in type_checking_nodes:
            continue
        if isinstance(node, ast.Import):
            modules |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            modules.add(node.module.split(".")[0])
    return modules


def test_functions_import_only_shipped_packages() -> None:
    allowed = modules_of({normalized(name) for name in pinned(SHIPPED)})
    allowed |= sys.stdlib_module_names | RUNTIME | {"darkroom"}

    for path in PACKAGE.rglob("*.py"):
        assert imports(path) <= allowed, path


def test_thumbnails_import_only_shipped_packages() -> None:
    allowed = modules_of({normalized(name) for name in pinned(THUMBNAILS)})

    modules = imports(ROOT / "thumbnails/thumbnail.py")
    assert modules <= allowed | sys.stdlib_module_names | RUNTIME


def test_requirements_of_shipped_packages_are_shipped() -> None:
    shipped = {normalized(name) for name in pinned(SHIPPED)}

    for package in shipped:
        for requirement in requires(package) or ():
            name, _, marker = requirement.partition(";")
            if not marker:  # extras and other Python versions have a marker
                requirement_name = re.match(r"[\w.-]+", name)
                assert requirement_name, requirement
                assert normalized(requirement_name[0]) in shipped, (
                    f"{package} needs {requirement_name[0]}"
                )


def test_packages_of_the_runtime_are_not_shipped() -> None:
    assert not {"boto3", "botocore", "s3transfer", "urllib3"} & set(pinned(SHIPPED))


def test_development_requirements_have_the_shipped_versions() -> None:
    development = pinned(ROOT / "requirements/dev.txt")

    for lock in (SHIPPED, THUMBNAILS):
        for name, version in pinned(lock).items():
            assert development[name] == version, name


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.stem)
def test_requirements_are_pinned_with_hashes(lock: Path) -> None:
    text = lock.read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]

    assert lines
    for line in lines:
        assert re.match(r"[\w.-]+(\[[\w,-]+\])?==\S+ ", line), line
        assert "--hash=sha256:" in line, line


def test_tracked_files_name_no_package_registry() -> None:
    """Requirements name packages only; each machine configures its own registry."""
    tracked_files = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],  # noqa: S607
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    index_setting = re.compile(r"--(extra-)?index-url|--find-links|index-url\s*=|registry\s*=")
    registry = re.compile(r"https?://[^\s\"')]*\b(pypi|npmjs|simple/|artifactory|nexus)", re.I)

    for name in tracked_files:
        path = ROOT / name
        if name == "tests/infra/test_artifact.py" or not path.is_file():
            continue
        text = path.read_bytes().decode(errors="ignore")
        assert not index_setting.search(text), name
        if path.suffix != ".md":  # a page may link to a package
            assert not registry.search(text), name
