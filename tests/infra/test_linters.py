"""Linters over the templates and the state machine, with a check that each linter can fail."""

import copy
import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.infra.template import ROOT, api, definition, properties, resources
from tests.infra.test_sam_translation import expanded
from tests.infra.tools import ASL_VALIDATOR, CFN_LINT, CHECKOV, run

pytestmark = pytest.mark.linters

SHIPPED = ["template.yaml", "infra/observability.yaml"]
EXAMPLES = sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("docs/examples/*.yaml"))
TEMPLATES = [*SHIPPED, *EXAMPLES]


def write_template(machine: dict[str, Any], folder: Path) -> Path:
    """Write a template with an inline definition; cfn-lint does not read definition files."""
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


def write_definition(machine: dict[str, Any], folder: Path) -> Path:
    """Write the definition as JSON for asl-validator."""
    path = folder / "machine.asl.json"
    path.write_text(json.dumps(machine))
    return path


@pytest.fixture
def broken() -> dict[str, Any]:
    """Return a copy of the definition that a test can break."""
    return copy.deepcopy(definition())


@pytest.mark.parametrize("name", TEMPLATES)
def test_cfn_lint_accepts_the_template(name: str) -> None:
    assert run(CFN_LINT, name) == (0, "")


def test_cfn_lint_accepts_the_expanded_template(tmp_path: Path) -> None:
    """What CloudFormation receives from SAM: roles, permissions, rules and the API's document."""
    path = tmp_path / "expanded.json"
    path.write_text(json.dumps(expanded()))

    assert run(CFN_LINT, path) == (0, "")


def test_cfn_lint_accepts_the_state_machine(tmp_path: Path) -> None:
    machine = copy.deepcopy(definition())
    # AWS accepts a JSONata expression as a timeout; the schema of cfn-lint requires an integer.
    machine["States"]["WaitForWebhook"]["TimeoutSeconds"] = 60

    assert run(CFN_LINT, write_template(machine, tmp_path)) == (0, "")


def test_cfn_lint_reports_an_invalid_state_type(tmp_path: Path, broken: dict[str, Any]) -> None:
    broken["States"]["WaitBeforeCheck"]["Type"] = "Pause"

    code, output = run(CFN_LINT, write_template(broken, tmp_path))

    assert code != 0
    assert "E3601" in output


def test_asl_validator_accepts_the_state_machine(tmp_path: Path) -> None:
    code, output = run(ASL_VALIDATOR, "--json-path", write_definition(definition(), tmp_path))

    assert code == 0, output


@pytest.mark.parametrize("defect", ["target", "expression", "mixed"])
def test_asl_validator_reports_a_defect(
    tmp_path: Path, broken: dict[str, Any], defect: str
) -> None:
    match defect:
        case "target":
            broken["States"]["WaitBeforeCheck"]["Next"] = "Chek"
        case "expression":
            broken["States"]["WaitBeforeCheck"]["Seconds"] = "{% $states.input. %}"
        case _:
            broken["States"]["Check"]["ResultPath"] = "$.result"

    code, output = run(ASL_VALIDATOR, "--json-path", write_definition(broken, tmp_path))

    assert code != 0, output


@pytest.mark.parametrize("name", SHIPPED)
def test_checkov_reports_no_failed_checks(name: str) -> None:
    code, output = run(CHECKOV, "--file", name)

    assert code == 0, output
    if name == "template.yaml":
        passed = re.search(r"Passed checks: (\d+), Failed checks: 0", output)
        assert passed, output
        assert int(passed[1]) > 20  # the checks did run


def test_all_templates_are_linted() -> None:
    nested = {
        stack["Properties"]["TemplateURL"]
        for stack in resources("AWS::CloudFormation::Stack").values()
    }

    assert {"template.yaml", *nested} == set(SHIPPED)
    assert EXAMPLES


@pytest.mark.parametrize("name", SHIPPED)
def test_every_parameter_is_used_and_described(name: str) -> None:
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


def test_every_skipped_check_has_a_reason() -> None:
    """In .checkov.yaml: a comment above each check, or above the block that shares it."""
    lines = (ROOT / ".checkov.yaml").read_text().splitlines()
    skips = [n for n, line in enumerate(lines) if re.match(r"\s+- CKV", line)]

    assert skips
    for number in skips:
        above = next(line for line in reversed(lines[:number]) if not line.strip().startswith("- "))
        assert above.strip().startswith("# "), lines[number]
