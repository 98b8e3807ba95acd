"""The event of the warm-up: every function accepts it, starts nothing and logs no crash."""

import importlib
import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from aws_lambda_powertools.utilities.typing import LambdaContext

import thumbnail
from darkroom.handlers import _http
from local.warmup import EVENT
from tests.fakes.world import World
from tests.infra.template import ROOT

# ArchiveAudit is not on the local stack, and Quote asks the simulator for a price.
MODULES = Path(ROOT, "functions/darkroom/handlers").glob("[a-z]*.py")
HANDLERS = sorted({path.stem for path in MODULES} - {"archive_audit", "quote"})
CONTEXT = cast(
    "LambdaContext",
    SimpleNamespace(aws_request_id="warm-up", get_remaining_time_in_millis=lambda: 1000),
)


@pytest.mark.parametrize("name", HANDLERS)
def test_function_accepts_the_event_of_the_warm_up(
    name: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    world = World()
    handler: Any = importlib.import_module(f"darkroom.handlers.{name}")
    monkeypatch.setattr(handler if hasattr(handler, "app") else _http, "app", lambda: world.app)
    _http.api.cache_clear()

    handler.handler(EVENT, CONTEXT)

    _http.api.cache_clear()
    assert [record.message for record in caplog.records if record.levelno >= logging.ERROR] == []
    assert world.workflow.started == []


def test_thumbnail_function_accepts_the_event_of_the_warm_up() -> None:
    assert thumbnail.handler(EVENT, CONTEXT) == {"outcomes": []}
