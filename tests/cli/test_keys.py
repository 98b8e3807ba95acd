"""`darkroom keys`: output, stored items and errors."""

import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import boto3
import pytest
from moto import mock_aws

from darkroom.adapters.dynamodb.jobs import BudgetTable
from darkroom.adapters.dynamodb.keys import KeyTable
from darkroom.domain.callers import AWS, Role
from darkroom.domain.keys import Creator, digest
from darkroom.usecases.authorize import Authorize
from darkroom_cli import main
from darkroom_cli.errors import Exit
from darkroom_cli.operator import stack
from tests.cli.deployment import KEY, Deployment, problem
from tests.fakes.signals import InMemoryAudit, InMemoryMetrics
from tests.infra.template import properties

TABLE, AUDIT_LOG = "darkroom-table", "audit"
SOURCE_IP = "203.0.113.7"
SHOP = ("--name", "shop", "--days", "90", "--budget", "5")

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
        boto3.client("logs").create_log_group(logGroupName=AUDIT_LOG)
        yield client


@pytest.fixture
def run_command(
    dynamodb: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> RunCommand:
    """Return a function that runs a command and returns its exit code, output and errors."""
    monkeypatch.setattr(stack, "find", lambda *_: FakeStack(dynamodb))

    def call(*arguments: str) -> tuple[int, str, str]:
        code = main.run(["keys", *arguments, "--stack", "darkroom"])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


class FakeStack:
    """A fake of the stack: its table."""

    def __init__(self, dynamodb: Any, table: str = TABLE) -> None:
        self.dynamodb = dynamodb
        self.table = table

    def client(self, service: str) -> Any:
        return self.dynamodb if service == "dynamodb" else boto3.client(service)  # type: ignore[call-overload]

    def output(self, name: str) -> str:
        return {"TableName": self.table, "AuditLogName": AUDIT_LOG}[name]


def stored_items(dynamodb: Any) -> str:
    return str(dynamodb.scan(TableName=TABLE)["Items"])


def test_create_prints_only_the_token_to_standard_output(run_command: RunCommand) -> None:
    """`KEY=$(make -s key NAME=shop)` depends on it."""
    code, out, err = run_command("create", *SHOP)

    assert code == 0
    assert re.fullmatch(r"dk_[a-z2-7]{40}\n", out)
    assert "shop" in err
    assert out.strip() not in err


def test_quiet_creation_prints_the_token_and_nothing_else(run_command: RunCommand) -> None:
    code, out, err = run_command("create", *SHOP, "--quiet")

    assert (code, err) == (0, "")
    assert re.fullmatch(r"dk_[a-z2-7]{40}\n", out)
    assert run_command("list", "-q")[0] == 0


def authorizer(dynamodb: Any, now: datetime) -> Authorize:
    keys = KeyTable(dynamodb, TABLE)
    return Authorize(keys, InMemoryAudit(), InMemoryMetrics(), lambda: now)


def test_new_key_authorizes_with_role_expiry_and_budget(
    run_command: RunCommand, dynamodb: Any
) -> None:
    _, out, err = run_command(
        "create", "--name", "shop", "--role", "read", "--days", "90", "--budget", "5.00"
    )

    now = datetime.now(UTC)
    key = authorizer(dynamodb, now).run(f"Bearer {out.strip()}", SOURCE_IP)
    assert key is not None
    assert (key.name, key.role, key.created_by) == ("shop", Role.READ, Creator.of(AWS))
    assert BudgetTable(dynamodb, TABLE).cap("key:shop") == 5_000_000
    assert key.is_valid(now + timedelta(days=89))
    assert not key.is_valid(now + timedelta(days=91))
    assert "$5.00 a day" in err


def test_key_without_limits_needs_unlimited(run_command: RunCommand, dynamodb: Any) -> None:
    code, out, err = run_command("create", "--name", "shop")

    assert (code, out) == (Exit.USAGE, "")
    assert "A key needs --days and --budget, or --unlimited." in err
    assert "DAYS=90 BUDGET=5" in err
    assert stored_items(dynamodb) == "[]"
    _, _, note = run_command("create", "--name", "shop", "--unlimited")
    assert "expires never, no daily budget" in note


def test_budget_of_a_caller_is_changed_and_lifted(run_command: RunCommand, dynamodb: Any) -> None:
    run_command("create", *SHOP)
    (key,) = KeyTable(dynamodb, TABLE).all()
    budgets = BudgetTable(dynamodb, TABLE)

    code, out, _ = run_command("budget", key.key_id, "--budget", "2.5")

    assert code == 0
    assert "$2.50 a day" in out
    assert budgets.caps() == {"key:shop": 2_500_000}
    assert run_command("budget", key.key_id)[0] == Exit.USAGE
    assert run_command("budget", "0" * 12, "--unlimited")[0] == Exit.BAD_REQUEST
    assert budgets.caps() == {"key:shop": 2_500_000}
    assert run_command("budget", key.key_id, "--unlimited")[0] == 0
    assert budgets.caps() == {}


def test_list_prints_one_line_per_key_oldest_first(run_command: RunCommand, dynamodb: Any) -> None:
    names = ["first", "second", "third"]
    for name in names:
        run_command("create", "--name", name, "--unlimited")
    (first, *_) = KeyTable(dynamodb, TABLE).all()
    KeyTable(dynamodb, TABLE).touch(first, date(2026, 11, 22))

    _, out, _ = run_command("list")

    lines = out.splitlines()
    assert [line.split("\t")[1] for line in lines] == names
    assert all(re.match(r"[0-9a-f]{12}\t", line) for line in lines)
    assert out.count("\t2026-11-22\t") == 1


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("create",), Exit.USAGE),
        (("create", "--unlimited", "--name", "two words"), Exit.BAD_REQUEST),
        (("create", "--unlimited", "--name", "a" * 41), Exit.BAD_REQUEST),
        (("create", "--name", "a", "--role", "root"), Exit.USAGE),
        (("create", "--name", "a", "--days", "0"), Exit.USAGE),
        (("create", "--name", "a", "--budget", "-1"), Exit.USAGE),
        (("create", "--name", "a", "--budget", "nan"), Exit.USAGE),
        (("create", *SHOP, "--model", "*"), Exit.BAD_REQUEST),
        (("create", *SHOP, "--source-cidr", "here"), Exit.BAD_REQUEST),
        (("create", "--name", "a", "--days", "9"), Exit.USAGE),
        (("budget",), Exit.USAGE),
        (("budget", "0123456789ab"), Exit.USAGE),
        (("budget", "0123456789ab", "--budget", "1", "--unlimited"), Exit.USAGE),
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

    code, out, err = run_command("create", *SHOP)

    assert (code, out) == (Exit.INTERNAL, "")  # an unusable token is not printed
    assert err.startswith("darkroom: ")
    assert "ResourceNotFoundException" in err
    assert err.count("\n") == 1


