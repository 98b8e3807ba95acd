"""A batch of a thousand rows, some invalid or faulty, reconciled with the provider's ledger."""

import json
import random
import time
from collections import Counter, defaultdict
from typing import Any

import httpx

from darkroom_cli.operator.keys import TableKeys
from local.errors import LocalError
from reliability.audit import AuditRow, RequestedJob
from reliability.fault_cases import JOB_FAULTS, FaultCase
from reliability.harness import ChaosHarness

_SECONDS = 1800
_REFUND_SECONDS = 4 * 3600  # after this time the provider has refunded every failed prediction
# Faults that charge a different amount than quoted: the nightly report shows these differences.
_PRICE_FAULTS = ("run.charge", "price.", "money.")
_INVALID_FIELDS: tuple[dict[str, Any], ...] = (
    {"prompt": ""}, {"quality": "best"}, {"colour": "red"},
)  # fmt: skip


def batch(harness: ChaosHarness, rows: int) -> list[AuditRow]:
    """Run a batch file in which a tenth of the rows have a fault and a fiftieth are invalid."""
    cases = _cases(harness.seed, rows)
    lines = [_line(number, name, case) for number, (name, case) in enumerate(cases, 1)]
    with _client(harness) as client:
        results = _run(harness, client, "\n".join(map(json.dumps, lines)).encode())
    requested = [
        RequestedJob("batch", f"row {result['row']}", result["job_id"], case.allowed_codes)
        for result, (name, case) in zip(results, cases, strict=True)
        if name != "invalid"
    ]
    harness.operator.settle([job.job_id for job in requested if job.job_id], seconds=60)
    (row,) = harness.audit(requested)
    row.name = f"batch of {rows:,} rows, {rows - len(requested)} of them invalid"
    row.unexpected += _cost_differences(harness, results)
    return [row]


def _cases(seed: int, rows: int) -> list[tuple[str, FaultCase]]:
    faults = {
        name: case
        for name, case in JOB_FAULTS.items()
        if "model" not in case.request and not any(word in case.marker for word in _PRICE_FAULTS)
    }
    rng = random.Random(seed)  # noqa: S311 - repeatable
    faulty = [(name, faults[name]) for name in rng.choices(list(faults), k=rows // 10)]
    invalid = [("invalid", FaultCase(""))] * (rows // 50)
    cases = faulty + invalid + [("", FaultCase(""))] * (rows - len(faulty) - len(invalid))
    rng.shuffle(cases)
    return cases


def _line(number: int, name: str, case: FaultCase) -> dict[str, Any]:
    marker = f" [[fault {case.marker}]]" if case.marker else ""
    invalid = _INVALID_FIELDS[number % len(_INVALID_FIELDS)] if name == "invalid" else {}
    return {
        "id": f"r{number}",
        "prompt": f"Case <row {number}>{marker}",
        "quality": "low",
        **case.request,
        **invalid,
    }


def _client(harness: ChaosHarness) -> httpx.Client:
    keys = TableKeys(harness.stack.client, harness.stack.table, harness.stack.audit_log)
    token = keys.create({"name": "batch", "unlimited": True})["key"]
    return httpx.Client(
        base_url=harness.stack.api_url,
        headers={"Authorization": f"Bearer {token}"},
        timeout=60,
        trust_env=False,
    )


def _run(harness: ChaosHarness, client: httpx.Client, data: bytes) -> list[dict[str, Any]]:
    """Upload the batch file, start the batch and wait. Return the results in row order."""
    metadata = {"content_type": "application/x-ndjson", "size": len(data)}
    upload = client.post("/v1/uploads", json=metadata).raise_for_status().json()
    stored = httpx.put(upload["url"], content=data, headers=upload["headers"], trust_env=False)
    stored.raise_for_status()
    request = {"source": upload["reference"], "confirm_micro_usd": 10**9}
    status = client.post("/v1/batches", json=request).raise_for_status().json()
    deadline = time.monotonic() + _SECONDS
    while status["ended_at"] is None:
        if time.monotonic() > deadline:
            raise LocalError(f"the batch did not end: {status['progress']}")
        harness.bus.receive(0)
        path = f"/v1/batches/{status['batch_id']}"
        status = client.get(path, params={"wait": 20}).raise_for_status().json()
    text = httpx.get(status["results"]["jsonl_url"], trust_env=False).raise_for_status().text
    return [json.loads(line) for line in text.splitlines()]


def _cost_differences(harness: ChaosHarness, results: list[dict[str, Any]]) -> list[str]:
    """Return a message for each row whose cost differs from the ledger by a micro-USD or more."""
    harness.admin("POST", "/clock", json={"advance": _REFUND_SECONDS})
    charged: Counter[str] = Counter()
    for entry in harness.admin("GET", "/ledger")["entries"]:
        sign = 1 if entry["kind"] == "deduct" else -1
        charged[entry["prediction"]] += sign * entry["amount_micro_usd"]
    charged_by_label: defaultdict[str, int] = defaultdict(int)
    for prediction in harness.admin("GET", "/predictions"):
        label = json.dumps(prediction["inputs"]).partition("<")[2].partition(">")[0]
        charged_by_label[label] += charged[prediction["id"]]
    differences = []
    for result in results:
        reported, actual = result["cost_micro_usd"], charged_by_label[f"row {result['row']}"]
        allowed = {reported, 0} if result["charged"] == "maybe" else {reported}
        if actual not in allowed:
            differences.append(
                f"row {result['row']}: {result['code']}: reported {reported}, charged {actual}"
            )
    return differences
