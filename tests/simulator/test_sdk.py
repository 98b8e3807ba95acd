"""The provider's official, unmodified SDK against the simulator."""

import io
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from PIL import Image
from wavespeed.api import Client  # type: ignore[import-untyped]

from simulator.testing import Provider, running
from tests.simulator.client import EDIT, TEXT

FAST_POLLING = {"poll_interval": 0.05, "timeout": 20.0}


@pytest.fixture(scope="module")
def fast_provider() -> Iterator[Provider]:
    with running(time_scale=0.002) as provider:
        yield provider


@pytest.fixture
def sdk(fast_provider: Provider) -> Client:
    fast_provider.reset()
    return Client(
        api_key=fast_provider.key, base_url=fast_provider.provider_url, retry_interval=0.01
    )


def image(url: str) -> Image.Image:
    with Image.open(io.BytesIO(httpx.get(url, trust_env=False).content)) as image:
        image.load()
        return image


def test_run_returns_an_image(sdk: Client) -> None:
    result = sdk.run(TEXT, {"prompt": "a lake", "aspect_ratio": "16:9"}, **FAST_POLLING)

    assert image(result["outputs"][0]).size == (1360, 768)


@pytest.mark.parametrize(
    ("marker", "error"),
    [
        ('run.failed code=1403 message="out of paint"', "out of paint"),
        ("run.moderated", "Content flagged as potentially sensitive"),
    ],
)
def test_run_no_throw_reports_failure(sdk: Client, marker: str, error: str) -> None:
    result = sdk.run_no_throw(TEXT, {"prompt": f"a lake [[fault {marker}]]"}, **FAST_POLLING)

    assert (result["status"], result["outputs"]) == ("failed", None)
    assert error in result["error"]
    assert len(result["task_id"]) == 32


def test_lost_submit_response_is_charged_once(sdk: Client, fast_provider: Provider) -> None:
    fast_provider.fault("submit.accept_then_close")

    with pytest.raises(RuntimeError, match="may already have been created"):
        sdk.run(TEXT, {"prompt": "a lake"}, **FAST_POLLING)

    assert len(fast_provider.submissions()) == len(fast_provider.ledger()) == 1


def test_polls_are_retried(
    sdk: Client, fast_provider: Provider, capsys: pytest.CaptureFixture[str]
) -> None:
    fast_provider.fault("poll.http", times=3, status=502, body="html")

    assert sdk.run(TEXT, {"prompt": "a lake"}, **FAST_POLLING)["outputs"]
    assert capsys.readouterr().out.count("HTTP 502") == 3


def test_uploaded_file_can_be_edited(sdk: Client, tmp_path: Path) -> None:
    file = tmp_path / "tea.png"
    Image.new("RGB", (900, 300), "teal").save(file)

    url = sdk.upload(str(file))
    result = sdk.run(EDIT, {"prompt": "a warm evening", "images": [url]}, **FAST_POLLING)

    edited = image(result["outputs"][0])
    assert edited.size == (1776, 592)
    assert edited.resize((1, 1)).getpixel((0, 0)) != (0, 128, 128)


def test_sync_mode_returns_the_result_in_one_request(sdk: Client, fast_provider: Provider) -> None:
    result = sdk.run(TEXT, {"prompt": "a lake"}, enable_sync_mode=True)

    assert image(result["outputs"][0]).size == (1024, 1024)
    assert len(fast_provider.requests(origin="api")) == 1