SHOWN = {
    "id": "3f9a1c22b7d4", "name": "shop", "role": "submit", "created_at": "2026-11-22T12:00:00Z",
    "created_by": {"name": "key:boss", "key_id": "0123456789ab"},
    "expires_at": "2027-02-20T12:00:00Z", "daily_budget_usd": 5.0, "used_today_usd": 0.0625,
    "models": ["maker/*"], "source_cidrs": [], "callback_host": "hooks.test", "last_used": None,
}  # fmt: skip


def test_admin_key_creates_a_key_over_the_api(
    deployment: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    deployment.on("POST /v1/keys", SHOWN | {"key": "dk_new"})

    options = ["--model", "maker/*", "--callback-url", "https://hooks.test/x"]
    assert main.run(["keys", "create", *SHOP, *options]) == 0

    assert deployment.bodies("/v1/keys") == [
        {
            "name": "shop", "role": "submit", "expires_in_days": 90, "daily_budget_usd": 5.0,
            "unlimited": False, "models": ["maker/*"], "callback_url": "https://hooks.test/x",
        }
    ]  # fmt: skip
    assert deployment.requests[0].headers["Authorization"] == f"Bearer {KEY}"
    assert capsys.readouterr().out == "dk_new\n"


def test_failed_creation_is_not_repeated(
    deployment: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each request creates a key."""
    deployment.on("POST /v1/keys", problem(500, "internal-error"), SHOWN | {"key": "dk_new"})

    assert main.run(["keys", "create", *SHOP]) == Exit.INTERNAL

    assert len(deployment.requests) == 1
    assert capsys.readouterr().out == ""


def test_admin_key_lists_changes_and_revokes_over_the_api(
    deployment: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    deployment.on("GET /v1/keys", {"keys": [SHOWN]})
    deployment.on("PATCH /v1/keys/3f9a1c22b7d4", SHOWN)
    deployment.on("DELETE /v1/keys/3f9a1c22b7d4", {"id": "3f9a1c22b7d4", "name": "shop"})

    assert main.run(["keys", "list"]) == 0
    assert main.run(["keys", "budget", "3f9a1c22b7d4", "--budget", "5"]) == 0
    assert main.run(["keys", "revoke", "3f9a1c22b7d4"]) == 0

    listed, changed, revoked = capsys.readouterr().out.splitlines()
    assert listed.split("\t") == [
        "3f9a1c22b7d4", "shop", "submit", "2026-11-22", "key:boss", "", "2027-02-20", "$5.00",
        "$0.0625", "maker/*", "", "hooks.test",
    ]  # fmt: skip
    assert "$5.00 a day for the caller, only maker/*" in changed
    assert revoked.startswith("revoked 3f9a1c22b7d4  shop")
    [_, patch, _] = deployment.requests
    assert json.loads(patch.content) == {"daily_budget_usd": 5.0, "unlimited": False}


def test_key_without_the_role_admin_is_refused(
    deployment: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    deployment.on("GET /v1/keys", problem(403, "forbidden"))

    assert main.run(["keys", "list"]) == Exit.REFUSED_KEY
    assert "make key" in capsys.readouterr().err


def test_created_and_revoked_keys_are_audited(run_command: RunCommand) -> None:
    _, out, _ = run_command("create", *SHOP)
    key_id = digest(out.strip())[:12]
    run_command("revoke", key_id)

    events = boto3.client("logs").filter_log_events(logGroupName=AUDIT_LOG)["events"]
    entries = [json.loads(event["message"]) for event in events]
    assert [(e["act"], e["object"], e["name"], e["value"]) for e in entries] == [
        ("key.created", key_id, "aws", "submit shop"),
        ("budget.changed", "key:shop", "aws", "5 USD a day"),
        ("key.revoked", key_id, "aws", "shop"),
    ]
    assert out.strip() not in str(entries)


def test_key_is_shown_although_it_could_not_be_audited(run_command: RunCommand) -> None:
    boto3.client("logs").delete_log_group(logGroupName=AUDIT_LOG)

    code, out, err = run_command("create", *SHOP)

    assert code == 0
    assert out.startswith("dk_")
    assert "key.created is missing in the audit log" in err
