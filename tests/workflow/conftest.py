"""One deployment a test."""

from collections.abc import Iterator

import pytest
from moto import mock_aws

from darkroom.observability import logger
from tests.workflow.cloud import Cloud
from tests.workflow.invariants import PRIVATE


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Iterator[Cloud]:
    with mock_aws(config={"stepfunctions": {"execute_state_machine": True}}):
        made = Cloud(monkeypatch)
        yield made
        made.check_counts()
        assert made.lambdas.refused == []
    ours = [
        str(vars(record)) for record in caplog.get_records("call") if record.name == logger.name
    ]
    private = (*PRIVATE, *made.secrets)
    assert not [line for line in ours for each in private if each in line]


@pytest.fixture
def wait_for_webhook(cloud: Cloud) -> Cloud:
    """The same, with webhooks on."""
    cloud.listen()
    return cloud
