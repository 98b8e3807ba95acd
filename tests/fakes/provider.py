"""The provider and its CDN, with scripted responses."""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from typing import IO, Any

from darkroom.domain import media
from darkroom.domain.errors import Code
from darkroom.ports import (
    Accepted,
    Download,
    ListedPrediction,
    NotDownloaded,
    Prediction,
    Submission,
    Succeeded,
)

PREDICTION = "e6832d4abffb4d79bfbca19783fca133"
OUTPUT = "https://cdn.test/output/0.png"


@dataclass
class ScriptedProvider:
    """The port Provider: returns the next response of each script, then repeats the last one."""

    submissions: list[Submission] = field(default_factory=lambda: [Accepted(PREDICTION)])
    predictions: list[Prediction] = field(default_factory=lambda: [Succeeded((OUTPUT,))])
    posts: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    webhooks: list[str | None] = field(default_factory=list)
    listed: list[ListedPrediction] | None = field(default_factory=list)
    secrets: list[str] = field(default_factory=lambda: ["whsec_of_the_tests"])
    polled: list[str] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    confirms_deletions: bool = True

    def prepare(self) -> None:
        pass

    def submit(
        self, model: str, model_input: dict[str, Any], webhook: str | None = None
    ) -> Submission:
        self.posts.append((model, model_input))
        self.webhooks.append(webhook)
        return _next(self.submissions)

    def list_predictions(
        self, model: str, after: datetime, before: datetime
    ) -> list[ListedPrediction] | None:
        if self.listed is None:
            return None
        return [
            prediction for prediction in self.listed if after <= prediction.created_at <= before
        ]

    def read(self, max_age: float) -> list[str]:
        """The port Secrets."""
        del max_age
        return self.secrets

    def delete(self, prediction_id: str) -> bool:
        if self.confirms_deletions:
            self.deleted.append(prediction_id)
        return self.confirms_deletions

    def check(self, prediction_id: str) -> Prediction:
        self.polled.append(prediction_id)
        return _next(self.predictions)


@dataclass
class InMemoryDownloads:
    """The port Downloads. A file is its bytes or an error; a list holds one of them per attempt."""

    files: dict[str, bytes | list[bytes | NotDownloaded]] = field(default_factory=dict)
    fetched: list[str] = field(default_factory=list)

    def fetch(
        self, output: str, into: IO[bytes], *, only_images: bool = True
    ) -> Download | NotDownloaded:
        url = output
        self.fetched.append(url)
        script = self.files.get(url)
        content = _next(script) if isinstance(script, list) else script
        if content is None:
            return NotDownloaded(Code.ASSET_UNAVAILABLE, "there is no such file")
        if isinstance(content, NotDownloaded):
            return content
        if only_images:
            media_format = media.sniff(content)
            is_refused = media_format is None or media_format.kind is not media.MediaKind.IMAGE
        else:
            media_format = media.identify(content, len(content), url)
            is_refused = media.is_error_page(content, url)
        if media_format is None or is_refused:
            return NotDownloaded(Code.ASSET_INVALID, "the output is no known image file")
        into.write(content)
        size, digest = len(content), hashlib.sha256(content).hexdigest()
        return Download(media_format, size, digest, media.dimensions(media_format, content))


def _next[T](script: list[T]) -> T:
    return script.pop(0) if len(script) > 1 else script[0]
