"""The ports over the table: in memory, and over DynamoDB (moto), taken as strictly as by AWS."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from moto.dynamodb.parsing.reserved_keywords import ReservedKeywords
from mypy_boto3_dynamodb import DynamoDBClient

from darkroom.adapters.claims import BudgetTable, ClaimTable
from darkroom.adapters.queue_table import QueueTable
from darkroom.adapters.table import JobTable
from darkroom.domain.job import Job, Reservation
from darkroom.ports import Budgets, Claims, SubmitQueue
from tests.fakes.signals import START
from tests.fakes.storage import InMemoryJobs

DAY = START.date()
# The words of expressions themselves; every other bare word is an attribute's name.
_GRAMMAR = {
    "SET", "REMOVE", "ADD", "DELETE", "AND", "OR", "NOT", "IN", "BETWEEN", "attribute_exists",
    "attribute_not_exists", "if_not_exists",
}  # fmt: skip


@dataclass(frozen=True)
class Stores:
    """What changes together."""

    jobs: InMemoryJobs | JobTable
    queue: SubmitQueue
    claims: Claims
    budgets: Budgets

    def reserved(self, scope: str) -> int:
        return self.budgets.reserved(DAY, scope).micro_usd

    def job(self, job_id: str = "j") -> Job:
        found = self.jobs.get(job_id)
        assert found is not None
        return found


def in_memory() -> Stores:
    jobs = InMemoryJobs()
    return Stores(jobs, jobs.queue, jobs.claims, jobs.budgets)


def over(client: DynamoDBClient, table: str) -> Stores:
    return Stores(
        JobTable(client, table),
        QueueTable(client, table),
        ClaimTable(client, table),
        BudgetTable(client, table),
    )


def job(**changes: Any) -> Job:
    """A record with these fields."""
    plain: dict[str, Any] = {
        "job_id": "j", "caller": "tests", "request_id": "r", "idempotency_key": "k",
        "fingerprint": "f",
        "operation": "text-to-image", "model": "a/b", "input": {"prompt": "x"}, "prefix": "jobs/j",
        "deadline_seconds": 900, "estimated_cost_micro_usd": None, "accepted_at": START,
        "expires_at": 1_800_000_000,
    }  # fmt: skip
    return Job.model_validate(plain | changes)


def reservation(micro_usd: int, scope: str = "tests") -> Reservation:
    return Reservation(day=DAY, scope=scope, micro_usd=micro_usd)


def be_strict(client: DynamoDBClient) -> None:
    """Fail over expressions that DynamoDB refuses and moto takes."""
    client.meta.events.register("before-parameter-build.dynamodb", _check)


def _check(params: Mapping[str, Any], **_: Any) -> None:
    for request in _requests(params):
        text = " ".join(value for name, value in request.items() if name.endswith("Expression"))
        names = request.get("ExpressionAttributeNames", {}).keys()
        values = request.get("ExpressionAttributeValues", {}).keys()
        assert set(re.findall(r"[#:]\w+", text)) == names | values, f"declared and used: {text}"
        bare = set(re.findall(r"(?<![#:\w])[A-Za-z_]\w*", text)) - _GRAMMAR
        reserved = {
            word for word in bare if word.upper() in ReservedKeywords.get_reserved_keywords()
        }
        assert not reserved, f"reserved words: {text}"


def _requests(params: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    yield params
    for item in params.get("TransactItems", ()):
        yield from item.values()
