"""Audit jobs: compare the job records, the bucket and the provider's ledger."""

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import httpx

from darkroom.adapters.dynamodb.jobs import JobTable
from darkroom.domain.job import Job, Status
from local.stack import Stack
from reliability.stack_operator import Operator

# The output cannot be downloaded, or must not be stored: a job without assets is not lost.
_UNSTORABLE_CODES = ("asset_unavailable", "asset_invalid")


@dataclass(frozen=True)
class RequestedJob:
    """A requested job: its table row, the unique label in its prompt, and its id."""

    row: str
    label: str
    job_id: str
    allowed_codes: tuple[str | None, ...] = ()  # empty: any; None: completed
    is_recovered: bool = False  # whether the output must be stored even if the job fails


@dataclass
class AuditRow:
    """One row of the result table."""

    name: str
    jobs: int = 0
    ended: int = 0
    completed: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    recovered: int = 0
    charges: int = 0
    double_charges: int = 0
    lost: int = 0
    stuck: int = 0
    mismatched: int = 0
    unexpected: list[str] = field(default_factory=list)

    @property
    def has_passed(self) -> bool:
        """Whether no job was charged twice, lost, stuck, stored wrongly or ended unexpectedly."""
        return not (
            self.double_charges or self.lost or self.stuck or self.mismatched or self.unexpected
        )


class Audit:
    """Reads the provider's records once, then audits each job."""

    def __init__(self, stack: Stack, operator: Operator) -> None:
        self._stack = stack
        self._operator = operator
        self._jobs = JobTable(stack.client("dynamodb"), stack.table)
        self._s3 = stack.client("s3")

    def rows(self, requested: Iterable[RequestedJob]) -> list[AuditRow]:
        """Audit jobs. Return one row per row name, in order of first appearance."""
        predictions = self._predictions_by_label()
        charges = Counter(
            entry["prediction"] for entry in self._get("ledger")["entries"]
            if entry["kind"] == "deduct"
        )  # fmt: skip
        served = self._get("served")
        rows: dict[str, AuditRow] = {}
        for job in requested:
            row = rows.setdefault(job.row, AuditRow(job.row))
            self._audit(row, job, predictions.get(job.label, []), charges, served)
        return list(rows.values())

    def _audit(
        self,
        row: AuditRow,
        requested: RequestedJob,
        predictions: list[dict[str, Any]],
        charges: Counter[str],
        served: dict[str, Any],
    ) -> None:
        job = self._jobs.get(requested.job_id)
        job_charges = sum(charges[prediction["id"]] for prediction in predictions)
        row.jobs += 1
        row.charges += job_charges
        # A second prediction of one job, or a second deduction for one prediction.
        row.double_charges += max(0, job_charges - 1)
        if job is None:
            row.lost += 1
            return
        if job.is_open or self._operator.terminal_events(job.job_id) != 1:
            row.stuck += 1
            return
        row.ended += 1
        if job.status is Status.COMPLETED:
            row.completed += 1
        else:
            row.failed[str(job.code)] += 1
            row.recovered += bool(job.assets)
        if requested.allowed_codes and job.code not in requested.allowed_codes:
            row.unexpected.append(f"{job.job_id}: {job.code}")
        has_output = any(
            prediction["ends_as"] == "completed" and prediction["outputs"]
            for prediction in predictions
        )
        is_storable = requested.is_recovered or job.code not in _UNSTORABLE_CODES
        if has_output and not job.assets and is_storable:
            row.lost += 1
        row.mismatched += not self._has_matching_bytes(job, predictions, served)

    def _has_matching_bytes(
        self, job: Job, predictions: list[dict[str, Any]], served: dict[str, Any]
    ) -> bool:
        """Return whether each stored asset equals a body that the CDN served for this job."""
        paths = {
            httpx.URL(url).path for prediction in predictions for url in prediction["output_urls"]
        }
        served_hashes = {
            body["sha256"] for path in paths for body in served.get(path, []) if body["is_complete"]
        }
        # A text in place of a URL is the output itself.
        texts = [text for prediction in predictions for text in prediction["outputs"] or ()]
        served_hashes |= {hashlib.sha256(str(text).encode()).hexdigest() for text in texts}
        for asset in job.assets:
            stored = self._s3.get_object(Bucket=asset.bucket, Key=asset.key)
            digest = hashlib.sha256()
            for chunk in stored["Body"].iter_chunks(1024 * 1024):
                digest.update(chunk)
            if digest.hexdigest() != asset.sha256 or asset.sha256 not in served_hashes:
                return False
        return True

    def _predictions_by_label(self) -> dict[str, list[dict[str, Any]]]:
        """Return the predictions by the label in angle brackets in their prompts."""
        by_label: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
        for prediction in self._get("predictions"):
            text = json.dumps(prediction["inputs"], ensure_ascii=False)
            by_label[text.partition("<")[2].partition(">")[0]].append(prediction)
        return by_label

    def _get(self, path: str) -> Any:
        url = f"{self._stack.provider_admin_url}/{path}"
        response = httpx.get(url, timeout=120, trust_env=False)
        response.raise_for_status()
        return response.json()
