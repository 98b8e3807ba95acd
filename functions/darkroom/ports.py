"""Ports: what the use cases need from outside the process, one Protocol per need."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import IO, TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from darkroom.domain.audit import AuditEntry
    from darkroom.domain.batch import Batch, BatchStatus, Refusal, Result
    from darkroom.domain.bills import LedgerEntry
    from darkroom.domain.breaker import ProviderState
    from darkroom.domain.callbacks import SecretGeneration
    from darkroom.domain.callers import Caller
    from darkroom.domain.catalogue import Catalogue
    from darkroom.domain.errors import Charged, Code
    from darkroom.domain.events import Event
    from darkroom.domain.executions import Execution
    from darkroom.domain.job import Asset, Job, Reservation, Status
    from darkroom.domain.keys import Creator, Key, Revocation
    from darkroom.domain.media import Format
    from darkroom.domain.presets import Presets
    from darkroom.domain.references import S3Object
    from darkroom.domain.rows import Row
    from darkroom.domain.stats import Day, ImageKind, JobStats
    from darkroom.domain.submit_queue import QueueShard, QueueSnapshot
    from darkroom.domain.uploads import Upload


# ----------------------------------------------------------------------------------------- Provider


@dataclass(frozen=True)
class Accepted:
    """The provider created a prediction, and charges for it."""

    prediction_id: str


@dataclass(frozen=True)
class NotSent:
    """The request was not sent, so it may be sent again."""


@dataclass(frozen=True)
class Intercepted:
    """An edge in front of the API answered in its place, so the API accepted nothing."""


@dataclass(frozen=True)
class Throttled:
    """The provider did not accept the request (429)."""

    retry_after: int | None  # seconds, from the Retry-After header
    by_edge: bool = False  # whether an edge in front of the API answered


@dataclass(frozen=True)
class Refused:
    """The provider refused the request."""

    code: Code
    detail: str
    blocks_account: bool = False  # whether the provider would refuse every job


@dataclass(frozen=True)
class Unknown:
    """The request was sent and got no conclusive answer: a prediction may exist and be charged."""


type Submission = Accepted | NotSent | Intercepted | Throttled | Refused | Unknown


@dataclass(frozen=True)
class Running:
    """The prediction is not finished. `known` is False for an undocumented status."""

    status: str
    known: bool


@dataclass(frozen=True)
class Succeeded:
    """The prediction has completed. Each output is a URL on the provider's CDN, or its content.

    The outputs may come later than the status: then `outputs` is empty, or has an empty text.
    """

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

    def delete(self, prediction_id: str) -> bool:
        """Delete a prediction with its inputs and outputs. Idempotent.

        Returns False if the provider did not confirm the deletion.
        """


class Secrets(Protocol):
    """The secrets that sign the provider's webhooks."""

    def read(self, max_age: float) -> list[str]:
        """Return the recent secrets, newest first. `max_age` is their maximum age in seconds."""


@dataclass(frozen=True)
class Quote:
    """A price in micro-USD, and the date of the quote or of the price table."""

    micro_usd: int
    as_of: str


@dataclass(frozen=True)
class NoQuote:
    """The provider has no price. `is_outage`: it would not quote any other input either."""

    is_outage: bool = False


class Quotes(Protocol):
    """The provider's quotes."""

    def request(self, model: str, inputs: dict[str, Any]) -> Quote | NoQuote:
        """Return the quote for a model. The provider reads the inputs, but starts nothing."""


class Prices(Protocol):
    """The prices of jobs."""

    def quote(self, model: str, model_input: dict[str, Any], images: int) -> Quote | None:
        """Return the provider's quote, or the price from the published tables.

        Returns None if neither has a price. An unknown price is not zero.
        """

    def published(self, model: str, model_input: dict[str, Any], images: int) -> Quote | None:
        """Return the price from the published tables, or None if they have none."""


class Models(Protocol):
    """The provider's models."""

    def read(self) -> Catalogue | None:
        """Return the models, possibly hours old; None if the provider does not answer."""


