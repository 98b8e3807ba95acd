"""The line, claims, budgets and switches, in dictionaries."""

from dataclasses import dataclass, field
from datetime import date

from darkroom.domain.job import Hold
from darkroom.domain.limiter import Line
from darkroom.ports import Held, LineChange, Switches


@dataclass
class InMemoryLine:
    """The port Lines."""

    all: dict[int, Line] = field(default_factory=lambda: {0: Line()})
    swaps: int = 0

    @property
    def line(self) -> Line:
        """The first, which is the only one of most accounts."""
        return self.all[0]

    @line.setter
    def line(self, line: Line) -> None:
        self.all[0] = line

    def read(self, number: int = 0) -> Line:
        return self.all.get(number, Line(number=number))

    def read_all(self) -> list[Line]:
        return list(self.all.values())

    def swap(self, before: Line, after: Line) -> bool:
        return self.change(LineChange(before, after))

    def allows(self, change: LineChange) -> bool:
        line = self.read(change.number)
        is_same = change.before is None or change.before.version == line.version
        return is_same and (change.below is None or line.in_flight < change.below)

    def change(self, change: LineChange) -> bool:
        """Make a change; False, and nothing changed, if it is not allowed."""
        if not self.allows(change):
            return False
        line = self.read(change.number)
        counted = {"in_flight": line.in_flight + change.flight}
        if change.after is not None:
            self.swaps += 1
            counted["version"] = line.version + 1
            line = change.after
        self.all[change.number] = line.model_copy(update=counted)
        return True


@dataclass
class InMemoryClaims:
    """The port Claims."""

    owners: dict[str, str] = field(default_factory=dict)

    def owner(self, prediction_id: str) -> str | None:
        return self.owners.get(prediction_id)


@dataclass
class InMemoryBudgets:
    """The port Budgets."""

    amounts: dict[tuple[date, str], int] = field(default_factory=dict)
    warned: set[tuple[date, str]] = field(default_factory=set)

    def held(self, day: date, scope: str) -> Held:
        return Held(self.amounts.get((day, scope), 0), (day, scope) in self.warned)

    def warn(self, day: date, scope: str) -> None:
        self.warned.add((day, scope))

    def add(self, hold: Hold, amount: int) -> None:
        place = (hold.day, hold.scope)
        self.amounts[place] = self.amounts.get(place, 0) + amount


@dataclass
class SetSwitches:
    """The port Switchboard."""

    switches: Switches = field(default_factory=Switches)

    def read(self) -> Switches:
        return self.switches

    def set(self, *, submits: bool = True, webhook_url: str | None = None) -> None:
        self.switches = Switches(submits=submits, webhook_url=webhook_url)
