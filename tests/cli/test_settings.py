"""Presets and the switch of submission: list, put, versions, restore, pause, resume."""

import json
from pathlib import Path

import pytest

from darkroom_cli.errors import Exit
from tests.cli.deployment import Deployment, Run, problem

type Capture = pytest.CaptureFixture[str]

PRESETS = {"winter": {"prompt": "Snow", "quality": "low"}}
DOCUMENT = {"version": 4, "presets": PRESETS, "problem": None}
VERSIONS = {
    "versions": [
        {"version_id": f"id-{number}", "version": number, "stored_at": "2026-11-30T12:00:00Z",
         "stored_by": {"name": "key:boss", "key_id": "0123456789ab"}, "changed": ["winter"],
         "problem": None}
        for number in (4, 3)
    ] + [
        {"version_id": "shipped", "version": 1, "stored_at": None, "stored_by": None,
         "changed": [], "problem": None}
    ]
}  # fmt: skip


def sent(deployment: Deployment) -> object:
    return json.loads(deployment.requests[-1].content)


def test_presets_are_listed_with_and_without_the_verb(
    darkroom: Run, deployment: Deployment, capsys: Capture
) -> None:
    deployment.on("GET /v1/presets", DOCUMENT)

    assert darkroom("presets") == darkroom("presets", "list") == Exit.DONE

    first, second = capsys.readouterr().out.splitlines()
    assert first == second == "winter\tlow\t\tSnow"
    assert darkroom("presets", "--json", "list") == Exit.USAGE
    assert darkroom("presets", "--json") == Exit.DONE
    assert json.loads(capsys.readouterr().out) == DOCUMENT


def test_printed_presets_can_be_put_back(
    darkroom: Run, deployment: Deployment, tmp_path: Path, capsys: Capture
) -> None:
    deployment.on("PUT /v1/presets", DOCUMENT | {"version": 5})
    file = tmp_path / "presets.json"
    file.write_text(json.dumps(DOCUMENT))

    assert darkroom("presets", "put", str(file)) == Exit.DONE

    assert capsys.readouterr().out == "Version 5 is in use.\n"
    assert sent(deployment) == {"version": 4, "presets": PRESETS}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "Cannot read presets.json: No such file or directory."),
        ("[]", "presets.json is not a JSON object."),
        ('{"version": 1,\n}', "presets.json is not valid JSON: "),
    ],
)
def test_file_that_has_no_presets_is_refused_by_name(
    darkroom: Run, deployment: Deployment, capsys: Capture, content: str | None, message: str
) -> None:
    if content is not None:
        Path("presets.json").write_text(content)

    assert darkroom("presets", "put", "presets.json") == Exit.BAD_REQUEST
    assert message in capsys.readouterr().err
    assert not deployment.requests


def test_put_of_an_outdated_file_is_sent_once_and_fails(
    darkroom: Run, deployment: Deployment, tmp_path: Path, capsys: Capture
) -> None:
    deployment.on("PUT /v1/presets", problem(409, "outdated", detail="The presets have changed."))
    file = tmp_path / "presets.json"
    file.write_text(json.dumps(DOCUMENT))

    assert darkroom("presets", "put", str(file)) != Exit.DONE
    assert "The presets have changed." in capsys.readouterr().err
    assert len(deployment.requests) == 1


def test_version_is_restored_by_its_number(
    darkroom: Run, deployment: Deployment, capsys: Capture
) -> None:
    earlier = {"winter": {"prompt": "Ice"}}
    deployment.on("GET /v1/presets/versions", VERSIONS)
    deployment.on("GET /v1/presets/versions/id-3", {"version": 3, "presets": earlier})
    deployment.on("GET /v1/presets", DOCUMENT)
    deployment.on("PUT /v1/presets", DOCUMENT | {"version": 5})

    assert darkroom("presets", "restore", "3") == Exit.DONE
    assert sent(deployment) == {"version": 4, "presets": earlier}
    assert darkroom("presets", "restore", "2") == Exit.BAD_REQUEST
    capsys.readouterr()
    assert darkroom("presets", "versions") == Exit.DONE
    newest, *_, shipped = (line.split("\t") for line in capsys.readouterr().out.splitlines())
    assert newest == ["4", "2026-11-30T12:00:00Z", "key:boss", "winter"]
    assert shipped[:3] == ["1", "", "darkroom"]


@pytest.mark.parametrize(("verb", "paused"), [("pause", True), ("resume", False)])
def test_submission_is_paused_and_resumed(
    darkroom: Run, deployment: Deployment, verb: str, paused: bool
) -> None:
    deployment.on("PUT /v1/submits", {"paused": paused, "paused_at": None, "paused_by": None})

    assert darkroom(verb) == Exit.DONE
    assert sent(deployment) == {"paused": paused}