class Billing(Protocol):
    """The provider's ledger of charges and refunds."""

    def charges(self, start: datetime, end: datetime) -> list[LedgerEntry] | None:
        """Return every ledger entry from `start` to before `end`, without duplicates, in any order.

        Returns None if not all entries could be read: a partial ledger proves nothing.
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

    def fetch(
        self, output: str, into: IO[bytes], *, only_images: bool = True
    ) -> Download | NotDownloaded:
        """Write an output into `into`: the file at its URL, or its content. Verify the bytes.

        `only_images`: whether anything but an image is refused.
        """


# --------------------------------------------------------------------------------------------- Jobs


@dataclass(frozen=True)
class QueueChange:
    """A change of a queue shard: its state from `before` to `after`, and its in-flight count.

    The write conflicts if the shard is no longer `before`, or if `max_in_flight` is reached.
    """

    before: QueueShard | None = None
    after: QueueShard | None = None
    in_flight_delta: int = 0
    shard: int = 0
    max_in_flight: int | None = None

    @property
    def target(self) -> int:
        """The index of the changed shard."""
        return self.shard if self.before is None else self.before.index


@dataclass(frozen=True)
class ProviderChange:
    """A change of the provider's state. The write conflicts if the state is no longer `before`."""

    before: ProviderState
    after: ProviderState


@dataclass(frozen=True)
class Claim:
    """Claims a prediction for the job. A prediction belongs to at most one job."""

    prediction_id: str


@dataclass(frozen=True)
class Release:
    """Releases a budget reservation, because nothing was charged."""

    reservation: Reservation


type SideWrite = QueueChange | ProviderChange | Claim | Release


class Conflict(StrEnum):
    """Why a transaction was rolled back."""

    JOB = "job"  # the job has another status
    # Another writer changed the shard or the provider's state, or all in-flight slots are taken.
    QUEUE = "queue"
    CLAIM = "claim"  # the prediction belongs to another job


@dataclass(frozen=True)
class Cursor:
    """A position in a list of jobs or batches: the last item of a page."""

    accepted_at: datetime
    job_id: str


class Jobs(Protocol):
    """The job records."""

    def create(self, job: Job, caps: Sequence[int] = ()) -> bool:
        """Store a new record with its reservations. Returns False if the id exists.

        `caps` has the budget in micro-USD for each of `job.first_reservations`. Raises
        BudgetExceededError.
        """

    def change_chain(
        self,
        root: Job,
        *,
        create: Job | None = None,
        release: Sequence[Reservation] = (),
        reserve: Sequence[tuple[Reservation, int]] = (),
        **changes: object,
    ) -> bool:
        """Change the chain of its first job `root`, in one transaction with the other writes.

        `create` is the record of the next step. `reserve` has reservations, each with its budget in
        micro-USD. Returns False, without a change, if the chain has changed since `root` was read,
        or if the record of the step exists. Raises BudgetExceededError.
        """

    def get(self, job_id: str) -> Job | None:
        """Return the record with a consistent read; None without one."""

    def many(self, job_ids: Sequence[str]) -> list[Job]:
        """Return the existing records with consistent reads."""

    def page(
        self, caller: str | None, *, limit: int, after: Cursor | None
    ) -> tuple[list[Job], Cursor | None]:
        """Return the next jobs and the next cursor, which is None at the end.

        `caller` None returns the jobs of every caller. A page before the end may have fewer than
        `limit` jobs, because a record may be deleted during the listing.
        """

    def due(self, before: datetime, *, limit: int) -> list[Job]:
        """Return the jobs whose `sweep_after` is before `before`, oldest first."""

    def update(
        self,
        job_id: str,
        *,
        when: Sequence[Status],
        absent: str | tuple[str, ...] | None = None,
        **changes: object,
    ) -> Job | None:
        """Change fields if the status is one of `when`, and return the new record.

        Returns None, without a change, if the status is another or if a field of `absent` is set. A
        change to None removes the field.
        """

    def transact(
        self,
        job_id: str,
        side_writes: Sequence[SideWrite],
        *,
        when: Sequence[Status],
        absent: str | tuple[str, ...] | None = None,
        **changes: object,
    ) -> Job | Conflict:
        """Update the record as `update` does, in one transaction with the side writes."""


