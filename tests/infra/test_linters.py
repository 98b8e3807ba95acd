"""The linters of the trade over template and state machine; and that each of them can fail."""

import copy
import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.infra.template import ROOT, api, definition, properties, resources
from tests.infra.tools import ASL_VALIDATOR, CFN_LINT, CHECKOV, run

pytestmark = pytest.mark.linters

TEMPLATES = ["template.yaml", "infra/observability.yaml"]


def inlined(machine: dict[str, Any], folder: Path) -> Path:
    """Write a template that holds the definition: cfn-lint does not look into files beside one."""
    text = json.dumps(machine)
    for name in properties("ImageJobStateMachine")["DefinitionSubstitutions"]:
        arn = f"arn:aws:lambda:us-east-1:123456789012:function:{name}"
        text = text.replace(f"${{{name}}}", arn)
    resource = {
        "Type": "AWS::StepFunctions::StateMachine",
        "Properties": {
            "RoleArn": "arn:aws:iam::123456789012:role/machine",
            "DefinitionString": text,
        },
    }
    path = folder / "scratch.json"
    path.write_text(json.dumps({"Resources": {"Machine": resource}}))
    return path


def plain(machine: dict[str, Any], folder: Path) -> Path:
    """Write the definition as asl-validator reads it: JSON."""
    path = folder / "machine.asl.json"
    path.write_text(json.dumps(machine))
    return path


@pytest.fixture
def broken() -> dict[str, Any]:
    """Return the definition to be spoilt."""
    return copy.deepcopy(definition())


@pytest.mark.parametrize("name", TEMPLATES)
def test_cfn_lint_has_nothing_to_say_about_a_template(name: str) -> None:
    assert run(CFN_LINT, name) == (0, "")


def test_cfn_lint_has_nothing_to_say_about_the_state_machine(tmp_path: Path) -> None:
    machine = copy.deepcopy(definition())
    # AWS takes an expression for a time limit in JSONata; cfn-lint's schema wants an integer.
    machine["States"]["WaitForWebhook"]["TimeoutSeconds"] = 60

    assert run(CFN_LINT, inlined(machine, tmp_path)) == (0, "")


def test_cfn_lint_sees_a_state_of_no_type(tmp_path: Path, broken: dict[str, Any]) -> None:
    broken["States"]["WaitBeforeCheck"]["Type"] = "Pause"

    code, said = run(CFN_LINT, inlined(broken, tmp_path))

    assert code != 0
    assert "E3601" in said


def test_asl_validator_finds_the_state_machine_valid(tmp_path: Path) -> None:
    code, said = run(ASL_VALIDATOR, "--json-path", plain(definition(), tmp_path))

    assert code == 0, said


@pytest.mark.parametrize("spoil", ["target", "expression", "mixed"])
def test_asl_validator_sees_what_is_broken(
    tmp_path: Path, broken: dict[str, Any], spoil: str
) -> None:
    match spoil:
        case "target":
            broken["States"]["WaitBeforeCheck"]["Next"] = "Chek"
        case "expression":
            broken["States"]["WaitBeforeCheck"]["Seconds"] = "{% $states.input. %}"
        case _:
            broken["States"]["Check"]["ResultPath"] = "$.result"

    code, said = run(ASL_VALIDATOR, "--json-path", plain(broken, tmp_path))

    assert code != 0, said


@pytest.mark.parametrize("name", TEMPLATES)
def test_checkov_finds_nothing_but_what_is_excused(name: str) -> None:
    code, said = run(CHECKOV, "--file", name)

    assert code == 0, said
    if name == "template.yaml":
        passed = re.search(r"Passed checks: (\d+), Failed checks: 0", said)
        assert passed, said
        assert int(passed[1]) > 20  # it did look


def test_every_template_is_looked_at() -> None:
    nested = {
        given["Properties"]["TemplateURL"]
        for given in resources("AWS::CloudFormation::Stack").values()
    }

    assert {"template.yaml", *nested} == set(TEMPLATES)


@pytest.mark.parametrize("name", TEMPLATES)
def test_every_parameter_is_used_and_says_what_it_is_for(name: str) -> None:
    text = (ROOT / name).read_text()
    document = json.dumps(api()) + text
    section = re.search(r"^Parameters:\n(.*?)^\w", text, re.M | re.S)
    assert section
    blocks = re.findall(r"^  (\w+):\n((?:    .*\n|\n)+)", section[1], re.M)

    assert blocks
    for parameter, block in blocks:
        assert re.search(r"^    Description: \S", block, re.M), parameter
        assert re.search(rf"!Ref {parameter}\b|\"{parameter}\"|{{{parameter}}}", document), (
            parameter
        )


def test_every_check_that_is_skipped_has_its_reason() -> None:
    """In the file of checkov: a comment above each check, or above the block that shares it."""
    lines = (ROOT / ".checkov.yaml").read_text().splitlines()
    skips = [n for n, line in enumerate(lines) if re.match(r"\s+- CKV", line)]

    assert skips
    for number in skips:
        above = next(line for line in reversed(lines[:number]) if not line.strip().startswith("- "))
        assert above.strip().startswith("# "), lines[number]
