"""Selection of the deployment: options, environment, config file, local stack."""

import json
import re
from pathlib import Path

import pytest

from darkroom_cli import target
from darkroom_cli.errors import CliError, Exit


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
    for source in ("--url", "DARKROOM_URL", "config.toml", "make up"):
        assert source in caught.value.hint


def test_missing_key_is_reported(tmp_path: Path) -> None:
    with pytest.raises(CliError, match="No API key is configured"):
        target.find("https://a.test", None, {"HOME": str(tmp_path)}, tmp_path)


@pytest.mark.parametrize("text", ["url = ", "[", "\xff"])
def test_unreadable_config_file_is_reported(home: dict[str, str], text: str) -> None:
    path = target.config_file(home)
    path.write_bytes(text.encode("latin-1"))

    with pytest.raises(CliError, match=r"Cannot read .*config\.toml"):
        target.find(None, None, home, path)


def test_invalid_url_is_reported_with_its_source(tmp_path: Path) -> None:
    with pytest.raises(CliError, match="The URL from --url does not begin with https://"):
        target.find("darkroom", "dk_x", {"HOME": str(tmp_path)}, tmp_path)


def test_docs_list_every_exit_code() -> None:
    text = (Path(__file__).parents[2] / "docs" / "cli.md").read_text()

    assert [int(code) for code in re.findall(r"^\| (\d) \|", text, re.M)] == list(Exit)