class SubmitQueue(Protocol):
    """The shards of the submit queue, and the provider's state, which concerns all of them."""

    def read(self, index: int = 0) -> QueueShard:
        """Return a shard with a consistent read."""

    def read_all(self) -> QueueSnapshot:
        """Return the provider's state, every shard that has had a job, and the revoked keys.

        One consistent read.
        """

    def read_provider(self) -> ProviderState:
        """Return the provider's state with a consistent read."""

    def swap_provider(self, before: ProviderState, after: ProviderState) -> bool:
        """Replace `before` by `after`. Returns False, without a change, on a write conflict."""


@dataclass(frozen=True)
class ContentClaim:
    """The job that was last created for a content."""

    job_id: str
    claimed_at: datetime


class Contents(Protocol):
    """The newest job for each content that may be reused."""

    def find(self, content_key: str) -> ContentClaim | None:
        """Return the claim of a content with a consistent read; None without one."""

    def claim(
        self, content_key: str, claim: ContentClaim, previous: ContentClaim | None
    ) -> ContentClaim | None:
        """Replace `previous` by `claim`. Returns the winner's claim if another one came first."""


class Claims(Protocol):
    """The claims of jobs on predictions."""

    def owner(self, prediction_id: str) -> str | None:
        """Return the id of the job that has claimed the prediction; None without a claim."""


@dataclass(frozen=True)
class Reserved:
    """The used part of a daily budget: spent, or reserved by open jobs."""

    micro_usd: int = 0
    warned: bool = False  # whether BudgetThresholdReached was published


class Budgets(Protocol):
    """The reserved amounts of each budget, by day."""

    def reserved(self, day: date, scope: str) -> Reserved:
        """Return the used part of a budget with a consistent read."""

    def warn(self, day: date, scope: str) -> None:
        """Record that BudgetThresholdReached was published."""

    def cap(self, caller: str) -> int | None:
        """Return the daily budget of a caller with a consistent read; None without one."""

    def caps(self) -> dict[str, int]:
        """Return the daily budgets of all callers that have one."""

    def set_cap(self, caller: str, micro_usd: int | None) -> None:
        """Set the daily budget of a caller; None lifts it."""


class Stats(Protocol):
    """Counters by day and caller, and histograms of durations."""

    def add(self, job_id: str, job_stats: JobStats, expires_at: int) -> bool:
        """Count a job and mark its record in one transaction. Returns False on a repetition."""

    def days(self, since: date, until: date, caller: str | None) -> list[Day]:
        """Return the days from `since` to `until`, oldest first.

        `caller` None returns the days of every caller.
        """

    def histograms(self, since: date, until: date) -> dict[date, dict[ImageKind, dict[int, int]]]:
        """Return the job counts by day (oldest first), kind of image and duration bucket."""


# ------------------------------------------------------------------------------------------ Batches


class Batches(Protocol):
    """The batch records."""

    def create(self, batch: Batch) -> bool:
        """Store a new record. Returns False if a record with this id exists."""

    def get(self, batch_id: str) -> Batch | None:
        """Return the record with a consistent read; None without one."""

    def update(
        self, batch_id: str, *, when: Sequence[BatchStatus], **changes: object
    ) -> Batch | None:
        """Change fields if the status is one of `when`, and return the new record.

        Returns None, without a change, if the status is another. A change to None removes the
        field.
        """

    def page(
        self, caller: str | None, *, limit: int, after: Cursor | None
    ) -> tuple[list[Batch], Cursor | None]:
        """Return the next batches, newest first, and the next cursor, which is None at the end.

        `caller` None returns the batches of every caller.
        """

    def due(self, before: datetime) -> list[Batch]:
        """Return at most 100 batches whose `sweep_after` is before `before`, oldest first."""

    def refuse(self, batch: Batch, refusal: Refusal) -> None:
        """Record why a row did not become a job."""

    def refusals(self, batch_id: str) -> dict[int, Refusal]:
        """Return the refusals of a batch, by row number."""


