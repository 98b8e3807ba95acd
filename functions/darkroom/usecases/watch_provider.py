"""Watch: what each submit says about the provider, for the circuit breaker in the line."""

from collections.abc import Callable
from dataclasses import dataclass

from darkroom.domain.breaker import Verdict
from darkroom.domain.errors import Code
from darkroom.domain.limiter import Line
from darkroom.ports import Clock, Lines, Metrics

_TRIES = 40


@dataclass(frozen=True)
class WatchProvider:
    """Open the breaker, or close it again."""

    lines: Lines
    metrics: Metrics
    now: Clock
    breaker_seconds: float

    def __call__(
        self, number: int, verdict: Verdict, reason: Code = Code.PROVIDER_UNAVAILABLE
    ) -> None:
        """Tell a line what a submit came to; nothing is written where that changes nothing."""
        if verdict is Verdict.ILL:
            self.metrics.count("ProviderUnreachable")
        for _ in range(_TRIES):
            line = self.lines.read(number)
            after = self.judged(line, verdict, reason)
            if after.breaker == line.breaker:
                return
            if self.lines.swap(line, after):
                self.tell(line, after)
                if verdict is Verdict.STOP:
                    self.change_others(number, lambda other: self.judged(other, verdict, reason))
                return
        raise RuntimeError("the line moves too fast")

    def change_others(self, number: int, change: Callable[[Line], Line]) -> None:
        """Change all lines but one, which has been: what the provider says is meant for all."""
        for each in self.lines.read_all():
            line, tries = each, 0
            while line.number != number and not self.lines.swap(line, change(line)):
                line, tries = self.lines.read(line.number), tries + 1
                if tries == _TRIES:
                    raise RuntimeError("the line moves too fast")

    def judged(
        self, line: Line, verdict: Verdict, reason: Code = Code.PROVIDER_UNAVAILABLE
    ) -> Line:
        """Return the line after a verdict."""
        now = self.now().timestamp()
        breaker = line.breaker.after(verdict, reason, now, self.breaker_seconds)
        return line.model_copy(update={"breaker": breaker})

    def tell(self, before: Line, after: Line) -> None:
        """Count it if the breaker has opened."""
        if after.breaker.trips > before.breaker.trips:
            self.metrics.count("BreakerOpen")
            self.metrics.count("BreakerOpened", code=str(after.breaker.reason))
