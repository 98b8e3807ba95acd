"""The provider and its CDN, and everything that they can answer."""

from dataclasses import dataclass
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
class Done:
    """The prediction has outputs: URLs on the provider's CDN."""

    outputs: tuple[str, ...]


@dataclass(frozen=True)
class Broken:
    """The prediction has failed; `charged` where that is not what the code says."""

    code: Code
    detail: str
    charged: Charged | None = None


@dataclass(frozen=True)
class Unreadable:
    """No answer could be had; `code` says what to call it if that stays so."""

    code: Code
    reason: str


type Prediction = Running | Done | Broken | Unreadable


class Provider(Protocol):
    """The provider's API."""

    def prepare(self) -> None:
        """Make sure that a submit can be sent: what can crash before it, crashes here."""

    def submit(self, model: str, model_input: dict[str, Any]) -> Submission:
        """Send the POST, once."""

    def check(self, prediction_id: str) -> Prediction:
        """Read a prediction; safe to repeat."""


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
