"""Request jobs over HTTP and by events, each with a unique prompt, and list them."""

import random
import secrets
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import httpx

from darkroom.domain.identity import job_id
from darkroom_cli.operator.keys import TableKeys
from local.events import put
from local.stack import Stack
from reliability.audit import RequestedJob
from reliability.fault_cases import FaultCase

_THREADS = 8
_ATTEMPTS = 10


class JobRequester:
    """Requests jobs as several callers."""

    def __init__(self, stack: Stack, callers: int = 1) -> None:
        self._stack = stack
        keys = TableKeys(stack.client, stack.table, stack.audit_log)
        self._keys = [
            keys.create({"name": f"caller-{n}", "unlimited": True})["key"] for n in range(callers)
        ]

    def request_all(self, requests: Sequence[tuple[str, FaultCase]]) -> list[RequestedJob]:
        """Request jobs over HTTP in parallel; each request is a row name and its fault case."""
        with ThreadPoolExecutor(_THREADS) as pool:
            return list(pool.map(self._request, range(len(requests)), requests))

    def request_by_event(
        self, row: str, case: FaultCase, count: int
    ) -> tuple[list[RequestedJob], list[dict[str, object]]]:
        """Request jobs by JobRequested events, each with its own idempotency key.

        Return the jobs, and the inputs of OnRequest that the rule makes of the events.
        """
        jobs: list[RequestedJob] = []
        inputs: list[dict[str, object]] = []
        for _ in range(count):
            label, key = f"{row} {secrets.token_hex(6)}", secrets.token_hex(8)
            detail = _body(label, case) | {"idempotency_key": key}
            event_id = put(self._stack, detail)
            jobs.append(RequestedJob(row, label, job_id("events", key), case.allowed_codes))
            inputs.append(
                {"caller": "events", "can_read_all": True, "id": event_id, "detail": detail}
            )
        return jobs, inputs

    def _request(self, number: int, request: tuple[str, FaultCase]) -> RequestedJob:
        row, case = request
        label = f"{row} {secrets.token_hex(6)}"
        body = _body(label, case)
        headers = {
            "Authorization": f"Bearer {self._keys[number % len(self._keys)]}",
            "Idempotency-Key": secrets.token_hex(8),
        }
        url = f"{self._stack.api_url}/v1/jobs"
        # The API may be faulty as well. The idempotency key makes a retry safe.
        for _ in range(_ATTEMPTS):
            # Longer than the API takes on a busy machine: a retry would only add load.
            response = httpx.post(url, json=body, headers=headers, timeout=600, trust_env=False)
            if response.status_code < 500 and response.status_code != httpx.codes.TOO_MANY_REQUESTS:
                break
        response.raise_for_status()
        created = response.json()["job_id"]
        return RequestedJob(row, label, created, case.allowed_codes, case.is_recovered)


def _body(label: str, case: FaultCase) -> dict[str, object]:
    marker = f" [[fault {case.marker}]]" if case.marker else ""
    prompt = f"Case <{label}>{marker}"
    if "model" in case.request:
        return {"input": {"prompt": prompt}, **case.request}
    return {"operation": "text-to-image", "prompt": prompt, "quality": "low", **case.request}


def mixed(
    cases: dict[str, FaultCase], row: str, jobs: int, seed: int
) -> list[tuple[str, FaultCase]]:
    """Return `jobs` requests in seeded random order: half with a random fault, half without."""
    rng = random.Random(seed)  # noqa: S311 - repeatable
    names = [rng.choice(list(cases)) for _ in range(jobs // 2)]
    requests = [(row, cases[name]) for name in names]
    requests += [(row, FaultCase(""))] * (jobs - len(names))
    rng.shuffle(requests)
    return requests
