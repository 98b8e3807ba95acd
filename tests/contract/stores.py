"""The ports over the table, in memory and over DynamoDB (moto) with its expression checks."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from moto.dynamodb.parsing.reserved_keywords import ReservedKeywords
from mypy_boto3_dynamodb import DynamoDBClient

from darkroom.adapters.dynamodb.jobs import BudgetTable, ClaimTable, JobTable
from darkroom.adapters.dynamodb.queue import QueueTable
from darkroom.domain.job import Job, Reservation
from darkroom.ports import Budgets, Claims, SubmitQueue
from tests.fakes.signals import START
from tests.fakes.storage import InMemoryJobs

DAY = START.date()
# Keywords of the expression grammar; every other bare word is an attribute name.
_GRAMMAR = {
    "SET", "REMOVE", "ADD", "DELETE", "AND", "OR", "NOT", "IN", "BETWEEN", "attribute_exists",
    "attribute_not_exists", "if_not_exists",
}  # fmt: skip


@dataclass(frozen=True)
class Stores:
    """The ports whose changes are written in one transaction."""

    jobs: InMemoryJobs | JobTable
    queue: SubmitQueue
    claims: Claims
    budgets: Budgets

    def reserved(self, scope: str) -> int:
        return self.budgets.reserved(DAY, scope).micro_usd

    def job(self, job_id: str = "j") -> Job:
        record = self.jobs.get(job_id)
        assert record is not None
        return record


def in_memory_stores() -> Stores:
    jobs = InMemoryJobs()
    return Stores(jobs, jobs.queue, jobs.claims, jobs.budgets)


def dynamodb_stores(client: DynamoDBClient, table: str) -> Stores:
    return Stores(
        JobTable(client, table),
        QueueTable(client, table),
        ClaimTable(client, table),
        BudgetTable(client, table),
    )


def job(**changes: Any) -> Job:
    """Return a job with default fields and `changes`."""
    defaults: dict[str, Any] = {
        "job_id": "j", "caller": "tests", "request_id": "r", "idempotency_key": "k",
        "fingerprint": "f",
        "operation": "text-to-image", "model": "a/b", "input": {"prompt": "x"}, "prefix": "jobs/j",
        "deadline_seconds": 900, "estimated_cost_micro_usd": None, "accepted_at": START,
        "expires_at": 1_800_000_000,
    }  # fmt: skip
    return Job.model_validate(defaults | changes)


def reservation(micro_usd: int, scope: str = "tests") -> Reservation:
    return Reservation(day=DAY, scope=scope, micro_usd=micro_usd)


def reject_invalid_expressions(client: DynamoDBClient) -> None:
    """Fail on expressions that DynamoDB refuses and moto accepts."""
    client.meta.events.register("before-parameter-build.dynamodb", _check_expressions)


def _check_expressions(params: Mapping[str, Any], **_: Any) -> None:
    for request in _nested_requests(params):
        text = " ".join(value for name, value in request.items() if name.endswith("Expression"))
        names = request.get("ExpressionAttributeNames", {}).keys()
        values = request.get("ExpressionAttributeValues", {}).keys()
        assert set(re.findall(r"[#:]\w+", text)) == names | values, (
            f"declared and used names differ: {text}"
        )
        bare_words = set(re.findall(r"(?<![#:\w])[A-Za-z_]\w*", text)) - _GRAMMAR
        reserved = {
            word for word in bare_words if word.upper() in ReservedKeywords.get_reserved_keywords()
        }
        assert not reserved, f"reserved words: {text}"


def _nested_requests(params: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    yield params
    for item in params.get("TransactItems", ()):
        yield from item.values()
