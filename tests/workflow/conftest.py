"""One deployment a test."""

from collections.abc import Iterator

import pytest
from moto import mock_aws

from darkroom.observability import logger
from tests.workflow.cloud import PRIVATE, Cloud


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Iterator[Cloud]:
    with mock_aws(config={"stepfunctions": {"execute_state_machine": True}}):
        yield Cloud(monkeypatch)
    ours = [
        str(vars(record)) for record in caplog.get_records("call") if record.name == logger.name
    ]
    assert not [line for line in ours for private in PRIVATE if private in line]
