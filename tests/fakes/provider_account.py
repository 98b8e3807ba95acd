"""A stateful provider account: it creates, lists and returns predictions."""

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


class PostResult(StrEnum):
    """What happens to a POST of the submit endpoint."""

    ACCEPTED = "accepted"
    RESPONSE_LOST = "accepted, response lost"
    REQUEST_LOST = "request lost, no response"
    NOT_SENT = "not sent"
    THROTTLED = "throttled"
    REFUSED = "refused"
    UNAUTHORIZED = "API key refused"


# A prediction exists, or may exist as far as the caller can tell.
POSSIBLY_ACCEPTED = (PostResult.ACCEPTED, PostResult.RESPONSE_LOST, PostResult.REQUEST_LOST)
_SUBMISSIONS: dict[PostResult, Submission] = {
    PostResult.RESPONSE_LOST: Unknown(),
    PostResult.REQUEST_LOST: Unknown(),
    PostResult.NOT_SENT: NotSent(),
    PostResult.THROTTLED: Throttled(None),
    PostResult.REFUSED: Refused(Code.MODERATED, "no"),
    PostResult.UNAUTHORIZED: Refused(Code.UNAUTHORIZED, "no key", blocks_account=True),
}


@dataclass
class CreatedPrediction:
    """A prediction of the account: its job, input, webhook URL, creation time and result."""

    prediction_id: str
    job_id: str
    model: str
    inputs: dict[str, Any]
    webhook: str | None
    created_at: datetime
    result: Prediction

    @property
    def token(self) -> str:
        """The token in the webhook URL."""
        return (self.webhook or "").partition("?token=")[2]


@dataclass
class ProviderAccount(ScriptedProvider):
    """The port Provider. `post_results` apply to the next POSTs; later POSTs are accepted."""

    clock: StoppedClock = field(default_factory=StoppedClock)
    post_results: list[PostResult] = field(default_factory=list)
    results: list[Prediction] = field(default_factory=list)
    run_seconds: float = 30
    list_lag: timedelta = timedelta()
    can_list: bool = True
    lists_inputs: bool = True
    can_poll: bool = True
    created: list[CreatedPrediction] = field(default_factory=list)
    current_job_id: str = ""  # the job whose step runs
    sent_posts: list[tuple[str, PostResult, datetime]] = field(default_factory=list)

    def submit(
        self, model: str, model_input: dict[str, Any], webhook: str | None = None
    ) -> Submission:
        self.posts.append((model, model_input))
        self.webhooks.append(webhook)
        post_result = self.post_results.pop(0) if self.post_results else PostResult.ACCEPTED
        self.sent_posts.append((self.current_job_id, post_result, self.clock()))
        submission = _SUBMISSIONS.get(post_result, Unknown())
        if post_result in (PostResult.ACCEPTED, PostResult.RESPONSE_LOST):
            prediction = self.create_prediction(model, model_input, webhook)
            submission = (
                Accepted(prediction.prediction_id)
                if post_result is PostResult.ACCEPTED
                else Unknown()
            )
        return submission

    def create_prediction(
        self, model: str, inputs: dict[str, Any], webhook: str | None = None
    ) -> CreatedPrediction:
        """Create a prediction, without a POST."""
        prediction = CreatedPrediction(
            prediction_id=f"p-{len(self.created) + 1}",
            job_id=self.current_job_id,
            model=model,
            inputs=inputs,
            webhook=webhook,
            created_at=self.clock(),
            result=self.results.pop(0) if self.results else Succeeded((OUTPUT,)),
        )
        self.created.append(prediction)
        return prediction

    def list_predictions(
        self, model: str, after: datetime, before: datetime
    ) -> list[ListedPrediction] | None:
        if not self.can_list:
            return None
        now = self.clock()
        return [
            ListedPrediction(
                prediction.prediction_id,
                prediction.created_at,
                prediction.inputs if self.lists_inputs else None,
            )
            for prediction in self.created
            if prediction.model == model
            and after <= prediction.created_at <= before
            and prediction.created_at + self.list_lag <= now
        ]

    def check(self, prediction_id: str) -> Prediction:
        self.polled.append(prediction_id)
        prediction = next(
            created for created in self.created if created.prediction_id == prediction_id
        )
        if not self.can_poll:
            return Unreadable(Code.PROVIDER_UNAVAILABLE, "HTTP 502")
        if self.clock() < prediction.created_at + timedelta(seconds=self.run_seconds):
            return Running("processing", known=True)
        return prediction.result

    def possibly_accepted(self, job_id: str) -> int:
        """Return how many POSTs of a job may have been charged."""
        return sum(
            sender == job_id and post_result in POSSIBLY_ACCEPTED
            for sender, post_result, _ in self.sent_posts
        )
