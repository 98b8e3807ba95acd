"""`make key`, `make keys` and `make revoke`: output, stored items and errors."""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from darkroom.adapters.dynamodb.keys import KeyTable
from darkroom.domain.callers import Role
from darkroom.usecases.authorize import Authorize
from local import keys, paths
from tests.infra.template import properties

TABLE = "darkroom-table"
VARIABLES = ("NAME", "ROLE", "DAYS", "BUDGET", "ID", "STACK")

type RunCommand = Callable[..., tuple[int, str, str]]


@pytest.fixture
def dynamodb(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    with mock_aws():
        client = boto3.client("dynamodb")
        table = properties("Table")
        client.create_table(
            TableName=TABLE,
            **{name: table[name] for name in ("AttributeDefinitions", "KeySchema", "BillingMode")},
            GlobalSecondaryIndexes=table["GlobalSecondaryIndexes"],
        )
        yield client


@pytest.fixture
def run_command(
    dynamodb: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> RunCommand:
    """Return a function that runs a command and returns its exit code, output and errors."""
    monkeypatch.setattr(keys, "target", lambda: (dynamodb, TABLE))

    def call(command: str, **variables: str) -> tuple[int, str, str]:
        for name in VARIABLES:
            monkeypatch.delenv(name, raising=False)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr("sys.argv", ["local.keys", command])
        code = keys.main()
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def stored_items(dynamodb: Any) -> str:
    return str(dynamodb.scan(TableName=TABLE)["Items"])


def test_create_prints_only_the_token_to_standard_output(run_command: RunCommand) -> None:
    """`KEY=$(make -s key NAME=shop)` depends on it."""
    code, out, err = run_command("create", NAME="shop")

    assert code == 0
    assert re.fullmatch(r"dk_[a-z2-7]{40}\n", out)
    assert "shop" in err
    assert out.strip() not in err


def test_token_is_not_stored_or_listed(run_command: RunCommand, dynamodb: Any) -> None:
    _, out, _ = run_command("create", NAME="shop")

    token = out.strip()
    assert token not in stored_items(dynamodb)
    assert token.removeprefix("dk_") not in stored_items(dynamodb)
    assert token not in run_command("list")[1]


def test_new_key_authorizes_with_role_expiry_and_budget(
    run_command: RunCommand, dynamodb: Any
) -> None:
    _, out, err = run_command("create", NAME="shop", ROLE="read", DAYS="90", BUDGET="5.00")

    now = datetime.now(UTC)
    authorize = Authorize(keys=KeyTable(dynamodb, TABLE), now=lambda: now)
    key = authorize(f"Bearer {out.strip()}")
    assert key is not None
    assert (key.name, key.role, key.daily_budget_micro_usd) == ("shop", Role.READ, 5_000_000)
    assert key.is_valid(now + timedelta(days=89))
    assert not key.is_valid(now + timedelta(days=91))
    assert "$5.00 a day" in err


def test_key_defaults_are_submit_no_expiry_no_budget(run_command: RunCommand) -> None:
    _, _, err = run_command("create", NAME="shop", ROLE="", DAYS="", BUDGET="")

    assert "submit" in err
    assert "expires never" in err
    assert "no daily budget" in err


def test_zero_budget_is_kept(run_command: RunCommand) -> None:
    assert "$0.00 a day" in run_command("create", NAME="shop", BUDGET="0")[2]


def test_list_prints_one_line_per_key_oldest_first(run_command: RunCommand, dynamodb: Any) -> None:
    names = ["first", "second", "third"]
    for name in names:
        run_command("create", NAME=name)
    (first, *_) = KeyTable(dynamodb, TABLE).all()
    KeyTable(dynamodb, TABLE).touch(first.digest, date(2026, 11, 22))

    _, out, _ = run_command("list")

    lines = out.splitlines()
    assert [line.split()[1] for line in lines] == names
    assert all(re.match(r"[0-9a-f]{12}  ", line) for line in lines)
    assert "last used 2026-11-22" in out
    assert out.count("last used never") == 2


def test_list_without_keys_is_empty(run_command: RunCommand) -> None:
    assert run_command("list") == (0, "", "")


def test_revoke_deletes_only_its_key(run_command: RunCommand, dynamodb: Any) -> None:
    _, out, _ = run_command("create", NAME="shop")
    run_command("create", NAME="other")
    key_id = next(line for line in run_command("list")[1].splitlines() if "shop" in line).split()[0]

    code, output, _ = run_command("revoke", ID=key_id)

    assert code == 0
    assert output.startswith(f"revoked {key_id}  shop")
    assert [key.name for key in KeyTable(dynamodb, TABLE).all()] == ["other"]
    authorize = Authorize(keys=KeyTable(dynamodb, TABLE), now=lambda: datetime.now(UTC))
    assert authorize(f"Bearer {out.strip()}") is None


@pytest.mark.parametrize(
    ("command", "variables", "reason"),
    [
        ("create", {}, "NAME: field required"),
        ("create", {"NAME": "two words"}, "NAME: string should match pattern"),
        ("create", {"NAME": "a" * 41}, "NAME: string should match pattern"),
        ("create", {"NAME": "a", "ROLE": "root"}, "ROLE: input should be 'submit', 'read' or"),
        ("create", {"NAME": "a", "DAYS": "0"}, "DAYS: input should be greater than or equal to 1"),
        ("create", {"NAME": "a", "DAYS": "ever"}, "DAYS: input should be a valid integer"),
        ("create", {"NAME": "a", "BUDGET": "-1"}, "BUDGET: input should be greater than or equal"),
        ("create", {"NAME": "a", "BUDGET": "5,00"}, "BUDGET: input should be a valid number"),
        ("create", {"NAME": "a", "BUDGET": "nan"}, "BUDGET: input should be"),
        ("revoke", {}, "ID: field required"),
        ("revoke", {"ID": "shop"}, "ID: string should match pattern"),
        ("revoke", {"ID": "0123456789ab"}, "ID: no key 0123456789ab; `make keys` lists"),
    ],
)
def test_invalid_option_is_reported_in_one_line_and_changes_nothing(
    run_command: RunCommand, dynamodb: Any, command: str, variables: dict[str, str], reason: str
) -> None:
    code, out, err = run_command(command, **variables)

    assert (code, out) == (1, "")
    assert err.startswith(f"failed: {reason}")
    assert err.count("\n") == 1
    assert stored_items(dynamodb) == "[]"


def test_aws_error_is_reported_in_one_line(
    run_command: RunCommand, dynamodb: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys, "target", lambda: (dynamodb, "no-such-table"))

    code, out, err = run_command("create", NAME="shop")

    assert (code, out) == (1, "")  # an unusable token is not printed
    assert err.startswith("failed: ")
    assert "ResourceNotFoundException" in err
    assert err.count("\n") == 1


def test_missing_stack_is_reported_with_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(paths, "STACK_FILE", tmp_path / "stack.json")
    monkeypatch.delenv("STACK", raising=False)
    monkeypatch.setattr("sys.argv", ["local.keys", "list"])

    assert keys.main() == 1

    expected = "failed: no stack is up in this clone: run `make up` or set STACK=name\n"
    assert capsys.readouterr().err == expected
