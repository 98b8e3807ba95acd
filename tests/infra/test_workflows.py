"""What CI and contributors run: make targets, and actions pinned to commits; no key is kept."""

import re
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.infra.template import ROOT
from tests.infra.tools import run

FILES = sorted((ROOT / ".github/workflows").glob("*.yml"))
TARGETS = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.M))
ZIZMOR = Path(sys.executable).with_name("zizmor")
# What people look for at the top of a repository.
MANNERS = (
    "LICENSE", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", ".pre-commit-config.yaml",
    ".github/pull_request_template.md", ".github/ISSUE_TEMPLATE/bug.yml",
)  # fmt: skip


def load(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(path.read_text())
    return found


def steps(path: Path) -> list[dict[str, Any]]:
    return [step for job in load(path)["jobs"].values() for step in job["steps"]]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_an_action_is_pinned_to_a_commit_with_its_version_beside_it(path: Path) -> None:
    uses = re.findall(r"uses: (.+)", path.read_text())

    assert uses
    for each in uses:
        assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", each), each


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_what_is_run_is_a_make_target(path: Path) -> None:
    commands = [step["run"] for step in steps(path) if "run" in step]

    assert commands
    for command in commands:
        assert command.split()[0] == "make"
        assert command.split()[1] in TARGETS


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_workflow_may_do_nothing_that_its_jobs_do_not_ask_for(path: Path) -> None:
    assert load(path)["permissions"] == {}
    asked = [job["permissions"] for job in load(path)["jobs"].values()]
    allowed = {"contents": "read"} | ({"id-token": "write"} if path.stem == "deploy" else {})
    assert asked == [allowed]
    assert "secrets." not in path.read_text()


@pytest.mark.linters
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_zizmor_has_nothing_to_say_about_a_workflow(path: Path) -> None:
    status, said = run(ZIZMOR, "--offline", "--no-progress", path)

    assert status == 0, said
    assert "No findings to report" in said


@pytest.mark.linters
def test_zizmor_sees_an_action_that_is_not_pinned(tmp_path: Path) -> None:
    broken = tmp_path / "ci.yml"
    broken.write_text(re.sub("@[0-9a-f]{40}", "@v5", FILES[0].read_text()))

    status, said = run(ZIZMOR, "--offline", "--no-progress", broken)

    assert status != 0
    assert "unpinned" in said


def test_ci_is_what_this_projects_own_ci_runs() -> None:
    (own,) = re.findall(r"exec (make \w+)", (ROOT / ".ci/run").read_text())

    assert any(step.get("run", "").startswith(own) for step in steps(FILES[0]))


def test_hooks_are_make_targets() -> None:
    (repo,) = load(ROOT / ".pre-commit-config.yaml")["repos"]

    assert repo["repo"] == "local"
    for hook in repo["hooks"]:
        make, target = hook["entry"].split()
        assert (make, target in TARGETS) == ("make", True)


@pytest.mark.parametrize("name", MANNERS)
def test_there_is(name: str) -> None:
    assert (ROOT / name).stat().st_size > 100
