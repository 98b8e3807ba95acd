"""What the tools are told, and what they are not: no key in an argument list, nothing inherited."""

import json
import os
from pathlib import Path

import pytest

from local import deploy, emulator
from local.environment import plain_environment


def test_the_emulator_enforces_iam_on_loopback_only(tmp_path: Path) -> None:
    settings = emulator.settings(4566, tmp_path)

    assert settings["AUTH"] == "true"
    assert settings["BIND_HOST"] == "127.0.0.1"
    assert settings["IOT_MTLS_ENABLED"] == "0"  # that listener would bind every interface
    assert settings["TMPDIR"] == settings["HOME"] == str(tmp_path)


def test_functions_inherit_nothing_from_the_person_who_started_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("WAVESPEED_API_KEY", "very-secret")

    settings = emulator.settings(4566, tmp_path)

    assert "AWS_PROFILE" not in settings
    assert "very-secret" not in settings.values()


@pytest.mark.parametrize(
    "name", ["AWS_PROFILE", "AWS_ENDPOINT_URL", "WAVESPEED_API_KEY", "PROVIDER_KEY", "PYTHONPATH"]
)
def test_tools_do_not_see_what_would_lead_them_astray(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "something")

    assert name not in plain_environment()


def test_a_proxy_is_never_asked_for_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.example")

    assert "127.0.0.1" in plain_environment()["NO_PROXY"]


def test_every_aws_tool_is_pointed_at_the_emulator_and_reads_no_profile() -> None:
    environment = emulator.Emulator("http://127.0.0.1:1").environment

    assert environment["AWS_ENDPOINT_URL"] == "http://127.0.0.1:1"
    assert environment["AWS_CONFIG_FILE"] == os.devnull
    assert environment["AWS_SHARED_CREDENTIALS_FILE"] == os.devnull


def test_parameters_reach_sam_in_a_file_that_only_its_owner_may_read(tmp_path: Path) -> None:
    path = tmp_path / "samconfig.yaml"

    deploy.write_config(path, Path("built.yaml"), {"ProviderApiKey": "very-secret"})

    told = json.loads(path.read_text())["default"]["deploy"]["parameters"]
    assert told["parameter_overrides"] == ["ProviderApiKey=very-secret"]
    assert told["confirm_changeset"] is False
    assert path.stat().st_mode & 0o777 == 0o600
