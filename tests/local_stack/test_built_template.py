"""The last step of a build: code as ZIP files, machines as JSON."""

import json
from pathlib import Path
from zipfile import ZipFile

import pytest

from local.built_template import finish

CODE = {"Api": "1", "Submit": "1", "Thumbnail": "2"}
TEMPLATE = """
Parameters:
  Emulator: {Type: String, Default: none, AllowedValues: [none, arm64, x86_64]}
Resources:
  Api: {Type: AWS::Serverless::Function, Properties: {CodeUri: Api}}
  Submit: {Type: AWS::Serverless::Function, Properties: {CodeUri: Submit}}
  Thumbnail: {Type: AWS::Serverless::Function, Properties: {CodeUri: Thumbnail}}
  Machine:
    Type: AWS::Serverless::StateMachine
    Properties:
      DefinitionUri: machine.asl.yaml
      DefinitionSubstitutions: {Arn: !GetAtt Submit.Arn, Stage: !Ref AWS::StackName}
  Policy: {Type: AWS::IAM::ManagedPolicy, Properties: {Version: 2012-10-17}}
Outputs:
  Name: {Value: !Sub "${Submit}-x"}
"""
DEFINITION = """
States:
  Work: {Type: Task, TimeoutSeconds: 10, Arguments: {FunctionName: "${Arn}"}}
"""


@pytest.fixture
def built(tmp_path: Path) -> Path:
    for name, content in CODE.items():
        (tmp_path / name / "package").mkdir(parents=True)
        (tmp_path / name / "package" / "handler.py").write_text(content)
    (tmp_path / "machine.asl.yaml").write_text(DEFINITION)
    (tmp_path / "template.yaml").write_text(TEMPLATE)
    return tmp_path / "template.yaml"


def test_functions_with_equal_code_share_a_compiled_archive(built: Path) -> None:
    finish(built)

    resources = json.loads(built.read_text())["Resources"]
    uris = {name: resources[name]["Properties"]["CodeUri"] for name in CODE}
    assert uris == {"Api": "Api.zip", "Submit": "Api.zip", "Thumbnail": "Thumbnail.zip"}
    with ZipFile(built.parent / "Api.zip") as archive:
        assert archive.read("package/handler.py") == b"1"
        assert archive.namelist() == [
            "package/__pycache__/handler.cpython-313.pyc", "package/handler.py",
        ]  # fmt: skip
    assert not [path for path in built.parent.iterdir() if path.is_dir()]


def test_archive_of_unchanged_code_is_unchanged(built: Path) -> None:
    text = built.read_text()
    finish(built)
    archive = built.parent / "Thumbnail.zip"
    first = archive.read_bytes()
    with ZipFile(archive) as zipped:
        zipped.extractall(built.parent / "Thumbnail")
    archive.unlink()
    for name in ("Api", "Submit"):
        (built.parent / name).mkdir()
    built.write_text(text)

    finish(built)

    assert archive.read_bytes() == first


def test_machine_is_written_as_json_and_intrinsics_are_kept(built: Path) -> None:
    finish(built)

    template = json.loads(built.read_text())
    machine = template["Resources"]["Machine"]["Properties"]
    assert json.loads((built.parent / machine["DefinitionUri"]).read_text()) == {
        "States": {
            "Work": {"Type": "Task", "TimeoutSeconds": 10, "Arguments": {"FunctionName": "${Arn}"}}
        }
    }
    assert machine["DefinitionSubstitutions"] == {
        "Arn": {"Fn::GetAtt": ["Submit", "Arn"]},
        "Stage": {"Ref": "AWS::StackName"},
    }
    assert template["Resources"]["Policy"]["Properties"]["Version"] == "2012-10-17"
    assert template["Outputs"]["Name"]["Value"] == {"Fn::Sub": "${Submit}-x"}


@pytest.mark.parametrize("emulator", ["none", "x86_64"])
def test_built_template_accepts_only_the_architecture_of_its_code(
    built: Path, emulator: str
) -> None:
    """CloudFormation refuses another value before it changes anything."""
    finish(built, emulator)

    parameter = json.loads(built.read_text())["Parameters"]["Emulator"]
    assert parameter == {"Type": "String", "Default": emulator, "AllowedValues": [emulator]}
