"""Linters over the templates and the state machine, with a check that each linter can fail."""

import copy
import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.infra.template import ROOT, definition, resources
from tests.infra.test_sam_translation import expanded
from tests.infra.tools import ASL_VALIDATOR, CFN_LINT, CHECKOV, run

pytestmark = pytest.mark.linters

SHIPPED = ["template.yaml", "infra/observability.yaml"]
EXAMPLES = sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("docs/examples/*.yaml"))
TEMPLATES = [*SHIPPED, *EXAMPLES]


def validate(machine: dict[str, Any], folder: Path) -> tuple[int, str]:
    """Run asl-validator, which reads JSON."""
    path = folder / "machine.asl.json"
    path.write_text(json.dumps(machine))
    return run(ASL_VALIDATOR, "--json-path", path)


def test_cfn_lint_accepts_the_templates_and_the_expanded_template(tmp_path: Path) -> None:
    """What CloudFormation receives from SAM: roles, permissions, rules and the API's document."""
    path = tmp_path / "expanded.json"
    path.write_text(json.dumps(expanded()))

    assert run(CFN_LINT, *TEMPLATES, path) == (0, "")


def test_checkov_reports_no_failed_checks() -> None:
    code, output = run(CHECKOV, "--file", *SHIPPED)

    assert code == 0, output
    passed = re.search(r"Passed checks: (\d+), Failed checks: 0", output)
    assert passed, output
    assert int(passed[1]) > 20  # the checks did run


def test_asl_validator_accepts_the_state_machine(tmp_path: Path) -> None:
    code, output = validate(definition(), tmp_path)

    assert code == 0, output


@pytest.mark.parametrize(
    ("state", "field", "value"),
    [
        ("WaitBeforeCheck", "Next", "Chek"),
        ("WaitBeforeCheck", "Seconds", "{% $states.input. %}"),
        ("Check", "ResultPath", "$.result"),  # JSONPath
    ],
)
def test_asl_validator_reports_a_defect(tmp_path: Path, state: str, field: str, value: str) -> None:
    broken = copy.deepcopy(definition())
    broken["States"][state][field] = value

    code, output = validate(broken, tmp_path)

    assert code != 0, output


def test_all_templates_are_linted() -> None:
    nested = {
        stack["Properties"]["TemplateURL"]
        for stack in resources("AWS::CloudFormation::Stack").values()
    }

    assert {"template.yaml", *nested} == set(SHIPPED)
    assert EXAMPLES


def test_every_skipped_check_has_a_reason() -> None:
    """In .checkov.yaml: a comment above each check, or above the block that shares it."""
    lines = (ROOT / ".checkov.yaml").read_text().splitlines()
    skips = [n for n, line in enumerate(lines) if re.match(r"\s+- CKV", line)]

    assert skips
    for number in skips:
        above = next(line for line in reversed(lines[:number]) if not line.strip().startswith("- "))
        assert above.strip().startswith("# "), lines[number]
