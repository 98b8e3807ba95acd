"""`darkroom keys`: output, stored items and errors."""

import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import boto3
import pytest
from moto import mock_aws

from darkroom.adapters.dynamodb.keys import KeyTable
from darkroom.domain.callers import Role
from darkroom.usecases.authorize import Authorize
from darkroom_cli import main
from darkroom_cli.errors import Exit
from darkroom_cli.operator import stack
from tests.infra.template import properties

TABLE = "darkroom-table"

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
    monkeypatch.setattr(stack, "find", lambda *_: FakeStack(dynamodb))

    def call(*arguments: str) -> tuple[int, str, str]:
        code = main.run(["keys", *arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


class FakeStack:
    """A fake of the stack: its table."""

    def __init__(self, dynamodb: Any, table: str = TABLE) -> None:
        self.dynamodb = dynamodb
        self.table = table

    def client(self, service: str) -> Any:
        assert service == "dynamodb"
        return self.dynamodb

    def output(self, name: str) -> str:
        assert name == "TableName"
        return self.table


def stored_items(dynamodb: Any) -> str:
    return str(dynamodb.scan(TableName=TABLE)["Items"])


def test_create_prints_only_the_token_to_standard_output(run_command: RunCommand) -> None:
    """`KEY=$(make -s key NAME=shop)` depends on it."""
    code, out, err = run_command("create", "--name", "shop")

    assert code == 0
    assert re.fullmatch(r"dk_[a-z2-7]{40}\n", out)
    assert "shop" in err
    assert out.strip() not in err


def test_token_is_not_stored_or_listed(run_command: RunCommand, dynamodb: Any) -> None:
    _, out, _ = run_command("create", "--name", "shop")

    token = out.strip()
    assert token not in stored_items(dynamodb)
    assert token.removeprefix("dk_") not in stored_items(dynamodb)
    assert token not in run_command("list")[1]


def test_new_key_authorizes_with_role_expiry_and_budget(
    run_command: RunCommand, dynamodb: Any
) -> None:
    _, out, err = run_command(
        "create", "--name", "shop", "--role", "read", "--days", "90", "--budget", "5.00"
    )

    now = datetime.now(UTC)
    authorize = Authorize(keys=KeyTable(dynamodb, TABLE), now=lambda: now)
    key = authorize.run(f"Bearer {out.strip()}")
    assert key is not None
    assert (key.name, key.role, key.daily_budget_micro_usd) == ("shop", Role.READ, 5_000_000)
    assert key.is_valid(now + timedelta(days=89))
    assert not key.is_valid(now + timedelta(days=91))
    assert "$5.00 a day" in err


def test_key_defaults_are_submit_no_expiry_no_budget(run_command: RunCommand) -> None:
    _, _, err = run_command("create", "--name", "shop")

    assert "submit" in err
    assert "expires never" in err
    assert "no daily budget" in err


def test_list_prints_one_line_per_key_oldest_first(run_command: RunCommand, dynamodb: Any) -> None:
    names = ["first", "second", "third"]
    for name in names:
        run_command("create", "--name", name)
    (first, *_) = KeyTable(dynamodb, TABLE).all()
    KeyTable(dynamodb, TABLE).touch(first.digest, date(2026, 11, 22))

    _, out, _ = run_command("list")

    lines = out.splitlines()
    assert [line.split("\t")[1] for line in lines] == names
    assert all(re.match(r"[0-9a-f]{12}\t", line) for line in lines)
    assert out.count("\t2026-11-22\t") == 1


def test_list_as_json_has_the_properties_of_each_key(run_command: RunCommand) -> None:
    run_command("create", "--name", "shop", "--budget", "2.5", "--days", "1")

    (key,) = json.loads(run_command("list", "--json")[1])["keys"]

    assert (key["name"], key["role"], key["last_used"]) == ("shop", "submit", None)
    assert key["daily_budget_micro_usd"] == 2_500_000
    assert datetime.fromisoformat(key["expires_at"]) > datetime.now(UTC)
    assert "digest" not in key


def test_revoke_deletes_only_its_key(run_command: RunCommand, dynamodb: Any) -> None:
    _, out, _ = run_command("create", "--name", "shop")
    run_command("create", "--name", "other")
    key_id = next(line for line in run_command("list")[1].splitlines() if "shop" in line).split(
        "\t"
    )[0]

    code, output, _ = run_command("revoke", key_id)

    assert code == 0
    assert output.startswith(f"revoked {key_id}  shop")
    assert [key.name for key in KeyTable(dynamodb, TABLE).all()] == ["other"]
    authorize = Authorize(keys=KeyTable(dynamodb, TABLE), now=lambda: datetime.now(UTC))
    assert authorize.run(f"Bearer {out.strip()}") is None


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("create",), Exit.USAGE),
        (("create", "--name", "two words"), Exit.BAD_REQUEST),
        (("create", "--name", "a" * 41), Exit.BAD_REQUEST),
        (("create", "--name", "a", "--role", "root"), Exit.USAGE),
        (("create", "--name", "a", "--days", "0"), Exit.USAGE),
        (("create", "--name", "a", "--budget", "-1"), Exit.USAGE),
        (("create", "--name", "a", "--budget", "nan"), Exit.USAGE),
        (("revoke",), Exit.USAGE),
        (("revoke", "0123456789ab"), Exit.BAD_REQUEST),
    ],
)
def test_invalid_option_changes_nothing(
    run_command: RunCommand, dynamodb: Any, arguments: tuple[str, ...], code: Exit
) -> None:
    assert run_command(*arguments)[:2] == (code, "")
    assert stored_items(dynamodb) == "[]"


def test_aws_error_is_reported_in_one_line(
    run_command: RunCommand, dynamodb: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stack, "find", lambda *_: FakeStack(dynamodb, "no-such-table"))

    code, out, err = run_command("create", "--name", "shop")

    assert (code, out) == (Exit.INTERNAL, "")  # an unusable token is not printed
    assert err.startswith("darkroom: ")
    assert "ResourceNotFoundException" in err
    assert err.count("\n") == 1
