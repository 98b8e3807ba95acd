"""Thumbnails on the deployed stack: created after the job with the deployed permissions."""

import io

import httpx
from PIL import Image

from local.waiting import until
from tests.e2e.api_client import ApiClient
from tests.e2e.deployment import Deployment, sha256


def test_completed_image_gets_a_webp_thumbnail_and_is_unchanged(
    deployment: Deployment, api_client: ApiClient
) -> None:
    (asset,) = api_client.run_job(prompt="An image with a thumbnail", quality="low")["assets"]

    def thumbnail() -> httpx.Response | None:
        response = httpx.get(asset["thumbnail_url"], trust_env=False)
        return response if response.status_code == 200 else None

    response = until(thumbnail, seconds=60, what="the thumbnail")

    assert response.headers["Content-Type"] == "image/webp"
    thumbnail_image = Image.open(io.BytesIO(response.content))
    assert (thumbnail_image.format, thumbnail_image.size) == ("WEBP", (640, 640))
    assert sha256(deployment.asset_bytes(asset)) == asset["sha256"]
