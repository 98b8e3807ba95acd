"""The provider as an account that remembers: what it takes it makes, lists, and tells if asked."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from darkroom.domain.errors import Code
from darkroom.ports import (
    Accepted,
    ListedPrediction,
    NotSent,
    Prediction,
    Refused,
    Running,
    Submission,
    Succeeded,
    Throttled,
    Unknown,
    Unreadable,
)
from tests.fakes.provider import OUTPUT, ScriptedProvider
from tests.fakes.signals import StoppedClock


class Take(StrEnum):
    """What becomes of a POST."""

    TAKEN = "taken"
    LOST = "taken, and the answer is lost"
    NEVER = "not taken, and nobody says so"
    UNSENT = "it never left"
    THROTTLED = "put off"
    REFUSED = "refused"
    LOCKED_OUT = "the key is refused"


# After these a prediction may be there, or is.
POSSIBLY_TAKEN = (Take.TAKEN, Take.LOST, Take.NEVER)
_ANSWERS: dict[Take, Submission] = {
    Take.LOST: Unknown(),
    Take.NEVER: Unknown(),
    Take.UNSENT: NotSent(),
    Take.THROTTLED: Throttled(None),
    Take.REFUSED: Refused(Code.MODERATED, "no"),
    Take.LOCKED_OUT: Refused(Code.UNAUTHORIZED, "no key", stops=True),
}


@dataclass
class Made:
    """A prediction: for whom, of what, since when, and what comes of it."""

    prediction_id: str
    job_id: str
    model: str
    inputs: dict[str, Any]
    webhook: str | None
    created_at: datetime
    end: Prediction

    @property
    def token(self) -> str:
        """The token in the URL that is called."""
        return (self.webhook or "").partition("?token=")[2]


@dataclass
class Account(ScriptedProvider):
    """The port Provider; `takes` are what the next POSTs come to, then all are taken."""

    clock: StoppedClock = field(default_factory=StoppedClock)
    takes: list[Take] = field(default_factory=list)
    ends: list[Prediction] = field(default_factory=list)
    seconds: float = 30
    lag: timedelta = timedelta()
    lists: bool = True
    says_inputs: bool = True
    answers: bool = True
    made: list[Made] = field(default_factory=list)
    asking: str = ""  # the job whose step runs
    sent: list[tuple[str, Take, datetime]] = field(default_factory=list)

    def submit(
        self, model: str, model_input: dict[str, Any], webhook: str | None = None
    ) -> Submission:
        self.posts.append((model, model_input))
        self.webhooks.append(webhook)
        take = self.takes.pop(0) if self.takes else Take.TAKEN
        self.sent.append((self.asking, take, self.clock()))
        answer = _ANSWERS.get(take, Unknown())
        if take in (Take.TAKEN, Take.LOST):
            made = self.make(model, model_input, webhook)
            answer = Accepted(made.prediction_id) if take is Take.TAKEN else Unknown()
        self.answered.append(answer)
        return answer

    def make(self, model: str, inputs: dict[str, Any], webhook: str | None = None) -> Made:
        """Make a prediction, whoever asked for it."""
        made = Made(
            prediction_id=f"p-{len(self.made) + 1}",
            job_id=self.asking,
            model=model,
            inputs=inputs,
            webhook=webhook,
            created_at=self.clock(),
            end=self.ends.pop(0) if self.ends else Succeeded((OUTPUT,)),
        )
        self.made.append(made)
        return made

    def list_predictions(
        self, model: str, after: datetime, before: datetime
    ) -> list[ListedPrediction] | None:
        if not self.lists:
            return None
        now = self.clock()
        return [
            ListedPrediction(
                each.prediction_id, each.created_at, each.inputs if self.says_inputs else None
            )
            for each in self.made
            if each.model == model
            and after <= each.created_at <= before
            and each.created_at + self.lag <= now
        ]

    def check(self, prediction_id: str) -> Prediction:
        self.checked.append(prediction_id)
        made = next(each for each in self.made if each.prediction_id == prediction_id)
        if not self.answers:
            return Unreadable(Code.PROVIDER_UNAVAILABLE, "HTTP 502")
        if self.clock() < made.created_at + timedelta(seconds=self.seconds):
            return Running("processing", known=True)
        return made.end

    def possibly_taken(self, job_id: str) -> int:
        """How many POSTs of a job may have been paid for."""
        return sum(asked == job_id and take in POSSIBLY_TAKEN for asked, take, _ in self.sent)
