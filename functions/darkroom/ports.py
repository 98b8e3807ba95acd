"""What the use cases need of the world. Adapters make it real; tests make it small."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import IO, Any, Protocol

from darkroom.domain.errors import Charged, Code
from darkroom.domain.events import Event
from darkroom.domain.job import Asset, Job, Status
from darkroom.domain.media import Format
from darkroom.domain.references import S3Object

type Clock = Callable[[], datetime]


class Jobs(Protocol):
    """The job records."""

    def create(self, job: Job) -> bool:
        """Store a new record; False if there is one with this id already."""

    def get(self, job_id: str) -> Job | None:
        """Return the record, read consistently."""

    def update(self, job_id: str, *, when: Sequence[Status], **changes: object) -> Job | None:
        """Change fields if the status is one of `when`; None, and nothing changed, if it is not.

        A change to None removes the field.
        """


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


class References(Protocol):
    """Reference images in S3."""

    def look(self, reference: S3Object) -> tuple[S3Object, int, bytes] | None:
        """Return the object pinned to its version, its length, and its first bytes.

        None if it does not exist or may not be read.
        """

    def keep(self, job_id: str, data: bytes, known: Format) -> S3Object:
        """Store bytes that came with a request."""

    def presign(self, reference: S3Object, seconds: int) -> str:
        """Return a URL at which the provider can read the object for so long."""


class Assets(Protocol):
    """The outputs' bucket."""

    def store(
        self, key: str, file: IO[bytes], download: Download, metadata: dict[str, str]
    ) -> Asset:
        """Store a file unless the key is taken; either way return what lies there."""

    def write_manifest(self, key: str, manifest: dict[str, Any]) -> None:
        """Store the manifest, over an older one of the same job."""


class Events(Protocol):
    """The bus."""

    def publish(self, event: Event) -> None:
        """Put the event on the bus; raises if the bus did not take it."""


class Workflow(Protocol):
    """The state machine."""

    def start(self, job_id: str) -> None:
        """Start the job's execution; a second start does nothing."""


class Metrics(Protocol):
    """What is counted."""

    def count(self, name: str, value: float = 1, unit: str = "Count", **dimensions: str) -> None:
        """Add to a metric."""
