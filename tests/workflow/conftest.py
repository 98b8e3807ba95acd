"""Fixtures: one deployment per test, whose counts, permissions and logs are checked at the end."""

from collections.abc import Iterator

import pytest
from moto import mock_aws

from darkroom.observability import logger
from tests.workflow.cloud import PRIVATE, Cloud, tokens


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Iterator[Cloud]:
    with mock_aws(config={"stepfunctions": {"execute_state_machine": True}}):
        deployed = Cloud(monkeypatch)
        yield deployed
        deployed.check_counts()
        assert deployed.lambdas.denied == []
    log_records = [
        str(vars(record)) for record in caplog.get_records("call") if record.name == logger.name
    ]
    private = (*PRIVATE, *tokens(deployed.provider.posts))
    assert not [line for line in log_records for text in private if text in line]


@pytest.fixture
def webhook_cloud(cloud: Cloud) -> Cloud:
    """Return the deployment with webhooks enabled."""
    cloud.enable_webhooks()
    return cloud
