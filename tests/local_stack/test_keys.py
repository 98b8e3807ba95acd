"""`make key`, `make keys` and `make revoke`: what they print, keep and refuse."""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from darkroom.adapters.key_table import KeyTable
from darkroom.domain.callers import Role
from darkroom.usecases.authorize import Authorize
from local import keys, paths
from tests.infra.template import properties

TABLE = "darkroom-table"
VARIABLES = ("NAME", "ROLE", "DAYS", "BUDGET", "ID", "STACK")

type Make = Callable[..., tuple[int, str, str]]


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
def make(
    dynamodb: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Make:
    """Return what calls a command with variables: its exit code, what it says, what it tells."""
    monkeypatch.setattr(keys, "target", lambda: (dynamodb, TABLE))

    def call(command: str, **variables: str) -> tuple[int, str, str]:
        for name in VARIABLES:
            monkeypatch.delenv(name, raising=False)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr("sys.argv", ["local.keys", command])
        code = keys.main()
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


def kept(dynamodb: Any) -> str:
    return str(dynamodb.scan(TableName=TABLE)["Items"])


def test_a_new_key_stands_alone_on_standard_output(make: Make) -> None:
    """So that KEY=$(make -s key NAME=shop) works."""
    code, out, err = make("create", NAME="shop")

    assert code == 0
    assert re.fullmatch(r"dk_[a-z2-7]{40}\n", out)
    assert "shop" in err
    assert out.strip() not in err


def test_the_key_itself_is_kept_nowhere(make: Make, dynamodb: Any) -> None:
    _, out, _ = make("create", NAME="shop")

    token = out.strip()
    assert token not in kept(dynamodb)
    assert token.removeprefix("dk_") not in kept(dynamodb)
    assert token not in make("list")[1]


def test_a_new_key_opens_the_door_with_what_was_asked_for(make: Make, dynamodb: Any) -> None:
    _, out, err = make("create", NAME="shop", ROLE="read", DAYS="90", BUDGET="5.00")

    now = datetime.now(UTC)
    authorize = Authorize(keys=KeyTable(dynamodb, TABLE), now=lambda: now)
    key = authorize(f"Bearer {out.strip()}")
    assert key is not None
    assert (key.name, key.role, key.daily_budget_micro_usd) == ("shop", Role.READ, 5_000_000)
    assert key.is_valid(now + timedelta(days=89))
    assert not key.is_valid(now + timedelta(days=91))
    assert "$5.00 a day" in err


def test_without_more_than_a_name_a_key_submits_and_does_not_expire(make: Make) -> None:
    _, _, err = make("create", NAME="shop", ROLE="", DAYS="", BUDGET="")

    assert "submit" in err
    assert "expires never" in err
    assert "no daily budget" in err


def test_a_budget_of_nothing_is_not_no_budget(make: Make) -> None:
    assert "$0.00 a day" in make("create", NAME="shop", BUDGET="0")[2]


def test_the_list_has_every_key_in_one_line_oldest_first(make: Make, dynamodb: Any) -> None:
    names = ["first", "second", "third"]
    for name in names:
        make("create", NAME=name)
    (first, *_) = KeyTable(dynamodb, TABLE).all()
    KeyTable(dynamodb, TABLE).touch(first.digest, date(2026, 11, 22))

    _, out, _ = make("list")

    lines = out.splitlines()
    assert [line.split()[1] for line in lines] == names
    assert all(re.match(r"[0-9a-f]{12}  ", line) for line in lines)
    assert "last used 2026-11-22" in out
    assert out.count("last used never") == 2


def test_no_key_is_an_empty_list(make: Make) -> None:
    assert make("list") == (0, "", "")


def test_a_revoked_key_is_gone_and_the_others_stay(make: Make, dynamodb: Any) -> None:
    _, out, _ = make("create", NAME="shop")
    make("create", NAME="other")
    wanted = next(line for line in make("list")[1].splitlines() if "shop" in line).split()[0]

    code, said, _ = make("revoke", ID=wanted)

    assert code == 0
    assert said.startswith(f"revoked {wanted}  shop")
    assert [key.name for key in KeyTable(dynamodb, TABLE).all()] == ["other"]
    authorize = Authorize(keys=KeyTable(dynamodb, TABLE), now=lambda: datetime.now(UTC))
    assert authorize(f"Bearer {out.strip()}") is None


@pytest.mark.parametrize(
    ("command", "variables", "said"),
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
        ("revoke", {"ID": "0123456789ab"}, "ID: there is no key 0123456789ab; `make keys` lists"),
    ],
)
def test_what_will_not_do_is_said_in_one_sentence_and_changes_nothing(
    make: Make, dynamodb: Any, command: str, variables: dict[str, str], said: str
) -> None:
    code, out, err = make(command, **variables)

    assert (code, out) == (1, "")
    assert err.startswith(f"failed: {said}")
    assert err.count("\n") == 1
    assert kept(dynamodb) == "[]"


def test_what_aws_refuses_is_said_in_one_sentence(
    make: Make, dynamodb: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys, "target", lambda: (dynamodb, "no-such-table"))

    code, out, err = make("create", NAME="shop")

    assert (code, out) == (1, "")  # no key is shown that does not work
    assert err.startswith("failed: ")
    assert "ResourceNotFoundException" in err
    assert err.count("\n") == 1


def test_without_a_stack_the_way_to_one_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(paths, "STACK_FILE", tmp_path / "stack.json")
    monkeypatch.delenv("STACK", raising=False)
    monkeypatch.setattr("sys.argv", ["local.keys", "list"])

    assert keys.main() == 1

    expected = "failed: no stack is up in this clone: `make up` first, or say STACK=name\n"
    assert capsys.readouterr().err == expected
