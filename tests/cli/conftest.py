"""The program in this process, against a deployment that is scripted."""

import time
from functools import partial
from pathlib import Path

import httpx
import pytest

from darkroom_cli import client, main, session
from tests.cli.deployment import KEY, URL, Deployment, Run


@pytest.fixture
def deployment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Deployment:
    made = Deployment()
    transport = httpx.MockTransport(made.handle)
    monkeypatch.setattr(session, "Client", partial(client.Client, transport=transport))
    monkeypatch.setattr(time, "sleep", lambda _: None)
    monkeypatch.setenv("DARKROOM_URL", URL)
    monkeypatch.setenv("DARKROOM_KEY", KEY)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("PWD", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)
    return made


@pytest.fixture
def darkroom(deployment: Deployment) -> Run:
    """The command, with its arguments; returns its exit code."""
    return lambda *arguments: main.run(arguments)
