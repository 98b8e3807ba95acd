"""The official WaveSpeed SDKs, unmodified, with the base URL and a key of the deployment."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
import wavespeed  # type: ignore[import-untyped]
from PIL import Image
from wavespeed.api import Client  # type: ignore[import-untyped]

from local import paths
from tests.e2e.deployment import Deployment, png_image

TEXT, EDIT = "openai/gpt-image-2/text-to-image", "openai/gpt-image-2/edit"
QUICK: dict[str, Any] = {"poll_interval": 0.3, "timeout": 90.0}
MODERATED = "Content flagged as potentially sensitive"


def low_quality(prompt: str, **fields: Any) -> dict[str, Any]:
    return {"prompt": prompt, "quality": "low", "resolution": "1k"} | fields


def image(url: str) -> Image.Image:
    with Image.open(io.BytesIO(httpx.get(url, trust_env=False).content)) as opened_image:
        opened_image.load()
        return opened_image


@pytest.fixture(scope="module")
def token(deployment: Deployment) -> str:
    return deployment.create_key("sdk", daily_budget_usd=5.0)


@pytest.fixture(scope="module")
def sdk(deployment: Deployment, token: str) -> Client:
    return Client(api_key=token, base_url=deployment.stack.api_url, retry_interval=0.1)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sdk") / "kite.png"
    path.write_bytes(png_image())
    return path


def test_run_returns_a_url_in_the_assets_bucket(deployment: Deployment, sdk: Client) -> None:
    # Input of the samples of the provider.
    model_input = low_quality(
        "A kite, by Python", enable_sync_mode=False, enable_base64_output=False
    )

    (url,) = sdk.run(TEXT, model_input, **QUICK)["outputs"]

    assert f"{deployment.stack.assets_bucket}/jobs/" in url
    assert image(url).size == (1024, 1024)
    (post,) = deployment.submits_with("A kite, by Python")
    assert post["body"].keys() == {"prompt", "quality", "resolution", "output_format"}


def test_run_no_throw_returns_the_job_id(deployment: Deployment, sdk: Client) -> None:
    result = sdk.run_no_throw(TEXT, low_quality("A boat, by Python"), **QUICK)

    assert (result["status"], result["error"]) == ("completed", None)
    assert deployment.job(result["task_id"]).caller == "key:sdk"


def test_file_object_without_a_name_can_be_uploaded(sdk: Client) -> None:
    url = sdk.upload(io.BytesIO(png_image()))

    assert sdk.run(EDIT, low_quality("From memory", images=[url]), **QUICK)["outputs"]


def test_uploaded_file_and_earlier_output_can_be_edited(sdk: Client, file: Path) -> None:
    url = sdk.upload(str(file))
    first = sdk.run(EDIT, low_quality("Bluer", images=[url]), **QUICK)["outputs"]

    second = sdk.run(EDIT, low_quality("Bluer still", images=first), **QUICK)["outputs"]

    assert image(url).size == (320, 240)
    assert image(second[0]).size


@pytest.mark.parametrize(
    ("marker", "message"),
    [
        ('run.failed code=1403 message="out of paint"', "out of paint"),
        ("run.moderated", MODERATED),
    ],
)
def test_failed_prediction_has_the_error_message_of_the_provider(
    deployment: Deployment, sdk: Client, marker: str, message: str
) -> None:
    result = sdk.run_no_throw(TEXT, low_quality(f"No luck [[fault {marker}]]"), **QUICK)

    assert (result["status"], result["outputs"]) == ("failed", None)
    assert message in result["error"]
    assert not deployment.job(result["task_id"]).is_open


def test_unknown_key_is_refused(deployment: Deployment) -> None:
    client_without_key = Client(api_key="dk_unknown", base_url=deployment.stack.api_url)

    with pytest.raises(RuntimeError, match="HTTP 401"):
        client_without_key.run(TEXT, low_quality("x"), **QUICK)


def test_invalid_enum_is_refused_with_its_field(sdk: Client) -> None:
    with pytest.raises(RuntimeError, match=r"HTTP 400.*quality"):
        sdk.run(TEXT, {"prompt": "x", "quality": "ultra"}, **QUICK)


def test_balance_is_the_remaining_daily_budget(deployment: Deployment) -> None:
    with deployment.http_client(deployment.create_key("thrifty", daily_budget_usd=0.5)) as client:

        def balance() -> float:
            response = client.get("/api/v3/balance").json()
            assert response["code"] == 200
            return float(response["data"]["balance"])

        before = balance()
        body = client.post(f"/api/v3/{TEXT}", json=low_quality("A coin")).json()
        deployment.wait_for_job(body["data"]["id"])

        assert (before, balance()) == (0.5, 0.49)


def test_form_of_the_go_sdk_is_uploaded_byte_by_byte(
    deployment: Deployment, token: str, file: Path
) -> None:
    with deployment.http_client(token) as client, file.open("rb") as content:
        form = {"file": (file.name, content, "application/octet-stream")}
        uploaded = client.post("/api/v3/media/upload/binary", files=form).json()["data"]
        too_large = client.post(
            "/api/v3/media/upload/binary", files={"file": ("a.png", bytes(4_600_000))}
        )

        assert uploaded["size"] == file.stat().st_size
        url = uploaded["download_url"]
        assert httpx.get(url, trust_env=False).content == file.read_bytes()
        edit = low_quality("Bluer, by a form", images=[url])
        job_id = client.post(f"/api/v3/{EDIT}", json=edit).json()["data"]["id"]
        assert deployment.wait_for_job(job_id)["detail-type"] == "JobCompleted"
        assert (too_large.status_code, too_large.json()["code"]) == (413, 413)


def test_skills_command_line_submits_lists_and_cancels(deployment: Deployment, token: str) -> None:
    environment = {
        "PATH": os.environ["PATH"],
        "NO_PROXY": "*",
        "WAVESPEED_API_BASE": f"{deployment.stack.api_url}/api/v3",
        "WAVESPEED_API_KEY": token,
    }

    def skills(*arguments: str) -> Any:
        process = subprocess.run(
            [sys.executable, "-m", "wavespeedai_skills.cli", *arguments],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert process.returncode == 0, process.stderr
        return process.stdout

    job_id = json.loads(skills("submit", TEXT, json.dumps(low_quality("A kite, by skills"))))
    job_id = job_id["data"]["id"]
    result = json.loads(skills("result", job_id, "--wait", "--poll-interval", "0.3"))
    assert result["data"]["status"] == "completed"
    assert image(result["data"]["outputs"][0]).size
    assert skills("models", "--filter", "gpt-image-2", "--names-only").split() == [TEXT, EDIT]
    assert json.loads(skills("balance"))["data"]["balance"] <= 5
    slow = low_quality("Slow, by skills [[fault run.duration seconds=60]]")
    slow_id = json.loads(skills("submit", TEXT, json.dumps(slow)))["data"]["id"]
    assert json.loads(skills("cancel", slow_id))["data"] == {"id": slow_id, "status": "deleted"}
    assert deployment.job(slow_id).canceled_at or not deployment.job(slow_id).is_open


@pytest.fixture(scope="module")
def javascript(deployment: Deployment, token: str, file: Path) -> Any:
    """Return the results of sdk.js."""
    process = subprocess.run(
        ["node", Path(__file__).with_name("sdk.js")],  # noqa: S607
        env={
            "PATH": os.environ["PATH"],
            "NODE_PATH": str(paths.STATE / "node" / "node_modules"),
            "DARKROOM_URL": deployment.stack.api_url,
            "DARKROOM_KEY": token,
            "PICTURE": str(file),
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )
    assert process.returncode == 0, process.stderr
    # The SDK prints a line for each retry of a poll.
    return json.loads(process.stdout.splitlines()[-1])


def test_sdk_versions() -> None:
    package = paths.STATE / "node" / "node_modules" / "wavespeed" / "package.json"

    assert wavespeed.__version__ == "2.0.5"
    assert json.loads(package.read_text())["version"] == "0.3.2"


@pytest.mark.parametrize("call", ["run", "edit", "runNoThrow"])
def test_javascript_returns_images(
    deployment: Deployment, javascript: dict[str, Any], call: str
) -> None:
    (url,) = javascript[call]["outputs"]

    assert f"{deployment.stack.assets_bucket}/jobs/" in url
    assert image(url).size


def test_javascript_can_upload(javascript: dict[str, Any]) -> None:
    assert image(javascript["url"]).size == (320, 240)


@pytest.mark.parametrize(
    ("call", "message"), [("failed", "out of paint"), ("moderated", MODERATED)]
)
def test_javascript_returns_the_error_of_a_failed_prediction(
    javascript: dict[str, Any], call: str, message: str
) -> None:
    assert (javascript[call]["status"], javascript[call]["outputs"]) == ("failed", None)
    assert message in javascript[call]["error"]


@pytest.mark.parametrize(("call", "message"), [("badEnum", "quality"), ("badKey", "HTTP 401")])
def test_javascript_raises_the_reason_of_a_refusal(
    javascript: dict[str, Any], call: str, message: str
) -> None:
    assert message in javascript[call]
