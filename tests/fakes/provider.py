"""The provider and its CDN, with scripted answers."""

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
    """The port Provider: gives the next answer of each script, and the last one for ever."""

    submissions: list[Submission] = field(default_factory=lambda: [Accepted(PREDICTION)])
    predictions: list[Prediction] = field(default_factory=lambda: [Succeeded((OUTPUT,))])
    posts: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    webhooks: list[str | None] = field(default_factory=list)
    listed: list[ListedPrediction] | None = field(default_factory=list)
    secrets: list[str] = field(default_factory=lambda: ["whsec_of_the_tests"])
    answered: list[Submission] = field(default_factory=list)
    checked: list[str] = field(default_factory=list)

    def prepare(self) -> None:
        pass

    def submit(
        self, model: str, model_input: dict[str, Any], webhook: str | None = None
    ) -> Submission:
        self.posts.append((model, model_input))
        self.webhooks.append(webhook)
        self.answered.append(_next(self.submissions))
        return self.answered[-1]

    def list_predictions(
        self, model: str, after: datetime, before: datetime
    ) -> list[ListedPrediction] | None:
        if self.listed is None:
            return None
        return [each for each in self.listed if after <= each.created_at <= before]

    def read(self, within: float) -> list[str]:
        """The port Secrets."""
        del within
        return self.secrets

    def check(self, prediction_id: str) -> Prediction:
        self.checked.append(prediction_id)
        return _next(self.predictions)


@dataclass
class InMemoryDownloads:
    """The port Downloads; a file is its bytes, or what goes wrong (a list: one a try)."""

    files: dict[str, bytes | list[bytes | NotDownloaded]] = field(default_factory=dict)
    fetched: list[str] = field(default_factory=list)

    def fetch(self, url: str, into: IO[bytes]) -> Download | NotDownloaded:
        self.fetched.append(url)
        found = self.files.get(url)
        content = _next(found) if isinstance(found, list) else found
        if content is None:
            return NotDownloaded(Code.ASSET_UNAVAILABLE, "there is no such file")
        if isinstance(content, NotDownloaded):
            return content
        known = media.sniff(content)
        if known is None:
            return NotDownloaded(Code.ASSET_INVALID, "the output is no known media file")
        into.write(content)
        size, digest = len(content), hashlib.sha256(content).hexdigest()
        return Download(known, size, digest, media.dimensions(known, content))


def _next[T](script: list[T]) -> T:
    return script.pop(0) if len(script) > 1 else script[0]
