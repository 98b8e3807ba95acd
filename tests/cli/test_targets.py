"""Which deployment is meant: flags, environment, one's own file, the stack that is up."""

import json
import re
from pathlib import Path

import pytest

from darkroom_cli import target
from darkroom_cli.errors import CliError, Exit


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    """An environment with a file of one's own."""
    config = tmp_path / "home" / ".config" / "darkroom" / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_text('url = "https://config.example.com/"\nkey = "dk_config"\n')
    return {"HOME": str(tmp_path / "home")}


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A folder in a checkout with a stack that is up."""
    root = tmp_path / "clone"
    (root / ".local").mkdir(parents=True)
    (root / "deep" / "down").mkdir(parents=True)
    for name in ("template.yaml", "Makefile"):
        (root / name).touch()
    told = {"api_url": "http://127.0.0.1:4600/live", "api_key": "dk_stack"}
    (root / ".local" / "stack.json").write_text(json.dumps(told))
    return root / "deep" / "down"


ENVIRONMENT = {"DARKROOM_URL": "https://env.example.com", "DARKROOM_KEY": "dk_env"}


def test_flags_go_before_all(home: dict[str, str], clone: Path) -> None:
    found = target.find("https://flag.example.com/", "dk_flag", home | ENVIRONMENT, clone)

    assert (found.url, found.key) == ("https://flag.example.com", "dk_flag")


def test_the_environment_goes_before_files(home: dict[str, str], clone: Path) -> None:
    found = target.find(None, None, home | ENVIRONMENT, clone)

    assert (found.url, found.key) == ("https://env.example.com", "dk_env")


def test_ones_own_file_goes_before_the_stack_that_is_up(home: dict[str, str], clone: Path) -> None:
    found = target.find(None, None, home, clone)

    assert (found.url, found.key) == ("https://config.example.com", "dk_config")


def test_the_stack_that_is_up_is_found_from_anywhere_in_its_checkout(
    tmp_path: Path, clone: Path
) -> None:
    found = target.find(None, None, {"HOME": str(tmp_path)}, clone)

    assert (found.url, found.key) == ("http://127.0.0.1:4600/live", "dk_stack")


def test_without_any_it_says_how_to_name_one(tmp_path: Path) -> None:
    with pytest.raises(CliError) as caught:
        target.find(None, None, {"HOME": str(tmp_path)}, tmp_path)

    assert caught.value.code is Exit.NO_TARGET
    for way in ("--url", "DARKROOM_URL", "config.toml", "make up"):
        assert way in caught.value.hint


def test_a_url_without_a_key_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(CliError, match="no key is named"):
        target.find("https://a.test", None, {"HOME": str(tmp_path)}, tmp_path)


@pytest.mark.parametrize("text", ["url = ", "[", "\xff"])
def test_a_file_that_cannot_be_read_is_named(home: dict[str, str], text: str) -> None:
    path = target.config_file(home)
    path.write_bytes(text.encode("latin-1"))

    with pytest.raises(CliError, match=r"config\.toml cannot be read"):
        target.find(None, None, home, path)


def test_what_is_no_url_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CliError, match="the flags names no URL"):
        target.find("darkroom", "dk_x", {"HOME": str(tmp_path)}, tmp_path)


def test_a_key_is_in_no_description_of_a_target() -> None:
    assert "dk_sesame" not in repr(target.Target("https://a.test", "dk_sesame"))


def test_the_page_has_every_exit_code() -> None:
    text = (Path(__file__).parents[2] / "docs" / "cli.md").read_text()

    assert [int(code) for code in re.findall(r"^\| (\d) \|", text, re.M)] == list(Exit)
