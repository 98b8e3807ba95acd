"""Scripted faults: rules set by the admin and markers inside prompts, and which strikes a call."""

import re
import shlex
from collections import Counter
from dataclasses import dataclass
from itertools import count
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from local.provider.chance import seeded
from local.provider.fault_names import FaultName, fault_name
from local.provider.fault_table import Params

_MARKER = re.compile(r"\[\[\s*fault\s+(.*?)\]\]", re.DOTALL)


class Match(BaseModel):
    """Which calls a rule strikes; what is not said matches everything."""

    model_config = ConfigDict(extra="forbid")

    prompt: str | None = None
    model: str | None = None
    nth: int = Field(default=1, ge=1)
    probability: float | None = Field(default=None, ge=0, le=1)


class Rule(BaseModel):
    """A fault to come: it strikes `times` matching calls (0: all of them) from the n-th on."""

    model_config = ConfigDict(extra="forbid")

    id: int = 0
    fault: str
    params: dict[str, Any] = {}
    times: int = Field(default=1, ge=0)
    match: Match = Match()
    seen: int = 0
    hits: int = 0


@dataclass(frozen=True)
class Call:
    """A moment at which a fault may strike; the scope is what markers count their times by."""

    point: str
    prompt: str = ""
    model: str = ""
    scope: str = ""


@dataclass(frozen=True)
class Fault:
    """A fault that strikes now."""

    name: FaultName
    params: Params


@dataclass(frozen=True)
class Marker:
    """A fault written in a prompt: `[[fault run.failed code=1200 times=2]]`."""

    fault: Fault
    times: int


def markers(prompt: str) -> list[Marker]:
    """The markers of a prompt. Raises ValueError for one that cannot be understood."""
    return [_marker(text) for text in _MARKER.findall(prompt)]


def without_markers(prompt: str) -> str:
    """The words of a prompt that are meant for the picture."""
    return _MARKER.sub(" ", prompt).strip()


def _marker(text: str) -> Marker:
    name_text, *pairs = shlex.split(text)
    name = fault_name(name_text)
    given: Params = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals:
            msg = f"fault marker: {pair!r} is not key=value"
            raise ValueError(msg)
        given[key] = value
    # What happens to a prediction is its nature, so a repeat of the prompt shares it.
    times = int(given.pop("times", 0 if name.point in ("run", "webhook") else 1))
    return Marker(Fault(name, name.params(given)), times)


class Faults:
    """The script."""

    def __init__(self, seed: int) -> None:
        self.rules: list[Rule] = []
        self._ids = count(1)
        self._rng = seeded(seed, "faults")
        self._used: Counter[tuple[str, int]] = Counter()

    def add(self, rule: Rule) -> Rule:
        """Put a rule at the end of the script. Raises ValueError."""
        params = fault_name(rule.fault).params(rule.params)
        added = rule.model_copy(update={"id": next(self._ids), "params": params})
        self.rules.append(added)
        return added

    def remove(self, rule_id: int) -> bool:
        """Take a rule out; says whether it was there."""
        before = len(self.rules)
        self.rules = [rule for rule in self.rules if rule.id != rule_id]
        return len(self.rules) < before

    def clear(self) -> None:
        """Take all rules out."""
        self.rules.clear()

    def take(self, call: Call) -> Fault | None:
        """The first fault that strikes this call; others stay for the next one."""
        return next(iter(self._strike(call, everything=False)), None)

    def take_all(self, call: Call) -> list[Fault]:
        """All faults that strike this call."""
        return self._strike(call, everything=True)

    def _strike(self, call: Call, *, everything: bool) -> list[Fault]:
        struck: list[Fault] = []
        for index, marker in enumerate(markers(call.prompt)):
            if marker.fault.name.point != call.point or (struck and not everything):
                continue
            used = (f"{call.point}:{call.scope}", index)
            if not marker.times or self._used[used] < marker.times:
                self._used[used] += 1
                struck.append(marker.fault)
        for rule in self.rules:
            name = fault_name(rule.fault)
            if name.point != call.point or not self._matches(rule, call):
                continue
            rule.seen += 1
            due = rule.seen >= rule.match.nth and (not rule.times or rule.hits < rule.times)
            if due and (everything or not struck) and self._by_chance(rule):
                rule.hits += 1
                struck.append(Fault(name, rule.params))
        return struck

    def _matches(self, rule: Rule, call: Call) -> bool:
        wanted = rule.match
        return (wanted.prompt is None or wanted.prompt in call.prompt) and (
            wanted.model is None or wanted.model == call.model
        )

    def _by_chance(self, rule: Rule) -> bool:
        chance = rule.match.probability
        return chance is None or self._rng.random() < chance
