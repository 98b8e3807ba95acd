"""The provider and its CDN, and everything that they can answer."""

from dataclasses import dataclass
from datetime import datetime
from typing import IO, Any, Protocol

from darkroom.domain.errors import Charged, Code
from darkroom.domain.media import Format


@dataclass(frozen=True)
class Accepted:
    """The provider has made a prediction, and will charge for it."""

    prediction_id: str


@dataclass(frozen=True)
class NotSent:
    """The request never left: it may be sent again."""


@dataclass(frozen=True)
class Throttled:
    """The provider answered that it took nothing, and to come back later."""

    retry_after: int | None


@dataclass(frozen=True)
class Refused:
    """The provider answered that it will not do this."""

    code: Code
    detail: str
    stops: bool = False  # what the next job would be told as well


@dataclass(frozen=True)
class Unknown:
    """The request left and no answer tells what became of it: it may be paid for."""


type Submission = Accepted | NotSent | Throttled | Refused | Unknown


@dataclass(frozen=True)
class Running:
    """The prediction goes on; `known` is False for a status word that no table has."""

    status: str
    known: bool


@dataclass(frozen=True)
class Succeeded:
    """The prediction has outputs: URLs on the provider's CDN."""

    outputs: tuple[str, ...]


@dataclass(frozen=True)
class Failed:
    """The prediction has failed; `charged` where that is not what the code says."""

    code: Code
    detail: str
    charged: Charged | None = None


@dataclass(frozen=True)
class Unreadable:
    """No answer could be had; `code` says what to call it if that stays so."""

    code: Code
    reason: str


type Prediction = Running | Succeeded | Failed | Unreadable


@dataclass(frozen=True)
class ListedPrediction:
    """A prediction as the provider's list shows it; `inputs` None where it does not say them."""

    prediction_id: str
    created_at: datetime
    inputs: dict[str, Any] | None


class Provider(Protocol):
    """The provider's API."""

    def prepare(self) -> None:
        """Make sure that a submit can be sent: what can crash before it, crashes here."""

    def submit(
        self, model: str, model_input: dict[str, Any], webhook: str | None = None
    ) -> Submission:
        """Send the POST, once; the provider calls `webhook` when it has finished."""

    def list_predictions(
        self, model: str, after: datetime, before: datetime
    ) -> list[ListedPrediction] | None:
        """Return the predictions of a model made in a window; None if no answer could be had."""

    def check(self, prediction_id: str) -> Prediction:
        """Read a prediction; safe to repeat."""


class Secrets(Protocol):
    """What the provider's webhooks are signed with."""

    def read(self, within: float) -> list[str]:
        """Return the secrets that were true lately, asked for again if not `within` seconds."""


@dataclass(frozen=True)
class Quote:
    """A price, and the day of the quote or of the table that it is from."""

    micro_usd: int
    as_of: str


class Prices(Protocol):
    """What a job will cost."""

    def quote(self, model: str, model_input: dict[str, Any], images: int) -> Quote | None:
        """Return the provider's own quote, or else the published tables' price.

        None where neither knows: unknown, and not zero.
        """


@dataclass(frozen=True)
class Download:
    """A file that has arrived whole."""

    format: Format
    size: int
    sha256: str
    dimensions: tuple[int, int] | None


@dataclass(frozen=True)
class NotDownloaded:
    """A file that has not; `final` says that another try cannot help."""

    code: Code
    reason: str
    final: bool = False


class Downloads(Protocol):
    """The provider's CDN."""

    def fetch(self, url: str, into: IO[bytes]) -> Download | NotDownloaded:
        """Stream a file into `into` and judge it by its own bytes."""
