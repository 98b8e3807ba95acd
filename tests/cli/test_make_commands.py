"""The commands up, run, deploy and keys run `make` targets in the enclosing checkout."""

import json
from pathlib import Path

import pytest

from darkroom_cli.errors import Exit
from tests.cli.deployment import Deployment, Run

MAKEFILE = """
up run:
\t@echo "$@ [$(PROMPT)] [$(QUALITY)]" >> calls.txt
deploy:
\t@echo "$@ [$(ARGS)]" >> calls.txt
key:
\t@echo "dk_new"; echo "$(NAME) $(ROLE) $(BUDGET)" >> calls.txt
keys:
\t@echo '[{"id": "3f9a", "name": "shop", "role": "read", "daily_budget_micro_usd": 2500000}]'
revoke:
\t@echo "failed: ID: there is no key $(ID)" >&2; exit 1
"""


@pytest.fixture
def clone(deployment: Deployment, tmp_path: Path) -> Path:
    """The root of a checkout with a Makefile that records its calls; the working directory."""
    (tmp_path / "Makefile").write_text(MAKEFILE)
    (tmp_path / "template.yaml").touch()
    return tmp_path


def calls(clone: Path) -> list[str]:
    return (clone / "calls.txt").read_text().splitlines()


def test_up_and_run_call_make(darkroom: Run, clone: Path) -> None:
    assert darkroom("up") == Exit.DONE
    assert darkroom("run", "a kite", "--quality", "high") == Exit.DONE

    assert calls(clone) == ["up [] []", "run [a kite] [high]"]


def test_deploy_is_guided(darkroom: Run, clone: Path) -> None:
    assert darkroom("deploy") == Exit.DONE

    assert calls(clone) == ["deploy [--guided]"]


def test_keys_create_prints_the_key(
    darkroom: Run, clone: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert darkroom("keys", "create", "--name", "shop", "--budget", "2.5") == Exit.DONE
    assert capsys.readouterr().out == "dk_new\n"
    darkroom("keys", "create", "--name", "shop", "--role", "read", "--json")

    assert json.loads(capsys.readouterr().out)["key"] == "dk_new"
    assert calls(clone) == ["shop submit 2.5", "shop read "]


def test_keys_list_prints_the_budget_in_usd(
    darkroom: Run, clone: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert darkroom("keys", "list") == Exit.DONE
    assert capsys.readouterr().out == "3f9a\tshop\tread\t$2.5000\n"


def test_error_of_make_is_printed(
    darkroom: Run, clone: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert darkroom("keys", "revoke", "none") == Exit.BAD_REQUEST
    assert "there is no key none" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["up"], ["deploy"], ["keys", "list"]])
def test_outside_of_a_checkout_returns_2(
    darkroom: Run, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert darkroom(*arguments) == Exit.USAGE
    assert "checkout" in capsys.readouterr().err
