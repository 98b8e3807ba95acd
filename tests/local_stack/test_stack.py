"""The file with the addresses of a stack, the template parameters and the lock."""

import os
from pathlib import Path

import pytest

from local import __main__ as command
from local.errors import LocalError
from local.options import Options
from local.simulator import Provider
from local.stack import Stack, stack_parameters

STACK = Stack(
    emulator_url="http://127.0.0.1:1",
    region="us-east-1",
    access_key_id="test",
    secret_access_key="test",
    stack_name="darkroom",
    event_bus="bus",
    table="table",
    audit_log="audit",
    assets_bucket="bucket",
    inbox_bucket="inbox",
    api_url="http://127.0.0.1:1/_aws/execute-api/abc/live",
    api_key="dk_very-secret",
    state_machine_arn="arn:aws:states:us-east-1:000000000000:stateMachine:m",
    provider_url="http://127.0.0.1:2",
    provider_admin_url=None,
)


def test_stack_file_is_private(tmp_path: Path) -> None:
    path = tmp_path / "stack.json"
    path.touch(mode=0o644)

    STACK.write(path)

    assert path.stat().st_mode & 0o777 == 0o600


def test_simulator_parameters_have_loopback_hosts_and_scale() -> None:
    provider = Provider("http://127.0.0.1:2", "key", asset_hosts="127.0.0.1,localhost")

    parameters = stack_parameters(Options(time_scale=0.25), provider)

    assert parameters["ProviderUrl"] == "http://127.0.0.1:2"
    assert parameters["AssetHosts"] == "127.0.0.1,localhost"
    assert parameters["DurationScale"] == "0.25"
    assert parameters["Emulator"] in {"arm64", "x86_64"}


def test_wavespeed_keeps_the_template_defaults() -> None:
    provider = Provider("https://example.test", "key", is_real=True)
    options = Options.model_validate({"provider": "wavespeed", "wavespeed_api_key": "key"})

    parameters = stack_parameters(options, provider)

    assert parameters.keys().isdisjoint({"ProviderUrl", "AssetHosts"})
    assert parameters["DurationScale"] == "1"


def test_second_stack_in_a_clone_is_refused_with_the_process_id(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("local.paths.STATE", tmp_path)
    monkeypatch.setattr("local.paths.STACK_LOCK", tmp_path / "stack.lock")

    refused = pytest.raises(LocalError, match=f"process {os.getpid()}")
    with command.stack_lock(), refused, command.stack_lock():
        pass
