"""What makes a build happen again."""

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


def test_the_digest_of_an_untouched_project_stays(template: Path) -> None:
    assert build.digest(template) == build.digest(template)


@pytest.mark.parametrize(
    "name", ["functions/a.py", "thumbnails/a.py", "infra/machine.asl.yaml", "template.yaml"]
)
def test_the_digest_changes_with_every_file_that_a_build_reads(template: Path, name: str) -> None:
    before = build.digest(template)

    (template.parent / name).write_text("changed")

    assert build.digest(template) != before


def test_the_digest_changes_when_a_file_is_renamed(template: Path) -> None:
    before = build.digest(template)

    (template.parent / "functions/a.py").rename(template.parent / "functions/b.py")

    assert build.digest(template) != before


def test_the_digest_changes_with_the_processor(
    template: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    before = build.digest(template)

    monkeypatch.setattr("platform.machine", lambda: "aarch64")

    assert build.digest(template) != before


def test_what_an_interpreter_leaves_behind_does_not_count(template: Path) -> None:
    before = build.digest(template)

    (template.parent / "functions/__pycache__").mkdir()
    (template.parent / "functions/__pycache__/a.pyc").write_text("compiled")

    assert build.digest(template) == before


@pytest.mark.parametrize(
    ("machine", "word"), [("x86_64", "x86_64"), ("arm64", "arm64"), ("aarch64", "arm64")]
)
def test_the_processor_is_named_in_the_words_of_lambda(
    machine: str, word: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platform.machine", lambda: machine)

    assert build.architecture() == word
