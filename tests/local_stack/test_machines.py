"""State machines as JSON, with placeholders that stay numbers where AWS sees numbers."""

import json
from pathlib import Path

from local import machines

TEMPLATE = """
Parameters:
  Patience: {Type: Number, Default: 3}
  Stage: {Type: String, Default: dev}
Resources:
  Worker:
    Type: AWS::Serverless::Function
    Properties: {Handler: a.b}
  Machine:
    Type: AWS::Serverless::StateMachine
    Properties:
      DefinitionUri: machine.asl.yaml
      DefinitionSubstitutions:
        WorkerArn: !GetAtt Worker.Arn
        Patience: !Ref Patience
        Stage: !Ref Stage
        Limit: 10
Outputs:
  Name: {Value: !Sub "${Worker}-x"}
"""
DEFINITION = """
StartAt: Work
States:
  Work:
    Type: Task
    TimeoutSeconds: ${Limit}
    HeartbeatSeconds: ${Patience}
    Arguments: {FunctionName: "${WorkerArn}", Stage: "${Stage}", Sum: "{% ${Limit} + 1 %}"}
    End: true
"""


def built(folder: Path) -> Path:
    (folder / "machine.asl.yaml").write_text(DEFINITION)
    template = folder / "template.yaml"
    template.write_text(TEMPLATE)
    machines.to_json(template)
    return template


def test_the_built_template_points_to_json(tmp_path: Path) -> None:
    template = machines.load_template(built(tmp_path))

    assert template["Resources"]["Machine"]["Properties"]["DefinitionUri"] == "Machine.asl.json"


def test_the_rest_of_the_template_says_the_same(tmp_path: Path) -> None:
    template = machines.load_template(built(tmp_path))

    substitutions = template["Resources"]["Machine"]["Properties"]["DefinitionSubstitutions"]
    assert substitutions["WorkerArn"] == {"Fn::GetAtt": ["Worker", "Arn"]}
    assert substitutions["Patience"] == {"Ref": "Patience"}
    assert template["Outputs"]["Name"]["Value"] == {"Fn::Sub": "${Worker}-x"}


def test_numbers_are_numbers_after_substitution_and_text_is_text(tmp_path: Path) -> None:
    text = built(tmp_path).with_name("Machine.asl.json").read_text()
    values = {"Limit": "10", "Patience": "3", "WorkerArn": "arn:aws:worker", "Stage": "dev"}

    for name, value in values.items():
        text = text.replace(f"${{{name}}}", value)

    work = json.loads(text)["States"]["Work"]
    assert (work["TimeoutSeconds"], work["HeartbeatSeconds"]) == (10, 3)
    assert work["Arguments"] == {
        "FunctionName": "arn:aws:worker",
        "Stage": "dev",
        "Sum": "{% 10 + 1 %}",
    }
