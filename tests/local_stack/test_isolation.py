"""Isolation: no key in an argument list and no inherited settings."""

import json
import os
from pathlib import Path

import pytest

from local import deploy, emulator
from local.environment import plain_environment


def test_emulator_enforces_iam_on_loopback_only(tmp_path: Path) -> None:
    settings = emulator.settings(4566, tmp_path)

    assert settings["AUTH"] == "true"
    assert settings["BIND_HOST"] == "127.0.0.1"
    assert settings["IOT_MTLS_ENABLED"] == "0"  # its listener would bind all interfaces
    assert settings["TMPDIR"] == settings["HOME"] == str(tmp_path)


def test_functions_inherit_no_user_environment(
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
def test_tools_get_no_aws_provider_or_python_settings(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "something")

    assert name not in plain_environment()


def test_loopback_bypasses_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.example")

    assert "127.0.0.1" in plain_environment()["NO_PROXY"]


def test_aws_tools_use_the_emulator_and_no_profile() -> None:
    environment = emulator.Emulator("http://127.0.0.1:1").environment

    assert environment["AWS_ENDPOINT_URL"] == "http://127.0.0.1:1"
    assert environment["AWS_CONFIG_FILE"] == os.devnull
    assert environment["AWS_SHARED_CREDENTIALS_FILE"] == os.devnull


def test_sam_parameters_are_in_a_private_file(tmp_path: Path) -> None:
    path = tmp_path / "samconfig.yaml"

    deploy.write_config(path, Path("built.yaml"), {"ProviderApiKey": "very-secret"})

    settings = json.loads(path.read_text())["default"]["deploy"]["parameters"]
    assert settings["parameter_overrides"] == ["ProviderApiKey=very-secret"]
    assert settings["confirm_changeset"] is False
    assert path.stat().st_mode & 0o777 == 0o600
