"""A batch of a thousand rows, bad ones and faults among them, against the provider's ledger."""

import json
import random
import time
from collections import Counter, defaultdict
from typing import Any

import httpx

from darkroom.domain.callers import Role
from local import keys
from local.errors import LocalError
from reliability.audit import Asked, Row
from reliability.cases import CASES, Case
from reliability.harness import ChaosHarness

_SECONDS = 1800
_REFUNDS = 4 * 3600  # seconds after which the provider has given back what it could not make
# What the provider takes more or less for than it quotes is told by the nightly report.
_MONEY = ("run.charge", "price.", "money.")
_BAD: tuple[dict[str, Any], ...] = ({"prompt": ""}, {"quality": "best"}, {"colour": "red"})


def batch(harness: ChaosHarness, rows: int) -> list[Row]:
    """Run a file: of its rows a tenth meets a fault, and a fiftieth is bad."""
    wanted = _wanted(harness.seed, rows)
    lines = [_line(number, name, case) for number, (name, case) in enumerate(wanted, 1)]
    with _client(harness) as client:
        results = _run(harness, client, "\n".join(map(json.dumps, lines)).encode())
    asked = [
        Asked("batch", f"row {result['row']}", result["job_id"], case.ends)
        for result, (name, case) in zip(results, wanted, strict=True)
        if name != "bad"
    ]
    harness.operator.settle([each.job_id for each in asked if each.job_id], seconds=60)
    (row,) = harness.rows(asked)
    row.name = f"batch of {rows:,} rows, {rows - len(asked)} of them bad"
    row.unexpected += _differences(harness, results)
    return [row]


def _wanted(seed: int, rows: int) -> list[tuple[str, Case]]:
    fair = {n: c for n, c in CASES.items() if not any(word in c.marker for word in _MONEY)}
    rng = random.Random(seed)  # noqa: S311 - repeatable
    faulty = [(name, fair[name]) for name in rng.choices(list(fair), k=rows // 10)]
    bad = [("bad", Case(""))] * (rows // 50)
    wanted = faulty + bad + [("", Case(""))] * (rows - len(faulty) - len(bad))
    rng.shuffle(wanted)
    return wanted


def _line(number: int, name: str, case: Case) -> dict[str, Any]:
    marker = f" [[fault {case.marker}]]" if case.marker else ""
    told = {"id": f"r{number}", "prompt": f"Case <row {number}>{marker}", "quality": "low"}
    return {**told, **case.request, **(_BAD[number % len(_BAD)] if name == "bad" else {})}


def _client(harness: ChaosHarness) -> httpx.Client:
    table = harness.stack.client("dynamodb")
    token, _ = keys.create(table, harness.stack.table, "batch", Role.SUBMIT)
    return httpx.Client(
        base_url=harness.stack.api_url,
        headers={"Authorization": f"Bearer {token}"},
        timeout=60,
        trust_env=False,
    )


def _run(harness: ChaosHarness, client: httpx.Client, data: bytes) -> list[dict[str, Any]]:
    """Upload, start and wait; return the results in the order of the rows."""
    about = {"content_type": "application/x-ndjson", "size": len(data)}
    ticket = client.post("/v1/uploads", json=about).raise_for_status().json()
    put = httpx.put(ticket["url"], content=data, headers=ticket["headers"], trust_env=False)
    put.raise_for_status()
    asked = {"source": ticket["reference"], "confirm_micro_usd": 10**9}
    told = client.post("/v1/batches", json=asked).raise_for_status().json()
    give_up_at = time.monotonic() + _SECONDS
    while told["ended_at"] is None:
        if time.monotonic() > give_up_at:
            raise LocalError(f"the batch did not end: {told['progress']}")
        harness.bus.receive(0)
        path = f"/v1/batches/{told['batch_id']}"
        told = client.get(path, params={"wait": 20}).raise_for_status().json()
    text = httpx.get(told["results"]["jsonl_url"], trust_env=False).raise_for_status().text
    return [json.loads(line) for line in text.splitlines()]


def _differences(harness: ChaosHarness, results: list[dict[str, Any]]) -> list[str]:
    """Return each row whose result says something else than the ledger, to the micro-dollar."""
    harness.admin("POST", "/clock", json={"advance": _REFUNDS})
    paid: Counter[str] = Counter()
    for entry in harness.admin("GET", "/ledger")["entries"]:
        sign = 1 if entry["kind"] == "deduct" else -1
        paid[entry["prediction"]] += sign * entry["amount_micro_usd"]
    by_row: defaultdict[str, int] = defaultdict(int)
    for prediction in harness.admin("GET", "/predictions"):
        words = json.dumps(prediction["inputs"]).partition("<")[2].partition(">")[0]
        by_row[words] += paid[prediction["id"]]
    found = []
    for result in results:
        cost, real = result["cost_micro_usd"], by_row[f"row {result['row']}"]
        allowed = {cost, 0} if result["charged"] == "maybe" else {cost}
        if real not in allowed:
            found.append(f"row {result['row']}: {result['code']}: told {cost}, paid {real}")
    return found
