"""The provider's official SDKs, newest and unmodified, with another base URL and key."""

import io
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import httpx
import pytest
import wavespeed  # type: ignore[import-untyped]
from PIL import Image
from wavespeed.api import Client  # type: ignore[import-untyped]

from local import paths
from tests.e2e.desk import Desk, picture

TEXT, EDIT = "openai/gpt-image-2/text-to-image", "openai/gpt-image-2/edit"
QUICK: dict[str, Any] = {"poll_interval": 0.3, "timeout": 90.0}
MODERATED = "Content flagged as potentially sensitive"


def small(prompt: str, **more: Any) -> dict[str, Any]:
    return {"prompt": prompt, "quality": "low", "resolution": "1k"} | more


def image(url: str) -> Image.Image:
    with Image.open(io.BytesIO(httpx.get(url, trust_env=False).content)) as opened:
        opened.load()
        return opened


@pytest.fixture(scope="module")
def token(desk: Desk) -> str:
    return desk.key("sdk", budget=5.0)


@pytest.fixture(scope="module")
def sdk(desk: Desk, token: str) -> Client:
    return Client(api_key=token, base_url=desk.stack.api_url, retry_interval=0.1)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sdk") / "kite.png"
    path.write_bytes(picture())
    return path


def test_run_returns_the_url_of_a_picture_in_our_own_bucket(desk: Desk, sdk: Client) -> None:
    # As the provider's own samples have it.
    given = small("A kite, by Python", enable_sync_mode=False, enable_base64_output=False)

    (url,) = sdk.run(TEXT, given, **QUICK)["outputs"]

    assert f"{desk.stack.assets_bucket}/jobs/" in url
    assert image(url).size == (1024, 1024)
    (post,) = desk.posts("A kite, by Python")
    assert post["body"].keys() == {"prompt", "quality", "resolution", "output_format"}


def test_run_no_throw_names_the_job(desk: Desk, sdk: Client) -> None:
    result = sdk.run_no_throw(TEXT, small("A boat, by Python"), **QUICK)

    assert (result["status"], result["error"]) == ("completed", None)
    assert desk.job(result["task_id"]).caller == "key:sdk"


def test_an_uploaded_file_and_an_earlier_output_can_be_edited(sdk: Client, file: Path) -> None:
    url = sdk.upload(str(file))
    first = sdk.run(EDIT, small("Bluer", images=[url]), **QUICK)["outputs"]

    second = sdk.run(EDIT, small("Bluer still", images=first), **QUICK)["outputs"]

    assert image(url).size == (320, 240)
    assert image(second[0]).size


@pytest.mark.parametrize(
    ("marker", "says"),
    [
        ('run.failed code=1403 message="out of paint"', "out of paint"),
        ("run.moderated", MODERATED),
    ],
)
def test_a_failed_prediction_is_told_in_the_providers_words(
    desk: Desk, sdk: Client, marker: str, says: str
) -> None:
    result = sdk.run_no_throw(TEXT, small(f"No luck [[fault {marker}]]"), **QUICK)

    assert (result["status"], result["outputs"]) == ("failed", None)
    assert says in result["error"]
    assert not desk.job(result["task_id"]).is_open


def test_a_bad_key_is_refused(desk: Desk) -> None:
    stranger = Client(api_key="dk_nobody", base_url=desk.stack.api_url)

    with pytest.raises(RuntimeError, match="HTTP 401"):
        stranger.run(TEXT, small("x"), **QUICK)


def test_a_bad_enum_is_refused_and_named(sdk: Client) -> None:
    with pytest.raises(RuntimeError, match=r"HTTP 400.*quality"):
        sdk.run(TEXT, {"prompt": "x", "quality": "ultra"}, **QUICK)


def test_the_balance_is_what_is_left_of_the_days_budget(desk: Desk) -> None:
    with desk.http(desk.key("thrifty", budget=0.5)) as client:

        def balance() -> float:
            answer = client.get("/api/v3/balance").json()
            assert answer["code"] == 200
            return float(answer["data"]["balance"])

        before = balance()
        body = client.post(f"/api/v3/{TEXT}", json=small("A coin")).json()
        desk.outcome_of_job(body["data"]["id"])

        assert (before, balance()) == (0.5, 0.49)


@pytest.fixture(scope="module")
def javascript(desk: Desk, token: str, file: Path) -> Any:
    """What sdk.js got, all at once."""
    done = subprocess.run(
        ["node", Path(__file__).with_name("sdk.js")],  # noqa: S607
        env={
            "PATH": os.environ["PATH"],
            "NODE_PATH": str(paths.STATE / "node" / "node_modules"),
            "DARKROOM_URL": desk.stack.api_url,
            "DARKROOM_KEY": token,
            "PICTURE": str(file),
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_both_sdks_are_the_newest_known() -> None:
    package = paths.STATE / "node" / "node_modules" / "wavespeed" / "package.json"

    assert wavespeed.__version__ == "2.0.5"
    assert json.loads(package.read_text())["version"] == "0.3.2"


@pytest.mark.parametrize("call", ["run", "edit", "runNoThrow"])
def test_javascript_gets_pictures(desk: Desk, javascript: dict[str, Any], call: str) -> None:
    (url,) = javascript[call]["outputs"]

    assert f"{desk.stack.assets_bucket}/jobs/" in url
    assert image(url).size


def test_javascript_can_upload(javascript: dict[str, Any]) -> None:
    assert image(javascript["url"]).size == (320, 240)


@pytest.mark.parametrize(("call", "says"), [("failed", "out of paint"), ("moderated", MODERATED)])
def test_javascript_hears_why_it_failed(javascript: dict[str, Any], call: str, says: str) -> None:
    assert (javascript[call]["status"], javascript[call]["outputs"]) == ("failed", None)
    assert says in javascript[call]["error"]


@pytest.mark.parametrize(("call", "says"), [("badEnum", "quality"), ("badKey", "HTTP 401")])
def test_javascript_hears_what_was_wrong(javascript: dict[str, Any], call: str, says: str) -> None:
    assert says in javascript[call]
