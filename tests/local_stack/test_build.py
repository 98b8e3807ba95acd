"""The digest that decides whether a build is repeated."""

from pathlib import Path

import pytest

from local import build


@pytest.fixture
def template(tmp_path: Path) -> Path:
    for name in ("functions/a.py", "thumbnails/a.py", "infra/machine.asl.yaml", "template.yaml"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(name)
    return tmp_path / "template.yaml"


@pytest.mark.parametrize(
    "name", ["functions/a.py", "thumbnails/a.py", "infra/machine.asl.yaml", "template.yaml"]
)
def test_digest_changes_with_every_source_file(template: Path, name: str) -> None:
    before = build.digest(template)

    (template.parent / name).write_text("changed")

    assert build.digest(template) != before


def test_digest_ignores_bytecode(template: Path) -> None:
    before = build.digest(template)

    (template.parent / "functions/__pycache__").mkdir()
    (template.parent / "functions/__pycache__/a.pyc").write_text("compiled")

    assert build.digest(template) == before


@pytest.mark.parametrize(
    ("machine", "expected"), [("x86_64", "x86_64"), ("arm64", "arm64"), ("aarch64", "arm64")]
)
def test_architecture_has_a_lambda_name(
    machine: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platform.machine", lambda: machine)

    assert build.architecture() == expected
