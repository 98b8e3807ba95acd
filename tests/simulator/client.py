"""A small client for the tests of the simulator, independent of the product's adapter."""

import io
from typing import Any

import httpx
from PIL import Image

from simulator.testing import Provider

TEXT = "openai/gpt-image-2/text-to-image"
EDIT = "openai/gpt-image-2/edit"
AFTER_ANY_RUN = 4 * 3600
REFERENCE = "https://photos.example/red-fox-in-the-forest.jpg"


class Api:
    """The provider's API with a key. The clock stands still until a test advances it."""

    def __init__(self, provider: Provider, key: str | None = None) -> None:
        self.provider = provider
        self.http = httpx.Client(
            base_url=f"{provider.provider_url}/api/v3",
            headers={"Authorization": f"Bearer {key or provider.key}"},
            trust_env=False,
            timeout=20,
        )
        self.anonymous = httpx.Client(trust_env=False, timeout=20)

    def close(self) -> None:
        self.http.close()
        self.anonymous.close()

    def post(self, path: str, body: Any = None, **options: Any) -> httpx.Response:
        return self.http.post(path, json={} if body is None else body, **options)

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.http.get(path, **options)

    def data(self, response: httpx.Response) -> Any:
        assert response.status_code == 200, response.text
        body = response.json()
        assert (body["code"], body["message"]) == (200, "success")
        return body["data"]

    def submit(self, prompt: str = "a lake", model: str = TEXT, **inputs: Any) -> dict[str, Any]:
        body = {"prompt": prompt} | ({"images": [REFERENCE]} if model == EDIT else {}) | inputs
        prediction: dict[str, Any] = self.data(self.post(f"/{model}", body))
        return prediction

    def result(self, prediction: dict[str, Any]) -> dict[str, Any]:
        body: dict[str, Any] = self.data(self.get(f"/predictions/{prediction['id']}/result"))
        return body

    def finish(self, prediction: dict[str, Any]) -> dict[str, Any]:
        self.provider.advance(AFTER_ANY_RUN)
        return self.result(prediction)

    def run(self, prompt: str = "a lake", model: str = TEXT, **inputs: Any) -> dict[str, Any]:
        return self.finish(self.submit(prompt, model, **inputs))

    def download(self, prediction: dict[str, Any], **options: Any) -> httpx.Response:
        return self.anonymous.get(prediction["outputs"][0], **options)

    def image(self, prediction: dict[str, Any]) -> Image.Image:
        response = self.download(prediction)
        assert response.status_code == 200
        with Image.open(io.BytesIO(response.content)) as image:
            image.load()
            return image

    def balance(self) -> float:
        usd: float = self.data(self.get("/balance"))["balance"]
        return usd
