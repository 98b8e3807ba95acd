"""The audit log in CloudWatch Logs, and its archive in S3."""

import base64
import gzip
import json
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from mypy_boto3_dynamodb import DynamoDBClient
from mypy_boto3_s3 import S3Client

from darkroom.adapters.audit_log import AuditLog
from darkroom.adapters.dynamodb.audited_settings import AuditedSettingsTable
from darkroom.adapters.s3.audit_archive import AuditArchive
from darkroom.domain.audit import Act, AuditEntry
from darkroom.handlers import archive_audit
from tests.contract.conftest import TABLE
from tests.unit.http import CONTEXT

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
ENTRY = AuditEntry(
    time=NOW, act=Act.JOB_CREATED, object="job-1", name="key:shop", key_id="0123", source_ip=None
)


@pytest.mark.usefixtures("aws")
def test_entries_are_json_lines_in_the_log_group() -> None:
    logs = boto3.client("logs")
    logs.create_log_group(logGroupName="audit")
    audit = AuditLog(logs, "audit", lambda *_: pytest.fail("an entry was lost"))

    audit.record(ENTRY)
    audit.record(ENTRY.model_copy(update={"act": Act.JOB_CANCELED}))

    events = logs.filter_log_events(logGroupName="audit")["events"]
    assert [json.loads(event["message"])["act"] for event in events] == [
        "job.created", "job.canceled"
    ]  # fmt: skip
    assert AuditEntry.model_validate_json(events[0]["message"]) == ENTRY
    assert events[0]["timestamp"] == NOW.timestamp() * 1000


@pytest.mark.usefixtures("aws")
def test_an_entry_that_cannot_be_written_is_reported() -> None:
    lost: list[dict[str, Any]] = []
    audit = AuditLog(boto3.client("logs"), "missing", lambda entry, _: lost.append(entry))

    audit.record(ENTRY)

    assert lost == [ENTRY.model_dump(mode="json")]


def test_the_archive_stores_each_delivery_under_its_day(s3: S3Client) -> None:
    archive = AuditArchive(s3, "assets")
    lines = [(round(NOW.timestamp() * 1000), '{"act": "a"}'), (0, '{"act": "b"}')]

    key = archive.store(lines)

    assert archive.store(lines) == key
    assert key.startswith("2026/11/30/")
    body = s3.get_object(Bucket="assets", Key=key)["Body"].read()
    assert body == b'{"act": "a"}\n{"act": "b"}\n'


def test_the_handler_archives_a_delivery_of_cloudwatch_logs(
    s3: S3Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = AuditArchive(s3, "assets")
    monkeypatch.setattr(
        archive_audit, "app", lambda: SimpleNamespace(ports=SimpleNamespace(audit_archive=archive))
    )
    line = {"id": "1", "timestamp": NOW.timestamp() * 1000, "message": ENTRY.model_dump_json()}
    text = json.dumps({"messageType": "DATA_MESSAGE", "logEvents": [line]}).encode()
    delivery = {"awslogs": {"data": base64.b64encode(gzip.compress(text)).decode()}}

    key = archive_audit.handler(delivery, CONTEXT)["key"]

    body = s3.get_object(Bucket="assets", Key=key)["Body"].read()
    assert AuditEntry.model_validate_json(body) == ENTRY


def test_the_audited_settings_are_replaced(dynamodb: DynamoDBClient) -> None:
    table = AuditedSettingsTable(dynamodb, TABLE)
    assert table.read() == {}

    table.write({"submits": "on"})
    table.write({"submits": "off"})

    assert table.read() == {"submits": "off"}


def test_one_audited_setting_is_replaced_if_there_are_values(dynamodb: DynamoDBClient) -> None:
    table = AuditedSettingsTable(dynamodb, TABLE)
    table.note("submits", "off")
    assert table.read() == {}
    table.write({"submits": "on", "presets": "version 1"})

    table.note("submits", "off")

    assert table.read() == {"submits": "off", "presets": "version 1"}
