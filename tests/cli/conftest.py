"""Fixtures that run the program in-process against a scripted deployment."""

import time
from functools import partial
from pathlib import Path

import httpx
import pytest

from darkroom_cli import client, main, session
from tests.cli.deployment import KEY, URL, Deployment, Run


@pytest.fixture
def deployment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Deployment:
    deployment = Deployment()
    transport = httpx.MockTransport(deployment.handle)
    monkeypatch.setattr(session, "Client", partial(client.Client, transport=transport))
    monkeypatch.setattr(time, "sleep", lambda _: None)
    monkeypatch.setenv("DARKROOM_URL", URL)
    monkeypatch.setenv("DARKROOM_KEY", KEY)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("PWD", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("DARKROOM_TRACEBACK", "1")
    monkeypatch.chdir(tmp_path)
    return deployment


@pytest.fixture
def darkroom(deployment: Deployment) -> Run:
    """A function that runs the command line with its arguments and returns the exit code."""
    return lambda *arguments: main.run(arguments)
