"""Imports point inward and have no side effects; checked on the sources and in a new process."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "functions" / "darkroom"
MODULES = sorted(PACKAGE.rglob("*.py"))
HANDLERS = sorted(path.stem for path in (PACKAGE / "handlers").glob("*.py") if path.stem[0] != "_")
ALLOWED_LAYERS = {
    "domain": {"domain"},
    "usecases": {"domain", "ports", "usecases"},
    "ports": {"domain", "ports"},
    "adapters": {"adapters", "domain", "ports"},
    "settings": set(),
    "observability": {"settings"},
    "aws": {"adapters", "observability", "ports", "settings"},
    "app": {"aws", "domain", "settings", "usecases"},
    "api": {"api", "app", "domain", "observability", "ports", "usecases"},
    "handlers": {"api", "app", "domain", "handlers", "observability"},
    "__init__": set(),
}
ALLOWED_LIBRARIES = {
    "domain": {"pydantic", "pydantic_core"},
    "usecases": {"pydantic"},
    "ports": set(),
    "api": {"aws_lambda_powertools", "pydantic", "pydantic_core"},
    "adapters": {"aws_lambda_powertools", "boto3", "botocore", "httpx", "pydantic"},
    "settings": {"pydantic"},
    "observability": {"aws_lambda_powertools", "botocore"},
    "aws": {"boto3", "botocore"},
    "app": set(),
    "handlers": {"aws_lambda_powertools"},
    "__init__": set(),
}
per_module = pytest.mark.parametrize(
    "path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE))
)


def layer(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path) -> Iterator[str]:
    """Yield the dotted name of every import of a module, including those inside functions."""
    for node in ast.walk(ast.parse(path.read_text())):
        match node:
            case ast.Import():
                yield from (alias.name for alias in node.names)
            case ast.ImportFrom(module=module, level=level):
                assert level == 0, "imports are absolute"
                assert module
                yield from (f"{module}.{alias.name}" for alias in node.names)


def test_every_layer_and_handler_is_covered() -> None:
    assert len(MODULES) > 30
    assert {layer(path) for path in MODULES} == ALLOWED_LAYERS.keys() == ALLOWED_LIBRARIES.keys()
    assert "submit" in HANDLERS


@per_module
def test_imports_point_inward(path: Path) -> None:
    layers = {name.split(".")[1] for name in imports(path) if name.startswith("darkroom.")}

    assert layers <= ALLOWED_LAYERS[layer(path)]


@per_module
def test_layer_uses_only_its_allowed_libraries(path: Path) -> None:
    libraries = (
        {name.split(".")[0] for name in imports(path)} - {"darkroom"} - sys.stdlib_module_names
    )

    typing_only = {name for name in libraries if name.startswith("mypy_boto3_")}
    assert libraries - typing_only <= ALLOWED_LIBRARIES[layer(path)]
    assert not typing_only or layer(path) in {"adapters", "aws"}


@per_module
def test_only_settings_reads_the_environment(path: Path) -> None:
    nodes = ast.walk(ast.parse(path.read_text()))
    names = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    names |= {name.rsplit(".", 1)[-1] for name in imports(path)}

    reads = names & {"environ", "environb", "getenv", "getenvb"}
    assert not reads or layer(path) == "settings"


@pytest.mark.parametrize(
    "tool", ["benchmarks", "cli", "infra", "local", "reliability", "simulator"]
)
def test_tools_import_nothing_from_tests(tool: str) -> None:
    modules = sorted((PACKAGE.parents[1] / tool).rglob("*.py"))

    assert modules
    assert not [path for path in modules for name in imports(path) if name.startswith("tests.")]


IMPORT_SCRIPT = """
import sys
sys.path[:0] = [{package!r}]
import socket, boto3, os
def refuse(*_, **__):
    raise AssertionError("must not run at import")
boto3.client = boto3.resource = boto3.Session.client = socket.socket.connect = refuse
import darkroom.settings
darkroom.settings.Settings.read = refuse
from importlib import import_module
for handler in {handlers}:
    assert callable(import_module("darkroom.handlers." + handler).handler)
    for name in ("httpx", "darkroom.api", "darkroom.aws", "darkroom.usecases"):
        assert name not in sys.modules, name + " must be loaded on first use: " + handler
"""


def test_importing_handlers_creates_no_client_and_reads_no_environment() -> None:
    code = IMPORT_SCRIPT.format(package=str(PACKAGE.parent), handlers=HANDLERS)

    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], env={}, capture_output=True, text=True,
        check=False, timeout=120,
    )  # fmt: skip

    assert result.stderr == ""
    assert result.returncode == 0
    assert result.stdout == ""
