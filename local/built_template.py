"""The last step of a build, on this machine and for AWS: code as ZIP files, machines as JSON."""

import compileall
import hashlib
import json
import shutil
import zipfile
from pathlib import Path
from py_compile import PycInvalidationMode
from typing import Any

import yaml

from local.errors import LocalError

FUNCTION = "AWS::Serverless::Function"
STATE_MACHINE = "AWS::Serverless::StateMachine"


class _Loader(yaml.SafeLoader):
    """A YAML loader that converts CloudFormation's short tags to their long forms."""


def _intrinsic(loader: yaml.SafeLoader, tag: str, node: yaml.Node) -> dict[str, Any]:
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
        if tag == "GetAtt":
            value = value.split(".", 1)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        assert isinstance(node, yaml.MappingNode)  # noqa: S101 - the only remaining kind
        value = loader.construct_mapping(node, deep=True)
    return {tag if tag in {"Ref", "Condition"} else f"Fn::{tag}": value}


_Loader.add_multi_constructor("!", _intrinsic)


def load_template(path: Path) -> dict[str, Any]:
    """Return a template as plain data."""
    template: dict[str, Any] = yaml.load(path.read_text(), Loader=_Loader)  # noqa: S506 - safe
    return template


def finish(path: Path, emulator: str = "none") -> None:
    """Zip the code of the template's functions and convert its state machines to JSON.

    `emulator` is the value of the parameter Emulator for which the code was built. The built
    template accepts no other value: functions of another architecture would crash at import.
    The template is written as JSON, which is YAML too: SAM reads it faster.
    """
    template = load_template(path)
    template["Parameters"]["Emulator"] |= {"Default": emulator, "AllowedValues": [emulator]}
    resources = template["Resources"]
    _zip_code([r["Properties"] for r in resources.values() if r["Type"] == FUNCTION], path.parent)
    for name, resource in resources.items():
        if resource["Type"] == STATE_MACHINE:
            _convert_machine(name, resource["Properties"], path.parent)
    path.write_text(json.dumps(template, indent=2, default=str))  # YAML has dates


def _zip_code(functions: list[dict[str, Any]], folder: Path) -> None:
    """Replace the code folder of each function by a ZIP file, one for functions of equal code.

    SAM builds a folder per function, and would zip and upload each of them.
    """
    archives: dict[str, str] = {}
    for properties in functions:
        code = folder / properties["CodeUri"]
        name = archives.setdefault(_digest(code), f"{properties['CodeUri']}.zip")
        if not (folder / name).exists():
            _compile(code)
            _write_zip(folder / name, code)
        shutil.rmtree(code)
        properties["CodeUri"] = name


def _compile(code: Path) -> None:
    """Compile the code: Lambda's read-only disk cannot cache compiled bytecode.

    The bytecode is unchecked, so that a cold start does not compare it with its source.
    """
    mode = PycInvalidationMode.UNCHECKED_HASH
    if not compileall.compile_dir(code, stripdir=str(code), quiet=1, invalidation_mode=mode):
        raise LocalError(f"the built functions do not compile: {code}")


def _write_zip(target: Path, code: Path) -> None:
    """Write a ZIP file that depends only on the names and contents of the files."""
    with zipfile.ZipFile(target, "w") as archive:
        for path in _files(code):
            entry = zipfile.ZipInfo(path.relative_to(code).as_posix())  # with a fixed date
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED)


def _digest(code: Path) -> str:
    total = hashlib.sha256()
    for path in _files(code):
        total.update(f"{path.relative_to(code).as_posix()}\n".encode())
        total.update(path.read_bytes())
    return total.hexdigest()


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _convert_machine(name: str, properties: dict[str, Any], folder: Path) -> None:
    """Write a definition as JSON next to the template; the emulator reads no YAML from S3."""
    definition = yaml.safe_load((folder / properties["DefinitionUri"]).read_text())
    target = folder / f"{name}.asl.json"
    target.write_text(json.dumps(definition, indent=2, ensure_ascii=False))
    properties["DefinitionUri"] = target.name