class BatchFiles(Protocol):
    """The files of a batch in S3."""

    def read(self, source: S3Object) -> bytes:
        """Return the content of the batch file."""

    def write_rows(self, batch_id: str, lines: Sequence[bytes], chunks: object) -> None:
        """Store the parsed rows, and the byte range of each chunk of rows."""

    def rows(self, batch_id: str, span: Mapping[str, int] | None = None) -> Iterator[Row]:
        """Yield the rows: all of them, or those in the byte range [`start`, `end`) of `span`."""

    def write_results(self, batch_id: str, name: str, file: IO[bytes], content_type: str) -> None:
        """Store a result file."""

    def results(self, batch_id: str, name: str) -> S3Object:
        """Return the location of a result file."""

    def read_results(self, batch_id: str, name: str) -> Iterator[Result]:
        """Yield the results in a file of JSON lines, in the order of the rows."""

    def rewrite_results(self, batch_id: str, name: str, change: Callable[[bytes], bytes]) -> None:
        """Replace each line of a result file by `change(line)`; do nothing without the file.

        A change by another writer at the same time is not lost. The replaced file is deleted.
        """

    def erase_rows(self, batch_id: str) -> None:
        """Delete every version of the parsed rows. Idempotent."""


@dataclass(frozen=True)
class ZipEntry:
    """A file in a zip file."""

    location: S3Object
    name: str


class Zips(Protocol):
    """The zip files of batches. A part has a number from 1."""

    def find(self, batch: Batch) -> frozenset[int]:
        """Return the numbers of the parts that exist."""

    def location(self, batch: Batch, number: int) -> S3Object:
        """Return the location of a part, whether it exists or not."""

    def write(self, batch: Batch, number: int, entries: Iterable[ZipEntry]) -> None:
        """Write a part with the entries whose objects exist; replaces an existing one."""


class ZipFunction(Protocol):
    """The function that writes zip files."""

    def start(self, batch_id: str, number: int) -> None:
        """Start to write a part, and return at once."""


# -------------------------------------------------------------------------------------------- Files


@dataclass(frozen=True)
class StoredObject:
    """An existing object, pinned to its version."""

    reference: S3Object
    size: int  # bytes
    head: bytes  # the first bytes; the complete object if it is small
    owner: str | None = None  # the caller that owns an object in the assets bucket
    is_owned: bool = False  # whether the object is in the assets bucket
    etag: str = ""
    content_type: str = ""  # as stored, right or wrong

    def is_readable_by(self, caller: Caller) -> bool:
        """Return whether a caller may use the object.

        An object of another caller gets the same error as a missing object.
        """
        return not self.is_owned or caller.owns(self.owner)


@dataclass(frozen=True)
class PresignedUpload:
    """A presigned PUT for one file of a fixed content type and length. It can be used once."""

    upload_id: str
    location: S3Object
    url: str
    headers: dict[str, str]
    expires_at: datetime


class References(Protocol):
    """The S3 objects that requests refer to: reference images and batch files."""

    def resolve(self, text: str) -> S3Object | None:
        """Return the object of an upload id or of our own presigned URL; None for other text."""

    def inspect(self, reference: S3Object) -> StoredObject | None:
        """Return the object, pinned to its version.

        Returns None if the object does not exist or may not be read.
        """

    def read_end(self, reference: S3Object, size: int) -> bytes:
        """Return the last `size` bytes of an inspected object; the object if it is smaller."""

    def store(self, job_id: str, caller: str, data: bytes, known: Format) -> S3Object:
        """Store an image from a request body, and return its location."""

    def store_upload(self, caller: str, data: bytes, content_type: str, extension: str) -> S3Object:
        """Store a file that `caller` owns, as a presigned upload does; return its location."""

    def presign(self, reference: S3Object, seconds: int, disposition: str | None = None) -> str:
        """Return a presigned URL of the object, valid for `seconds`.

        `disposition` is the Content-Disposition of the response.
        """

    def presign_upload(
        self, caller: str, content_type: str, extension: str, size: int, now: datetime
    ) -> PresignedUpload:
        """Return a presigned upload for a file of `size` bytes, which `caller` owns."""


@dataclass(frozen=True)
class InboxFile:
    """An inbox upload: its metadata and its first bytes."""

    metadata: dict[str, str]
    body: bytes


