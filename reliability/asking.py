"""Asks for jobs, each with words of its own, and keeps what was asked for."""

import random
import secrets
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import httpx

from darkroom.domain.callers import Role
from darkroom.domain.identity import job_id
from local import keys
from local.events import put
from local.stack import Stack
from reliability.audit import Asked
from reliability.cases import Case

_AT_ONCE = 8


class Asker:
    """Callers of the HTTP door; `asked` is everything so far."""

    def __init__(self, stack: Stack, callers: int = 1) -> None:
        self.asked: list[Asked] = []
        self._stack = stack
        table = stack.client("dynamodb")
        self._keys = [
            keys.create(table, stack.table, f"caller-{n}", Role.SUBMIT)[0] for n in range(callers)
        ]

    def ask(self, row: str, case: Case, jobs: int = 1) -> list[Asked]:
        """Ask for jobs that meet this fault, as one caller or another."""
        return self.ask_all([(row, case)] * jobs)

    def ask_all(self, wanted: Sequence[tuple[str, Case]]) -> list[Asked]:
        """Ask for many at once."""
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            new = list(pool.map(self._one, range(len(wanted)), wanted))
        self.asked += new
        return new

    def ask_by_event(self, row: str, case: Case, jobs: int) -> list[Asked]:
        """Ask for jobs through the event door, by keys of their own."""
        new = []
        for _ in range(jobs):
            words, key = f"{row} {secrets.token_hex(6)}", secrets.token_hex(8)
            put(self._stack, _body(words, case) | {"idempotency_key": key})
            new.append(Asked(row, words, job_id("events", key), case.ends))
        self.asked += new
        return new

    def _one(self, number: int, wanted: tuple[str, Case]) -> Asked:
        row, case = wanted
        words = f"{row} {secrets.token_hex(6)}"
        body = _body(words, case)
        headers = {
            "Authorization": f"Bearer {self._keys[number % len(self._keys)]}",
            "Idempotency-Key": secrets.token_hex(8),
        }
        url = f"{self._stack.api_url}/v1/jobs"
        for _ in range(10):  # a door may be broken, too; with its key a repeat is safe
            answer = httpx.post(url, json=body, headers=headers, timeout=60, trust_env=False)
            if answer.status_code < 500 and answer.status_code != httpx.codes.TOO_MANY_REQUESTS:
                break
        answer.raise_for_status()
        return Asked(row, words, answer.json()["job_id"], case.ends)


def _body(words: str, case: Case) -> dict[str, object]:
    marker = f" [[fault {case.marker}]]" if case.marker else ""
    return {
        "operation": "text-to-image",
        "prompt": f"Case <{words}>{marker}",
        "quality": "low",
        **case.request,
    }


def mixed(cases: dict[str, Case], row: str, jobs: int, seed: int) -> list[tuple[str, Case]]:
    """Return a mix of all faults, and as many jobs without any, in the order of a seed."""
    rng = random.Random(seed)  # noqa: S311 - repeatable
    names = [rng.choice(list(cases)) for _ in range(jobs // 2)]
    wanted = [(row, cases[name]) for name in names] + [(row, Case(""))] * (jobs - len(names))
    rng.shuffle(wanted)
    return wanted
