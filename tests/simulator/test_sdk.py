"""The provider's official SDK, unmodified, against the simulator."""

import io
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import wavespeed  # type: ignore[import-untyped]
from PIL import Image
from wavespeed.api import Client  # type: ignore[import-untyped]

from local.provider.testing import Provider, running
from tests.simulator.client import EDIT, TEXT

QUICK = {"poll_interval": 0.05, "timeout": 20.0}


@pytest.fixture(scope="module")
def quick() -> Iterator[Provider]:
    with running(time_scale=0.002) as provider:
        yield provider


@pytest.fixture
def sdk(quick: Provider) -> Client:
    quick.reset()
    return Client(api_key=quick.key, base_url=quick.provider_url, retry_interval=0.01)


def picture(url: str) -> Image.Image:
    with Image.open(io.BytesIO(httpx.get(url, trust_env=False).content)) as image:
        image.load()
        return image


def test_the_newest_release_is_tested() -> None:
    assert wavespeed.__version__ == "2.0.5"


def test_run_returns_a_picture(sdk: Client) -> None:
    result = sdk.run(TEXT, {"prompt": "a lake", "aspect_ratio": "16:9"}, **QUICK)

    assert picture(result["outputs"][0]).size == (1360, 768)


def test_run_no_throw_reports_success(sdk: Client, quick: Provider) -> None:
    result = sdk.run_no_throw(TEXT, {"prompt": "a lake"}, **QUICK)

    [charge] = quick.ledger()
    assert (result["status"], result["error"]) == ("completed", None)
    assert result["task_id"] == charge["prediction"]


@pytest.mark.parametrize(
    ("marker", "says"),
    [
        ('run.failed code=1403 message="out of paint"', "out of paint"),
        ("run.moderated", "Content flagged as potentially sensitive"),
    ],
)
def test_run_no_throw_reports_failure(sdk: Client, marker: str, says: str) -> None:
    result = sdk.run_no_throw(TEXT, {"prompt": f"a lake [[fault {marker}]]"}, **QUICK)

    assert (result["status"], result["outputs"]) == ("failed", None)
    assert says in result["error"]
    assert len(result["task_id"]) == 32


def test_run_raises_on_invalid_input(sdk: Client) -> None:
    with pytest.raises(RuntimeError, match=r"HTTP 400.*prompt"):
        sdk.run(TEXT, {}, **QUICK)


def test_an_ambiguous_submit_is_sent_and_charged_once(sdk: Client, quick: Provider) -> None:
    quick.fault("submit.accept_then_close")

    with pytest.raises(RuntimeError, match="may already have been created"):
        sdk.run(TEXT, {"prompt": "a lake"}, **QUICK)

    assert len(quick.submissions()) == len(quick.ledger()) == 1


def test_polls_are_retried(
    sdk: Client, quick: Provider, capsys: pytest.CaptureFixture[str]
) -> None:
    quick.fault("poll.http", times=3, status=502, body="html")

    assert sdk.run(TEXT, {"prompt": "a lake"}, **QUICK)["outputs"]
    assert capsys.readouterr().out.count("HTTP 502") == 3


def test_an_upload_can_be_edited(sdk: Client, tmp_path: Path) -> None:
    file = tmp_path / "tea.png"
    Image.new("RGB", (900, 300), "teal").save(file)

    url = sdk.upload(str(file))
    result = sdk.run(EDIT, {"prompt": "a warm evening", "images": [url]}, **QUICK)

    edited = picture(result["outputs"][0])
    assert edited.size == (1776, 592)
    assert edited.resize((1, 1)).getpixel((0, 0)) != (0, 128, 128)


def test_a_stream_can_be_uploaded(sdk: Client) -> None:
    file = io.BytesIO()
    Image.new("RGB", (40, 40), "red").save(file, "WEBP")
    file.seek(0)
    file.name = "red.webp"

    assert picture(sdk.upload(file)).format == "WEBP"


def test_sync_mode_returns_the_result_in_one_request(sdk: Client, quick: Provider) -> None:
    result = sdk.run(TEXT, {"prompt": "a lake"}, enable_sync_mode=True)

    assert picture(result["outputs"][0]).size == (1024, 1024)
    assert len(quick.requests(origin="api")) == 1