class Inbox(Protocol):
    """The inbox bucket, where an upload becomes a job."""

    def open(self, upload: Upload, limit: int) -> InboxFile | None:
        """Return the upload with its first `limit` bytes.

        Returns None if the upload was deleted or replaced. Raises InvalidRequestError if it may not
        be read.
        """

    def mark_processed(self, upload: Upload) -> None:
        """Let the upload expire with the records. Does nothing if it was deleted. Idempotent."""

    def find(self, key: str) -> S3Object | None:
        """Return the current version of an object; None if no object exists at `key`."""

    def copies(self, upload: Upload, since: datetime) -> list[Upload]:
        """Return the other versions of the key with the same bytes, stored after `since`."""


@dataclass(frozen=True)
class WaitingUpload:
    """An upload whose references are not in the inbox yet."""

    upload: Upload
    event_id: str
    since: datetime


class WaitingUploads(Protocol):
    """The uploads that wait for their references."""

    def add(self, waiting: WaitingUpload) -> None:
        """Store an upload. Idempotent."""

    def all(self) -> list[WaitingUpload]:
        """Return the waiting uploads."""

    def remove(self, upload: Upload) -> None:
        """Remove an upload, if it waits."""


@dataclass(frozen=True)
class StoredPresets:
    """A stored version of the document of presets."""

    version_id: str
    stored_at: datetime | None  # None, as `stored_by`: the presets ship with Darkroom
    stored_by: Creator | None
    presets: Presets | None  # None: the document is not valid
    problem: str | None = None  # the error of a document that is not valid


class InboxNotes(Protocol):
    """The notes in errors/ about uploads that were rejected or whose jobs have failed."""

    def newest(self, folder: str | None, limit: int) -> tuple[list[dict[str, Any]], bool]:
        """Return the newest notes, newest first, and whether all notes were compared.

        `folder` is one of the inbox; None for all folders.
        """


class PresetStore(Protocol):
    """The owner's document of presets."""

    def read(self) -> tuple[Presets, str | None]:
        """Return the presets in use, and the error in a newer document that is not valid."""

    def replace(self, version: int, document: Presets, by: Caller) -> bool:
        """Store a document if the presets in use have this version; return whether it was stored.

        Of two calls at once, only one stores its document. Raises InvalidRequestError if the
        document is too large.
        """

    def versions(self, limit: int) -> list[StoredPresets]:
        """Return the newest stored documents, the newest first."""

    def version(self, version_id: str) -> StoredPresets | None:
        """Return a stored document; None if it does not exist."""


class Assets(Protocol):
    """The assets bucket."""

    def store(
        self, key: str, file: IO[bytes], download: Download, metadata: dict[str, str]
    ) -> Asset:
        """Store a file unless the key exists. Returns the asset at the key in both cases."""

    def write_json(self, key: str, document: dict[str, Any]) -> None:
        """Store a JSON document. It replaces an earlier one at the same key."""

    def read_json(self, key: str) -> dict[str, Any] | None:
        """Return the JSON document at `key`; None without one."""

    def remove(self, key: str) -> None:
        """Delete the document at `key`, if it exists."""


class Versions(Protocol):
    """The versions of the objects in both buckets, for their erasure. Every method is idempotent.

    An erased key has no delete marker either.
    """

    def equal(self, location: S3Object) -> list[S3Object]:
        """Return the versions of an object with the bytes of its pinned version, which is last.

        Returns an empty list if the pinned version does not exist.
        """

    def erase(self, location: S3Object) -> None:
        """Delete every version of an object."""

    def erase_replaced(self, location: S3Object) -> None:
        """Delete every version of an object but the current one."""

    def erase_versions(self, location: S3Object, versions: Sequence[S3Object]) -> None:
        """Delete the given versions of an object."""

    def erase_folder(self, prefix: str) -> None:
        """Delete every version of the objects in a folder of the assets bucket.

        `prefix` ends with a slash.
        """


# ---------------------------------------------------------------------------- Executions and events


class Workflow(Protocol):
    """A state machine: of jobs, or of batches. A record has one execution for each attempt."""

    def start(self, record_id: str, attempt: int = 0) -> bool:
        """Start an execution. Returns False if it was started before."""

    def status(self, record_id: str, attempt: int = 0) -> Execution | None:
        """Return the status of an execution; None without one."""

    def wake(self, token: str) -> None:
        """End the wait of a task token. Does nothing if the wait has ended."""


