"""CI workflows and hooks: make targets, pinned actions, minimal permissions, no stored secrets."""

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
ATTEST = "actions/attest@"
ZIZMOR = Path(sys.executable).with_name("zizmor")


def load(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(path.read_text())
    return document


def steps(path: Path) -> list[dict[str, Any]]:
    return [step for job in load(path)["jobs"].values() for step in job["steps"]]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_action_is_pinned_to_a_commit_with_a_version_comment(path: Path) -> None:
    uses = re.findall(r"uses: (.+)", path.read_text())

    assert uses
    for action in uses:
        assert re.fullmatch(r"[\w-]+/[\w-]+(/[\w-]+)?@[0-9a-f]{40} # v\d+\.\d+\.\d+", action), (
            action
        )


def test_actions_of_one_repository_have_one_version() -> None:
    versions: dict[str, set[str]] = {}
    for path in FILES:
        for repository, version in re.findall(r"uses: ([\w-]+/[\w-]+)\S*@(.+)", path.read_text()):
            versions.setdefault(repository, set()).add(version)

    assert [name for name, found in versions.items() if len(found) > 1] == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_commands_are_make_targets(path: Path) -> None:
    for command in [step["run"] for step in steps(path) if "run" in step]:
        assert command.split()[0] == "make"
        assert command.split()[1] in TARGETS


PERMISSIONS = {
    "ci": {"contents": "read"},
    "codeql": {"contents": "read", "security-events": "write"},
    "deploy": {"contents": "read", "id-token": "write"},
    "release": {
        "contents": "write", "id-token": "write", "attestations": "write",
        "artifact-metadata": "write",
    },
    "secrets": {"contents": "read"},
}  # fmt: skip


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_workflow_has_minimal_permissions_and_no_secrets(path: Path) -> None:
    assert load(path)["permissions"] == {}
    job_permissions = [job["permissions"] for job in load(path)["jobs"].values()]
    assert job_permissions == [PERMISSIONS[path.stem]]
    assert "secrets." not in path.read_text()


def test_release_is_attested_before_it_is_published() -> None:
    """The archive and its bill of materials have a signed provenance."""
    found = steps(ROOT / ".github/workflows/release.yml")
    works = [step.get("run") or step["uses"].partition("@")[0] for step in found]

    assert works[-4:] == ["make package", "actions/attest", "actions/attest", "make publish"]
    provenance, bill = (step["with"] for step in found if step.get("uses", "").startswith(ATTEST))
    assert provenance == {"subject-path": "dist/*"}
    assert bill == {
        "subject-path": "dist/darkroom.tar.gz", "sbom-path": "dist/darkroom.cdx.json"
    }  # fmt: skip


def test_each_language_of_the_code_is_analyzed() -> None:
    (job,) = load(ROOT / ".github/workflows/codeql.yml")["jobs"].values()

    assert job["strategy"]["matrix"]["language"] == ["python", "javascript-typescript", "actions"]


def test_whole_history_is_scanned_for_secrets() -> None:
    checkout, scan = steps(ROOT / ".github/workflows/secrets.yml")

    assert checkout["with"]["fetch-depth"] == 0
    version = re.search(
        r"trufflehog@\w+ # v(\S+)", (ROOT / ".github/workflows/secrets.yml").read_text()
    )
    assert version is not None
    assert scan["with"]["version"] == version[1]


@pytest.mark.linters
def test_zizmor_accepts_the_workflows() -> None:
    status, output = run(ZIZMOR, "--offline", "--no-progress", *FILES)

    assert status == 0, output
    assert "No findings to report" in output


@pytest.mark.linters
def test_zizmor_reports_an_unpinned_action(tmp_path: Path) -> None:
    unpinned = tmp_path / "ci.yml"
    unpinned.write_text(re.sub("@[0-9a-f]{40}", "@v5", FILES[0].read_text()))

    status, output = run(ZIZMOR, "--offline", "--no-progress", unpinned)

    assert status != 0
    assert "unpinned" in output


def test_github_ci_runs_the_target_of_the_project_ci() -> None:
    (project_ci,) = re.findall(r"exec (make \w+)", (ROOT / ".ci/run").read_text())

    assert any(step.get("run", "").startswith(project_ci) for step in steps(FILES[0]))


def test_hooks_are_make_targets() -> None:
    (repo,) = load(ROOT / ".pre-commit-config.yaml")["repos"]

    assert repo["repo"] == "local"
    for hook in repo["hooks"]:
        make, target = hook["entry"].split()
        assert (make, target in TARGETS) == ("make", True)
