"""up, run, deploy and keys do what make does, in the checkout that one stands in."""

import json
from pathlib import Path

import pytest

from darkroom_cli.errors import Exit
from tests.cli.deployment import Deployment, Run

MAKEFILE = """
up run:
\t@echo "$@ [$(PROMPT)] [$(QUALITY)]" >> told.txt
deploy:
\t@echo "$@ [$(ARGS)]" >> told.txt
key:
\t@echo "dk_new"; echo "$(NAME) $(ROLE) $(BUDGET)" >> told.txt
keys:
\t@echo '[{"id": "3f9a", "name": "shop", "role": "read"}]'
revoke:
\t@echo "failed: ID: there is no key $(ID)" >&2; exit 1
"""


@pytest.fixture
def clone(deployment: Deployment, tmp_path: Path) -> Path:
    """A checkout with a Makefile of its own, in which one stands."""
    (tmp_path / "Makefile").write_text(MAKEFILE)
    (tmp_path / "template.yaml").touch()
    return tmp_path


def told(clone: Path) -> list[str]:
    return (clone / "told.txt").read_text().splitlines()


def test_up_and_run_are_makes(darkroom: Run, clone: Path) -> None:
    assert darkroom("up") == Exit.DONE
    assert darkroom("run", "a kite", "--quality", "high") == Exit.DONE

    assert told(clone) == ["up [] []", "run [a kite] [high]"]


def test_deploying_is_what_the_readme_says(darkroom: Run, clone: Path) -> None:
    assert darkroom("deploy") == Exit.DONE

    assert told(clone) == ["deploy [--guided]"]


def test_a_key_is_made_and_shown_once(
    darkroom: Run, clone: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert darkroom("keys", "create", "--name", "shop", "--budget", "2.5") == Exit.DONE
    assert capsys.readouterr().out == "dk_new\n"
    darkroom("keys", "create", "--name", "shop", "--role", "read", "--json")

    assert json.loads(capsys.readouterr().out)["key"] == "dk_new"
    assert told(clone) == ["shop submit 2.5", "shop read "]


def test_keys_are_listed(darkroom: Run, clone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert darkroom("keys", "list") == Exit.DONE
    assert capsys.readouterr().out == "3f9a\tshop\tread\n"


def test_what_make_refuses_is_told_in_its_words(
    darkroom: Run, clone: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert darkroom("keys", "revoke", "none") == Exit.BAD_REQUEST
    assert "there is no key none" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["up"], ["deploy"], ["keys", "list"]])
def test_outside_of_a_checkout_they_say_so(
    darkroom: Run, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert darkroom(*words) == Exit.USAGE
    assert "checkout" in capsys.readouterr().err