class Events(Protocol):
    """The event bus."""

    def publish(self, event: Event) -> None:
        """Publish an event. Raises if the bus does not accept it."""


# ---------------------------------------------------------------------------------------- Callbacks


@dataclass(frozen=True)
class Answered:
    """The receiver of a callback answered with this status."""

    status: int


@dataclass(frozen=True)
class NoAnswer:
    """A callback got no answer, or was not sent. `reason` quotes nothing of the URL."""

    reason: str


class CallbackReceivers(Protocol):
    """The HTTP servers of callers."""

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answered | NoAnswer:
        """Post JSON to a public address, within 10 seconds and without following redirects."""


class CallbackQueue(Protocol):
    """The queue of callbacks."""

    def defer(self, receipt: str, seconds: int) -> None:
        """Hide a received message for `seconds`."""


class CallbackSecretStore(Protocol):
    """What the secrets of callbacks are derived from."""

    def master(self) -> str:
        """Return the master secret of the deployment."""

    def generation(self, caller: str) -> SecretGeneration:
        """Return the generation of a caller's secret with a consistent read."""

    def rotate(self, caller: str, now: datetime) -> None:
        """Begin the next generation of a caller's secret."""


# ---------------------------------------------------------------------------------------- Operation


class Keys(Protocol):
    """The API keys."""

    def add(self, key: Key, cap: int | None = None) -> None:
        """Store a new key and, unless None, the daily budget `cap` of its caller, in one write."""

    def find(self, digest: str) -> Key | None:
        """Return the key with this digest; None without one."""

    def touch(self, key: Key, day: date) -> None:
        """Record the day of a key's last use. It cannot create or change a key."""

    def all(self) -> list[Key]:
        """Return all keys."""

    def revoke(self, key: Key, now: datetime) -> None:
        """Delete a key and record its revocation, both or neither. Idempotent."""

    def revocations(self) -> list[Revocation]:
        """Return the recorded revocations; each is kept until no job of its key can wait."""

    def mark_swept(self, key_id: str, now: datetime) -> None:
        """Record in a revocation that nothing of the key waits any more."""


class RequestCounter(Protocol):
    """The requests of each key and minute."""

    def add(self, key_id: str, minute: int) -> int:
        """Count a request in a minute since 1970; return the requests of the minute so far."""


@dataclass(frozen=True)
class RuntimeFlags:
    """Settings that the owner can change within seconds, without a deployment."""

    submits: bool = True  # whether jobs may be submitted
    webhook_url: str | None = None  # root URL of the API; None disables webhooks
    paused_at: datetime | None = None  # when `submits` was turned off
    paused_by: Creator | None = None  # who turned it off

    def webhook(self, job_id: str, token: str | None) -> str | None:
        """Return the webhook URL of a POST; None if webhooks are disabled.

        The path has the job id. `token` identifies the POST.
        """
        if self.webhook_url is None:
            return None
        return f"{self.webhook_url}/webhooks/wavespeed/{job_id}?token={token}"


class FlagStore(Protocol):
    """The store of the runtime flags."""

    def read(self) -> RuntimeFlags:
        """Return the flags, at most a few seconds old."""

    def set_submits(self, by: Caller, *, submits: bool) -> None:
        """Turn submission on or off for `by`. Idempotent."""


class Metrics(Protocol):
    """CloudWatch metrics."""

    def count(self, name: str, value: float = 1, unit: str = "Count", **dimensions: str) -> None:
        """Add a value to a metric."""


class Audit(Protocol):
    """The audit log."""

    def record(self, entry: AuditEntry) -> None:
        """Append an entry. Raises nothing: an entry that cannot be written is reported."""


class AuditedSettings(Protocol):
    """The settings as of their last audit entries."""

    def read(self) -> dict[str, str]:
        """Return the value of each setting by name; empty before the first write."""

    def write(self, values: Mapping[str, str]) -> None:
        """Replace all values."""

    def note(self, name: str, value: str) -> None:
        """Replace the value of a setting. Does nothing before the first write."""


type Clock = Callable[[], datetime]
type Sleep = Callable[[float], None]
