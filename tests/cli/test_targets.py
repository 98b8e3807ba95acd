"""Selection of the deployment: options, environment, config file, local stack."""

import json
import re
import time
from pathlib import Path

import httpx
import pytest

from darkroom_cli import target
from darkroom_cli.client import Client
from darkroom_cli.errors import CliError, Exit
from darkroom_cli.operator import stack
from darkroom_cli.target import Target
from tests.cli.deployment import URL, Deployment, Run


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    """An environment with a config file."""
    config = tmp_path / "home" / ".config" / "darkroom" / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_text('url = "https://config.example.com/"\nkey = "dk_config"\n')
    return {"HOME": str(tmp_path / "home")}


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A folder inside a checkout with a running local stack."""
    root = tmp_path / "clone"
    (root / ".local").mkdir(parents=True)
    (root / "deep" / "down").mkdir(parents=True)
    for name in ("template.yaml", "Makefile"):
        (root / name).touch()
    stack = {"api_url": "http://127.0.0.1:4600/live", "api_key": "dk_stack"}
    (root / ".local" / "stack.json").write_text(json.dumps(stack))
    return root / "deep" / "down"


ENVIRONMENT = {"DARKROOM_URL": "https://env.example.com", "DARKROOM_KEY": "dk_env"}


def test_source_nearest_to_the_command_is_used(
    tmp_path: Path, home: dict[str, str], clone: Path
) -> None:
    def found(url: str | None, environment: dict[str, str]) -> tuple[str, str]:
        result = target.find(url, "dk_flag" if url else None, environment, clone)
        return result.url, result.key

    assert [
        found("https://flag.example.com/", home | ENVIRONMENT),
        found(None, home | ENVIRONMENT),
        found(None, home),
        found(None, {"HOME": str(tmp_path)}),
    ] == [
        ("https://flag.example.com", "dk_flag"),
        ("https://env.example.com", "dk_env"),
        ("https://config.example.com", "dk_config"),
        ("http://127.0.0.1:4600/live", "dk_stack"),
    ]


def test_missing_url_is_reported_with_every_source(tmp_path: Path) -> None:
    with pytest.raises(CliError) as caught:
        target.find(None, None, {"HOME": str(tmp_path)}, tmp_path)

    assert caught.value.code is Exit.NO_TARGET
    assert caught.value.message == "No deployment URL is configured."
    for source in ("--url", "DARKROOM_URL", "config.toml", "make up"):
        assert source in caught.value.hint


@pytest.mark.parametrize(
    ("url", "key", "environment", "message"),
    [
        ("https://a.test", None, {}, "The URL is set in .*, but the API key is not"),
        (None, None, {"DARKROOM_KEY": "dk_env"}, "The API key is set in .*, but the URL is not"),
        (None, "dk_flag", {}, "The API key is set in .*, but the URL is not"),
        (
            None,
            None,
            {"DARKROOM_URL": "https://env.example.com"},
            "The URL is set in .*, but the API key is not",
        ),
    ],
)
def test_url_and_key_come_from_one_source(
    home: dict[str, str],
    clone: Path,
    url: str | None,
    key: str | None,
    environment: dict[str, str],
    message: str,
) -> None:
    """The config file and the local stack fill no gap of the command and the environment."""
    with pytest.raises(CliError, match=message) as caught:
        target.find(url, key, home | environment, clone)

    assert caught.value.code is Exit.NO_TARGET


@pytest.mark.parametrize("line", ['url = "https://a.test"', 'key = "dk_config"'])
def test_local_stack_does_not_complete_the_config_file(
    home: dict[str, str], clone: Path, line: str
) -> None:
    target.config_file(home).write_text(line)

    with pytest.raises(CliError, match=r"is set in .*config\.toml, but the"):
        target.find(None, None, home, clone)


FOREIGN = [
    "http://deployment.example.com", "http://10.0.0.7:4600/live", "http://127.0.0.1.example.com",
    "http://127.0.0.1@example.com/live", "http://localhost.example.com", "http://0.0.0.0:4600",
    "http://[fe80::1]:4600", "http://169.254.169.254",
]  # fmt: skip
LOOPBACK = [
    "http://127.0.0.1:4600/live", "http://127.8.9.10", "http://localhost:4600", "http://[::1]:4600",
    "http://abc.execute-api.localhost:4600/live",
]  # fmt: skip


@pytest.mark.parametrize("url", FOREIGN)
def test_key_is_not_sent_unencrypted_to_another_machine(tmp_path: Path, url: str) -> None:
    with pytest.raises(CliError, match="begins with http://, which sends the key unencrypted"):
        target.find(url, "dk_x", {"HOME": str(tmp_path)}, tmp_path)


@pytest.mark.parametrize("url", LOOPBACK)
def test_stack_on_this_machine_is_reached_by_http(tmp_path: Path, url: str) -> None:
    assert target.find(url, "dk_x", {"HOME": str(tmp_path)}, tmp_path).is_loopback


@pytest.mark.parametrize("name", ["api_url", "emulator_url"])
@pytest.mark.parametrize("url", [*FOREIGN, "https://deployment.example.com"])
def test_file_of_the_local_stack_cannot_name_another_machine(
    tmp_path: Path, clone: Path, name: str, url: str
) -> None:
    file = clone.parents[1] / ".local" / "stack.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {name: url}))

    for find in (
        lambda: target.find(None, None, {"HOME": str(tmp_path)}, clone),
        lambda: stack.find(None, clone),
    ):
        with pytest.raises(CliError, match=f"{name} in .* is not an address of this machine"):
            find()


def test_incomplete_file_of_the_local_stack_uses_no_credentials_of_the_user(
    clone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDUSER")
    file = clone.parents[1] / ".local" / "stack.json"
    values = {"access_key_id": None, "secret_access_key": None, "region": "us-east-1"}
    addresses = {"stack_name": "darkroom", "emulator_url": "http://127.0.0.1:4566"}
    file.write_text(json.dumps(values | addresses))

    with pytest.raises(CliError, match="has no access_key_id"):
        stack.find(None, clone)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect_does_not_carry_the_key_to_another_host(
    darkroom: Run, deployment: Deployment, status: int
) -> None:
    elsewhere = httpx.Response(status, headers={"location": "https://elsewhere.example.com/"})
    deployment.on("GET /v1/presets", elsewhere)

    assert darkroom("presets") == Exit.NO_TARGET
    assert {request.url.host for request in deployment.requests} == {httpx.URL(URL).host}


def test_key_of_a_stack_on_this_machine_is_not_sent_to_a_proxy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://proxy.example.com:3128")
    connected: list[str] = []

    def connect(address: tuple[str, int], *_: object, **__: object) -> None:
        connected.append(address[0])
        raise OSError("refused")

    monkeypatch.setattr("socket.create_connection", connect)
    monkeypatch.setattr(time, "sleep", lambda _: None)

    with Client(Target("http://127.0.0.1:4600", "dk_x")) as client, pytest.raises(CliError):
        client.get("/v1/presets")

    assert set(connected) == {"127.0.0.1"}


@pytest.mark.parametrize("text", ["url = ", "[", "\xff"])
def test_unreadable_config_file_is_reported(home: dict[str, str], text: str) -> None:
    path = target.config_file(home)
    path.write_bytes(text.encode("latin-1"))

    with pytest.raises(CliError, match=r"Cannot read .*config\.toml"):
        target.find(None, None, home, path)


def test_invalid_url_is_reported_with_its_source(tmp_path: Path) -> None:
    with pytest.raises(
        CliError, match=r"The URL from the command line .* does not begin with https://"
    ):
        target.find("darkroom", "dk_x", {"HOME": str(tmp_path)}, tmp_path)


def test_docs_list_every_exit_code() -> None:
    text = (Path(__file__).parents[2] / "docs" / "cli.md").read_text()

    assert [int(code) for code in re.findall(r"^\| (\d) \|", text, re.M)] == list(Exit)
