"""A small client of the simulator for its own tests, independent of the product's adapter."""

import io
from typing import Any

import httpx
from PIL import Image

from local.provider.testing import Provider

TEXT = "openai/gpt-image-2/text-to-image"
EDIT = "openai/gpt-image-2/edit"
LONG_ENOUGH = 4 * 3600
PICTURE = "https://photos.example/red-fox-in-the-forest.jpg"


class Api:
    """The provider's API with a key, under a clock that only tests move."""

    def __init__(self, provider: Provider, key: str | None = None) -> None:
        self.provider = provider
        self.http = httpx.Client(
            base_url=f"{provider.provider_url}/api/v3",
            headers={"Authorization": f"Bearer {key or provider.key}"},
            trust_env=False,
            timeout=20,
        )
        self.anyone = httpx.Client(trust_env=False, timeout=20)

    def close(self) -> None:
        self.http.close()
        self.anyone.close()

    def post(self, path: str, body: Any = None, **options: Any) -> httpx.Response:
        return self.http.post(path, json={} if body is None else body, **options)

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.http.get(path, **options)

    def data(self, reply: httpx.Response) -> Any:
        assert reply.status_code == 200, reply.text
        body = reply.json()
        assert (body["code"], body["message"]) == (200, "success")
        return body["data"]

    def submit(self, prompt: str = "a lake", model: str = TEXT, **inputs: Any) -> dict[str, Any]:
        body = {"prompt": prompt} | ({"images": [PICTURE]} if model == EDIT else {}) | inputs
        found: dict[str, Any] = self.data(self.post(f"/{model}", body))
        return found

    def result(self, prediction: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = self.data(self.get(f"/predictions/{prediction['id']}/result"))
        return found

    def finish(self, prediction: dict[str, Any]) -> dict[str, Any]:
        self.provider.advance(LONG_ENOUGH)
        return self.result(prediction)

    def run(self, prompt: str = "a lake", model: str = TEXT, **inputs: Any) -> dict[str, Any]:
        return self.finish(self.submit(prompt, model, **inputs))

    def download(self, prediction: dict[str, Any], **options: Any) -> httpx.Response:
        return self.anyone.get(prediction["outputs"][0], **options)

    def picture(self, prediction: dict[str, Any]) -> Image.Image:
        reply = self.download(prediction)
        assert reply.status_code == 200
        with Image.open(io.BytesIO(reply.content)) as image:
            image.load()
            return image

    def balance(self) -> float:
        found: float = self.data(self.get("/balance"))["balance"]
        return found
