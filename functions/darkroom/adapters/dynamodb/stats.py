"""Statistics in DynamoDB: one item per day and caller, and one per day and kind of image."""

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from darkroom.adapters.dynamodb.items import (
    DURATIONS,
    STATS,
    Item,
    durations_key,
    job_key,
    stats_key,
)
from darkroom.adapters.dynamodb.operations import Table
from darkroom.domain.errors import Code
from darkroom.domain.stats import Amount, Day, ImageKind, JobStats

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

# Attribute prefixes. Attributes are flat because ADD cannot create a field of a missing map.
_JOBS, _MONEY, _FAILED, _BUCKET = "jobs:", "usd:", "failed:", "bucket:"


class StatsTable:
    """Port `Stats` on the job table."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._table = Table(client, table)

    def add(self, job_id: str, job_stats: JobStats, expires_at: int) -> bool:
        """Count a job and mark its record in one transaction; return False if already counted."""
        counts = {
            "completed" if job_stats.code is None else "failed": 1,
            "spent_micro_usd": job_stats.micro_usd,
            f"{_JOBS}{job_stats.quality}": 1,
            f"{_MONEY}{job_stats.quality}": job_stats.micro_usd,
        }
        if job_stats.code is not None:
            counts[f"{_FAILED}{job_stats.code}"] = 1
        if job_stats.saved_micro_usd is not None:
            counts |= {"reused": 1, "saved_micro_usd": job_stats.saved_micro_usd}
        mark = {
            "Key": job_key(job_id),
            "UpdateExpression": "SET stats_recorded_at = :now",
            "ConditionExpression": (
                "attribute_exists(pk) AND attribute_not_exists(stats_recorded_at)"
            ),
            "ExpressionAttributeValues": {":now": {"S": datetime.now(UTC).isoformat()}},
        }
        day_key = stats_key(job_stats.day, job_stats.caller)
        updates = [mark, _increment(day_key, counts, expires_at)]
        if job_stats.bucket is not None:
            kind_key = durations_key(job_stats.day, job_stats.kind)
            updates.append(_increment(kind_key, {f"{_BUCKET}{job_stats.bucket}": 1}, expires_at))
        return not self._table.transact([{"Update": update} for update in updates])

    def days(self, since: date, until: date, caller: str | None) -> list[Day]:
        """Return the days from `since` to `until`, both included, oldest first.

        `caller` None returns the days of all callers.
        """
        days = (_day(item) for item in self._items(STATS, since, until))
        return [day for day in days if caller in (None, day.caller)]

    def histograms(self, since: date, until: date) -> dict[date, dict[ImageKind, dict[int, int]]]:
        """Return the number of jobs by day, kind and histogram bucket, oldest day first."""
        histograms: dict[date, dict[ImageKind, dict[int, int]]] = {}
        for item in self._items(DURATIONS, since, until):
            day, *kind = item["sk"]["S"].split("#", 3)
            counts = {int(name): count for name, count in _counts(item, _BUCKET).items()}
            histograms.setdefault(date.fromisoformat(day), {})[ImageKind(*kind)] = counts
        return histograms

    def _items(self, partition: str, since: date, until: date) -> Iterator[Item]:
        return self._table.query(
            "pk = :pk AND sk BETWEEN :since AND :until",
            {
                ":pk": partition,
                ":since": since.isoformat(),
                ":until": f"{until.isoformat()}$",  # "$" sorts right after "#"
            },
        )


def _increment(key: Item, counts: Mapping[str, int], expires_at: int) -> dict[str, Any]:
    additions = [f"#{n} :{n}" for n in range(len(counts))]
    return {
        "Key": key,
        "UpdateExpression": f"ADD {', '.join(additions)} SET expires_at = :expiry",
        "ExpressionAttributeNames": {f"#{n}": name for n, name in enumerate(counts)},
        "ExpressionAttributeValues": {
            ":expiry": {"N": str(expires_at)},
            **{f":{n}": {"N": str(count)} for n, count in enumerate(counts.values())},
        },
    }


def _day(item: Item) -> Day:
    day, caller = item["sk"]["S"].split("#", 1)
    money = _counts(item, _MONEY)
    return Day(
        day=date.fromisoformat(day),
        caller=caller,
        **{
            name: int(item.get(name, {"N": "0"})["N"])
            for name in ("completed", "failed", "spent_micro_usd", "reused", "saved_micro_usd")
        },
        by_quality={
            quality: Amount(jobs=jobs, micro_usd=money.get(quality, 0))
            for quality, jobs in sorted(_counts(item, _JOBS).items())
        },
        failures={Code(code): count for code, count in sorted(_counts(item, _FAILED).items())},
    )


def _counts(item: Item, prefix: str) -> dict[str, int]:
    return {
        name.removeprefix(prefix): int(value["N"])
        for name, value in item.items()
        if name.startswith(prefix)
    }
