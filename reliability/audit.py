"""What came of jobs: the records, the bucket, and the provider's own books, held together."""

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import httpx

from darkroom.adapters.table import JobTable
from darkroom.domain.job import Job, Status
from local.stack import Stack
from reliability.operating import Operator

# Not ours to keep: what the provider made cannot be had, or must not be stored.
_OUT_OF_REACH = ("asset_unavailable", "asset_invalid")


@dataclass(frozen=True)
class Asked:
    """A job that was asked for: its row of the table, its own words, and its id once known."""

    row: str
    words: str  # in the prompt of this job and of no other
    job_id: str
    allowed: tuple[str | None, ...] = ()  # the ends that the row may have; none: any


@dataclass
class Row:
    """One line of the table."""

    name: str
    jobs: int = 0
    ended: int = 0
    completed: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    recovered: int = 0
    charges: int = 0
    double: int = 0
    lost: int = 0
    stuck: int = 0
    unequal: int = 0
    unexpected: list[str] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        """Whether every promise was kept."""
        return not (self.double or self.lost or self.stuck or self.unequal or self.unexpected)


class Audit:
    """Reads everything once, then judges job by job."""

    def __init__(self, stack: Stack, operator: Operator) -> None:
        self._stack = stack
        self._operator = operator
        self._jobs = JobTable(stack.client("dynamodb"), stack.table)
        self._s3 = stack.client("s3")

    def rows(self, asked: Iterable[Asked]) -> list[Row]:
        """Judge what was asked for, a row for each name, in the order of their first jobs."""
        predictions = self._by_words()
        charged = Counter(
            entry["prediction"] for entry in self._get("ledger")["entries"]
            if entry["kind"] == "deduct"
        )  # fmt: skip
        served = self._get("served")
        rows: dict[str, Row] = {}
        for each in asked:
            row = rows.setdefault(each.row, Row(each.row))
            mine = predictions.get(each.words, [])
            self._judge(row, each, mine, charged, served)
        return list(rows.values())

    def _judge(
        self,
        row: Row,
        asked: Asked,
        predictions: list[dict[str, Any]],
        charged: Counter[str],
        served: dict[str, Any],
    ) -> None:
        job = self._jobs.get(asked.job_id)
        row.jobs += 1
        row.charges += sum(charged[each["id"]] for each in predictions)
        # A second prediction of one job, or a second deduction for one prediction.
        row.double += max(0, sum(charged[each["id"]] for each in predictions) - 1)
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
        if asked.allowed and job.code not in asked.allowed:
            row.unexpected.append(f"{job.job_id}: {job.code}")
        made = [each for each in predictions if each["ends_as"] == "completed" and each["outputs"]]
        if made and not job.assets and job.code not in _OUT_OF_REACH:
            row.lost += 1
        row.unequal += not self._is_equal(job, predictions, served)

    def _is_equal(
        self, job: Job, predictions: list[dict[str, Any]], served: dict[str, Any]
    ) -> bool:
        """Tell whether every stored byte is what the CDN sent for a prediction of this job."""
        paths = {httpx.URL(url).path for each in predictions for url in each["output_urls"]}
        sent = {
            body["sha256"] for path in paths for body in served.get(path, []) if body["is_complete"]
        }
        for asset in job.assets:
            answer = self._s3.get_object(Bucket=asset.bucket, Key=asset.key)
            digest = hashlib.sha256()
            for chunk in answer["Body"].iter_chunks(1024 * 1024):
                digest.update(chunk)
            if digest.hexdigest() != asset.sha256 or asset.sha256 not in sent:
                return False
        return True

    def _by_words(self) -> dict[str, list[dict[str, Any]]]:
        """Return the predictions by the words in angle brackets in their prompts."""
        found: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
        for prediction in self._get("predictions"):
            text = json.dumps(prediction["inputs"], ensure_ascii=False)
            found[text.partition("<")[2].partition(">")[0]].append(prediction)
        return found

    def _get(self, path: str) -> Any:
        url = f"{self._stack.provider_admin_url}/{path}"
        answer = httpx.get(url, timeout=120, trust_env=False)
        answer.raise_for_status()
        return answer.json()
