"""Third-party packages: pinned with digests, updated by Dependabot, and listed in the SBOM."""

import json
import re
from pathlib import Path
from typing import Any

import yaml
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from infra.sbom import REQUIREMENTS, sbom
from tests.infra.template import ROOT

NODE = ROOT / "requirements" / "node"


def node_packages() -> dict[str, dict[str, Any]]:
    """Return the packages of the lock file without the root package."""
    packages: dict[str, dict[str, Any]] = json.loads((NODE / "package-lock.json").read_text())[
        "packages"
    ]
    return {name: package for name, package in packages.items() if name}


def test_node_tools_are_pinned_with_digests_and_without_a_registry() -> None:
    packages = node_packages()

    assert packages
    for name, package in packages.items():
        assert package["integrity"].startswith("sha512-"), name
        assert "resolved" not in package, name
    for version in json.loads((NODE / "package.json").read_text())["dependencies"].values():
        assert re.fullmatch(r"\d+\.\d+\.\d+", version)
    assert "omit-lockfile-registry-resolved=true" in (NODE / ".npmrc").read_text()


def test_no_node_tool_runs_a_script_when_it_is_installed() -> None:
    assert "ignore-scripts=true" in (NODE / ".npmrc").read_text()
    assert not [name for name, package in node_packages().items() if "hasInstallScript" in package]


def test_dependabot_updates_every_list_of_packages() -> None:
    updates = yaml.safe_load((ROOT / ".github/dependabot.yml").read_text())["updates"]
    covered = {
        (update["package-ecosystem"], folder)
        for update in updates
        for folder in update.get("directories") or [update["directory"]]
    }

    lists = {("pip", path.parent) for path in [*ROOT.glob("*/requirements.txt")]}
    lists |= {("pip", ROOT / "requirements"), ("pip", ROOT), ("npm", NODE)}
    assert covered == {("github-actions", "/")} | {
        (kind, "/" + str(folder.relative_to(ROOT)).removeprefix(".")) for kind, folder in lists
    }
    assert all(update["cooldown"]["default-days"] >= 7 for update in updates)


def test_sbom_lists_every_package_of_the_functions() -> None:
    pinned = {
        f"pkg:pypi/{name}@{version}"
        for path in REQUIREMENTS
        for name, version in re.findall(r"^([\w.-]+)==([^\s;\\]+)", (ROOT / path).read_text(), re.M)
    }

    document = json.loads(sbom())

    components = {component["purl"]: component for component in document["components"]}
    assert components.keys() == pinned | {"pkg:npm/uplot@1.6.32"}
    for component in components.values():
        assert component["externalReferences"][0]["hashes"]
    assert document["metadata"]["component"]["name"] == "darkroom"


def test_sbom_is_valid() -> None:
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(sbom()) is None


def test_requirements_of_each_artifact_are_in_the_sbom() -> None:
    found = {str(path.relative_to(ROOT)) for path in Path(ROOT).glob("*/requirements.txt")}

    assert found == set(REQUIREMENTS)
