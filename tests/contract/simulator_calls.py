"""Calls of the provider and CDN adapters against the simulator."""

import io
from collections.abc import Callable
from urllib.parse import urlsplit

from darkroom.adapters.cdn import Cdn
from darkroom.adapters.wavespeed.client import WaveSpeed
from darkroom.ports import Accepted, Download, NotDownloaded, Prediction, Provider
from simulator import testing
from tests.contract.scripted_http import Keys

MODEL = "openai/gpt-image-2/text-to-image"
INPUT = {"prompt": "a lighthouse", "quality": "low", "resolution": "1k", "output_format": "png"}

type Connect = Callable[[Keys], WaveSpeed]


def finish(simulator: testing.Provider, provider: Provider) -> Prediction:
    """Submit a prediction, advance the simulator by an hour and poll the prediction."""
    submission = provider.submit(MODEL, INPUT)
    assert isinstance(submission, Accepted)
    simulator.advance(3600)
    return provider.check(submission.prediction_id)


def download(simulator: testing.Provider, url: str) -> tuple[Download | NotDownloaded, bytes]:
    buffer = io.BytesIO()
    host = urlsplit(simulator.cdn_url).hostname or ""
    adapter = Cdn([host])
    with adapter._client:
        return adapter.fetch(url, buffer), buffer.getvalue()
