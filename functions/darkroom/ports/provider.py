"""The provider's API and CDN, and their possible responses."""

from dataclasses import dataclass
from datetime import datetime
from typing import IO, Any, Protocol

from darkroom.domain.errors import Charged, Code
from darkroom.domain.media import Format


@dataclass(frozen=True)
class Accepted:
    """The provider created a prediction, and charges for it."""

    prediction_id: str


@dataclass(frozen=True)
class NotSent:
    """The request was not sent, so it may be sent again."""


@dataclass(frozen=True)
class Throttled:
    """The provider did not accept the request (429)."""

    retry_after: int | None  # seconds, from the Retry-After header


@dataclass(frozen=True)
class Refused:
    """The provider refused the request."""

    code: Code
    detail: str
    blocks_account: bool = False  # whether the provider would refuse every job


@dataclass(frozen=True)
class Unknown:
    """The request was sent and got no conclusive answer: a prediction may exist and be charged."""


type Submission = Accepted | NotSent | Throttled | Refused | Unknown


@dataclass(frozen=True)
class Running:
    """The prediction is not finished. `known` is False for an undocumented status."""

    status: str
    known: bool


@dataclass(frozen=True)
class Succeeded:
    """The prediction has completed. `outputs` are URLs on the provider's CDN."""

    outputs: tuple[str, ...]


@dataclass(frozen=True)
class Failed:
    """The prediction has failed. `charged` overrides the code's default."""

    code: Code
    detail: str
    charged: Charged | None = None


@dataclass(frozen=True)
class Unreadable:
    """No readable answer. `code` is the failure code if every retry ends so."""

    code: Code
    reason: str


type Prediction = Running | Succeeded | Failed | Unreadable


@dataclass(frozen=True)
class ListedPrediction:
    """An entry of the provider's list of predictions. `inputs` is None if the list omits them."""

    prediction_id: str
    created_at: datetime
    inputs: dict[str, Any] | None


class Provider(Protocol):
    """The provider's API."""

    def prepare(self) -> None:
        """Prepare a submit, so that errors such as a missing API key occur before it is sent."""

    def submit(
        self, model: str, model_input: dict[str, Any], webhook: str | None = None
    ) -> Submission:
        """Send one POST. The provider calls the URL `webhook` when the prediction ends."""

    def list_predictions(
        self, model: str, after: datetime, before: datetime
    ) -> list[ListedPrediction] | None:
        """Return a model's predictions created in a time window; None if the list is unreadable."""

    def check(self, prediction_id: str) -> Prediction:
        """Poll a prediction. Idempotent."""


class Secrets(Protocol):
    """The secrets that sign the provider's webhooks."""

    def read(self, max_age: float) -> list[str]:
        """Return the recent secrets, newest first. `within` is their maximum age in seconds."""


@dataclass(frozen=True)
class Quote:
    """A price in micro-USD, and the date of the quote or of the price table."""

    micro_usd: int
    as_of: str


class Prices(Protocol):
    """The prices of jobs."""

    def quote(self, model: str, model_input: dict[str, Any], images: int) -> Quote | None:
        """Return the provider's quote, or the price from the published tables.

        Returns None if neither has a price. An unknown price is not zero.
        """


@dataclass(frozen=True)
class Download:
    """A complete, verified download."""

    format: Format
    size: int  # bytes
    sha256: str  # hex
    dimensions: tuple[int, int] | None  # width, height in pixels


@dataclass(frozen=True)
class NotDownloaded:
    """A failed download. `final` is True if a retry cannot succeed."""

    code: Code
    reason: str
    final: bool = False


class Downloads(Protocol):
    """The provider's CDN."""

    def fetch(self, url: str, into: IO[bytes]) -> Download | NotDownloaded:
        """Stream a file into `into`, and verify it from its bytes."""
