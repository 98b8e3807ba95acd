"""Send a callback: post a terminal event of a job to the URL that the request named."""

import json
from dataclasses import dataclass
from enum import StrEnum

from darkroom.domain import chain_events
from darkroom.domain.callbacks import Callback, standard_headers, wavespeed_headers
from darkroom.domain.events import ChainCompleted, ChainFailed, JobEvent, JobRecovered
from darkroom.domain.file_names import output_urls
from darkroom.domain.job import Job, Status
from darkroom.domain.job_events import event_time, terminal_event
from darkroom.domain.wavespeed_prediction import prediction
from darkroom.ports import Answered, CallbackReceivers, Clock, Jobs, Metrics, NoAnswer, References
from darkroom.usecases.callbacks.read_callback_secrets import ReadCallbackSecrets
from darkroom.usecases.jobs.read_chain import ReadChain

type TerminalEvent = JobEvent | ChainCompleted | ChainFailed

# The receiver wants no further callbacks of the job.
_GONE = 410


class Sent(StrEnum):
    """What became of a callback."""

    DELIVERED = "delivered"
    STOPPED = "stopped"  # the receiver answered 410
    NOT_DELIVERED = "not delivered"  # try again later
    NOT_NEEDED = "not needed"  # the job has no such event, or no callback URL any more


@dataclass(frozen=True)
class Sending:
    """The result of an attempt. `answer` is the status of the response, or why there is none."""

    sent: Sent
    answer: str = ""

    @property
    def is_done(self) -> bool:
        """Whether the callback needs no further attempt."""
        return self.sent is not Sent.NOT_DELIVERED


@dataclass(frozen=True)
class SendCallback:
    """Post one event. The content comes from the job record. A repeated run posts it again."""

    jobs: Jobs
    chains: ReadChain
    receivers: CallbackReceivers
    references: References
    secrets: ReadCallbackSecrets
    metrics: Metrics
    now: Clock
    assets_bucket: str

    def run(self, detail_type: str, event_id: str, job_id: str) -> Sending:
        """Return what became of the callback.

        `job_id` is the job of the event, or the first job of its chain.
        """
        job = self.jobs.get(job_id)
        if job is None or job.callback is None or not job.has_callback:
            return Sending(Sent.NOT_NEEDED)
        event = self._event(job, detail_type)
        if event is None or event.id != event_id:
            return Sending(Sent.NOT_NEEDED)
        if job.callback.api_url is None:
            body, headers = self._event_request(job, event)
        elif isinstance(event, JobRecovered):
            return Sending(Sent.NOT_NEEDED)  # the prediction is still failed
        else:
            body, headers = self._prediction_request(job, job.callback.api_url)
        return self._post(job, job.callback, body, headers)

    def _event(self, job: Job, detail_type: str) -> TerminalEvent | None:
        """Return the event by the current state; None without it, as after a resume of a chain."""
        chain = self.chains.run(job) if detail_type.startswith("Chain") else None
        if chain is None:
            return terminal_event(job, detail_type, self.assets_bucket)
        return chain_events.ended(chain) if chain.root.chain_ended_at else None

    def _event_request(self, job: Job, event: TerminalEvent) -> tuple[bytes, dict[str, str]]:
        moment = event_time(job, event) if isinstance(event, JobEvent) else event.ended_at
        content = {
            "type": type(event).__name__,
            "timestamp": moment.isoformat(),
            "data": event.model_dump(mode="json"),
        }
        body = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
        secrets = self.secrets.run(job.caller).active
        return body, standard_headers(event.id, body, secrets, self.now())

    def _prediction_request(self, job: Job, api_url: str) -> tuple[bytes, dict[str, str]]:
        urls = output_urls(job, self.references.presign)
        body = json.dumps(prediction(job, urls, api_url), separators=(",", ":")).encode()
        secret = self.secrets.run(job.caller).secret
        return body, wavespeed_headers(job.job_id, body, secret, self.now())

    def _post(self, job: Job, callback: Callback, body: bytes, headers: dict[str, str]) -> Sending:
        match self.receivers.post(callback.url, body, headers):
            case Answered(status=status) if 200 <= status < 300:
                self.metrics.count("CallbacksDelivered")
                return Sending(Sent.DELIVERED, str(status))
            case Answered(status=status) if status == _GONE:
                stopped = callback.model_copy(update={"stopped_at": self.now()})
                self.jobs.update(
                    job.job_id, when=[Status.COMPLETED, Status.FAILED], callback=stopped
                )
                return Sending(Sent.STOPPED, str(status))
            case Answered(status=status):
                answer = str(status)
            case NoAnswer(reason=answer):
                pass
        self.metrics.count("CallbacksFailed")
        return Sending(Sent.NOT_DELIVERED, answer)
