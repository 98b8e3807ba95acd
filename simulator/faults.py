"""Scripted faults: rules of the admin API and markers in prompts, and how calls match them."""

import re
import shlex
from collections import Counter
from dataclasses import dataclass
from itertools import count
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from simulator.chance import seeded
from simulator.clock import SECOND, Clock
from simulator.fault_names import FaultName, fault_name
from simulator.fault_table import Params

_MARKER = re.compile(r"\[\[\s*fault\s+(.*?)\]\]", re.DOTALL)


class Match(BaseModel):
    """The calls that a rule applies to. Absent fields match every call."""

    model_config = ConfigDict(extra="forbid")

    prompt: str | None = None
    model: str | None = None
    nth: int = Field(default=1, ge=1)
    probability: float | None = Field(default=None, ge=0, le=1)


class Rule(BaseModel):
    """A scripted fault. It applies to `times` matching calls (0: all) from the n-th on.

    With `lasts`, it applies for this many seconds after its first match instead.
    """

    model_config = ConfigDict(extra="forbid")

    id: int = 0
    fault: str
    params: dict[str, Any] = {}
    times: int = Field(default=1, ge=0)
    lasts: float = Field(default=0, ge=0)
    match: Match = Match()
    seen: int = 0
    hits: int = 0
    since: int | None = None


@dataclass(frozen=True)
class Call:
    """One API call that a fault can apply to. Markers count their `times` per scope."""

    point: str
    prompt: str = ""
    model: str = ""
    scope: str = ""


@dataclass(frozen=True)
class Fault:
    """A fault that applies to the current call."""

    name: FaultName
    params: Params


@dataclass(frozen=True)
class Marker:
    """A fault in a prompt: `[[fault run.failed code=1200 times=2]]`."""

    fault: Fault
    times: int
    lasts: float = 0


def markers(prompt: str) -> list[Marker]:
    """Return the markers of a prompt. Raises ValueError for an invalid marker."""
    return [_marker(text) for text in _MARKER.findall(prompt)]


def without_markers(prompt: str) -> str:
    """Return the prompt without its markers."""
    return _MARKER.sub(" ", prompt).strip()


def _marker(text: str) -> Marker:
    name_text, *pairs = shlex.split(text)
    name = fault_name(name_text)
    params: Params = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals:
            msg = f"fault marker: {pair!r} is not key=value"
            raise ValueError(msg)
        params[key] = value
    # Faults of a run apply to every prediction of the prompt, unless `times` limits them.
    times = int(params.pop("times", 0 if name.point in ("run", "webhook") else 1))
    lasts = float(params.pop("lasts", 0))
    return Marker(Fault(name, name.params(params)), times, lasts)


class Faults:
    """All rules, and the counts of their use."""

    def __init__(self, seed: int, clock: Clock) -> None:
        self.rules: list[Rule] = []
        self._clock = clock
        self._ids = count(1)
        self._rng = seeded(seed, "faults")
        self._used: Counter[tuple[str, int]] = Counter()
        self._since: dict[tuple[str, int], int] = {}

    def add(self, rule: Rule) -> Rule:
        """Append a rule and return it with its id. Raises ValueError for an invalid rule."""
        params = fault_name(rule.fault).params(rule.params)
        added = rule.model_copy(update={"id": next(self._ids), "params": params})
        self.rules.append(added)
        return added

    def remove(self, rule_id: int) -> bool:
        """Remove a rule. Returns False for an unknown id."""
        before = len(self.rules)
        self.rules = [rule for rule in self.rules if rule.id != rule_id]
        return len(self.rules) < before

    def clear(self) -> None:
        """Remove all rules."""
        self.rules.clear()

    def take(self, call: Call) -> Fault | None:
        """Return the first fault that matches; other matching faults stay for later calls."""
        return next(iter(self._matching(call, take_all=False)), None)

    def take_all(self, call: Call) -> list[Fault]:
        """Return all faults that match."""
        return self._matching(call, take_all=True)

    def _matching(self, call: Call, *, take_all: bool) -> list[Fault]:
        matching: list[Fault] = []
        for index, marker in enumerate(markers(call.prompt)):
            if marker.fault.name.point != call.point or (matching and not take_all):
                continue
            used = (f"{call.point}:{call.scope}", index)
            since = self._since.setdefault(used, self._clock.now())
            if self._applies(marker.times, self._used[used], marker.lasts, since):
                self._used[used] += 1
                matching.append(marker.fault)
        for rule in self.rules:
            name = fault_name(rule.fault)
            if name.point != call.point or not self._matches(rule, call):
                continue
            rule.seen += 1
            if rule.seen < rule.match.nth:
                continue
            rule.since = self._clock.now() if rule.since is None else rule.since
            is_due = self._applies(rule.times, rule.hits, rule.lasts, rule.since)
            if is_due and (take_all or not matching) and self._passes_probability(rule):
                rule.hits += 1
                matching.append(Fault(name, rule.params))
        return matching

    def _applies(self, times: int, used: int, lasts: float, since: int) -> bool:
        if lasts:
            return self._clock.now() < since + lasts * SECOND
        return not times or used < times

    def _matches(self, rule: Rule, call: Call) -> bool:
        match = rule.match
        return (match.prompt is None or match.prompt in call.prompt) and (
            match.model is None or match.model == call.model
        )

    def _passes_probability(self, rule: Rule) -> bool:
        probability = rule.match.probability
        return probability is None or self._rng.random() < probability
