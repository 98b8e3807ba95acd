"""The conversion of state machine definitions to JSON."""

import json
from pathlib import Path

from local import machines

TEMPLATE = """
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
        Stage: !Ref AWS::StackName
Outputs:
  Name: {Value: !Sub "${Worker}-x"}
"""
DEFINITION = """
StartAt: Work
States:
  Work:
    Type: Task
    TimeoutSeconds: 10
    Arguments: {FunctionName: "${WorkerArn}", Stage: "${Stage}"}
    End: true
"""


def built(folder: Path) -> Path:
    (folder / "machine.asl.yaml").write_text(DEFINITION)
    template = folder / "template.yaml"
    template.write_text(TEMPLATE)
    machines.to_json(template)
    return template


def test_built_template_references_json_definition(tmp_path: Path) -> None:
    template = machines.load_template(built(tmp_path))

    assert template["Resources"]["Machine"]["Properties"]["DefinitionUri"] == "Machine.asl.json"


def test_rest_of_the_template_is_unchanged(tmp_path: Path) -> None:
    template = machines.load_template(built(tmp_path))

    substitutions = template["Resources"]["Machine"]["Properties"]["DefinitionSubstitutions"]
    assert substitutions["WorkerArn"] == {"Fn::GetAtt": ["Worker", "Arn"]}
    assert substitutions["Stage"] == {"Ref": "AWS::StackName"}
    assert template["Outputs"]["Name"]["Value"] == {"Fn::Sub": "${Worker}-x"}


def test_definition_keeps_its_placeholders(tmp_path: Path) -> None:
    text = built(tmp_path).with_name("Machine.asl.json").read_text()

    assert json.loads(text)["States"]["Work"] == {
        "Type": "Task",
        "TimeoutSeconds": 10,
        "Arguments": {"FunctionName": "${WorkerArn}", "Stage": "${Stage}"},
        "End": True,
    }
