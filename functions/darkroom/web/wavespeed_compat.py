"""The provider's own wire format, under /api/v3: its official SDKs work by another base URL.

Statuses, codes and envelopes: WaveSpeedAI's REST API, as its SDKs (Python 2.0.5, JavaScript 0.3.2)
read it.
"""

import mimetypes
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response

from darkroom.domain.errors import Code, FieldProblem, InvalidRequestError, NotFoundError, failure
from darkroom.domain.job import Job, Status
from darkroom.domain.parsing import NEVER_SENT, parse_request
from darkroom.observability import correlate
from darkroom.usecases.create_job import RequestSource
from darkroom.web import views
from darkroom.web.contract import WAVESPEED_PREFIX
from darkroom.web.dependencies import Dependencies
from darkroom.web.http_request import HttpRequest
from darkroom.web.replies import reply

# In USD. What GET /balance says where no daily budget limits the key: JSON has no infinity.
UNLIMITED_BALANCE = 1_000_000
_STATUSES = {
    Status.QUEUED: "created",
    Status.SUBMITTING: "created",
    Status.SUBMITTED: "processing",
    Status.COMPLETED: "completed",
    Status.FAILED: "failed",
}
_CODES = {
    Code.MODERATED: 1200,
    Code.INVALID_REQUEST: 1401,
    Code.REJECTED: 1401,
    Code.INSUFFICIENT_CREDITS: 1407,
    Code.BUDGET_EXCEEDED: 1407,
    Code.PROVIDER_FAILED: 1405,
    Code.PROVIDER_UNAVAILABLE: 5003,
    Code.DEADLINE_EXCEEDED: 5004,
}
_INTERNAL = 5000


class WaveSpeedRoutes:
    """The routes, on an app."""

    def __init__(self, app: APIGatewayRestResolver, dependencies: Dependencies) -> None:
        self._app = app
        self._dependencies = dependencies
        app.get(f"{WAVESPEED_PREFIX}predictions/<job_id>/result")(self.result)
        app.get(f"{WAVESPEED_PREFIX}predictions/<job_id>")(self.result)
        app.post(f"{WAVESPEED_PREFIX}media/uploads")(self.make_upload)
        app.get(f"{WAVESPEED_PREFIX}balance")(self.balance)
        app.post(f"{WAVESPEED_PREFIX}.+")(self.submit)  # a model's id has slashes

    def submit(self) -> Response[str]:
        """Accept a job in the place of a prediction."""
        request = self._request()
        request.must_submit()
        if request.query("webhook") is not None:
            raise InvalidRequestError.of(
                "webhook", "is not called here", "poll, or subscribe to the deployment's event bus"
            )
        model = request.event.path.removeprefix(WAVESPEED_PREFIX)
        asked = _parse(model, request.json(), self._dependencies.max_deadline)
        key, request_id = request.idempotency_key(), request.event.request_context.request_id
        request_source = RequestSource(
            request.caller,
            key,
            request_id,
            daily_budget_micro_usd=request.daily_budget_micro_usd,
        )
        job = self._dependencies.create_job(asked, request_source)
        return _success(_prediction(job, request, self._dependencies))

    def result(self, job_id: str) -> Response[str]:
        """Show a job as a prediction."""
        request = self._request()
        return _success(
            _prediction(
                self._dependencies.find.one(request.caller, job_id), request, self._dependencies
            )
        )

    def make_upload(self) -> Response[str]:
        """Give a ticket for a file."""
        request = self._request()
        request.must_submit()
        body = request.json()
        filename = body.get("filename") if isinstance(body, dict) else None
        if not isinstance(filename, str) or not filename:
            raise InvalidRequestError.of("filename", "is missing", "a string")
        kind = body.get("content_type") or mimetypes.guess_file_type(filename)[0]
        presigned = self._dependencies.make_upload(request.caller, kind, body.get("size"))
        return _success(
            {
                "type": "image",
                "download_url": self._dependencies.references.presign(
                    presigned.location, views.URL_SECONDS
                ),
                "filename": filename,
                "size": body["size"],
                "upload": {
                    "method": "PUT",
                    "url": presigned.url,
                    "headers": presigned.headers,
                    "expires_at": presigned.expires_at.isoformat(),
                },
            }
        )

    def balance(self) -> Response[str]:
        """Say what is left of the day's budget."""
        request = self._request()
        daily = request.daily_budget_micro_usd
        if daily is None:
            return _success({"balance": UNLIMITED_BALANCE})
        return _success(
            {"balance": self._dependencies.budget.left(request.caller.name, daily) / 1_000_000}
        )

    def _request(self) -> HttpRequest:
        return HttpRequest.of(self._app.current_event)


def _parse(model: str, body: object, max_deadline: int) -> Any:
    if not isinstance(body, dict):
        raise InvalidRequestError.of("", "is not a JSON object", "the model's input")
    # Samples and clients send both of them as false, which is how it is here.
    given = {k: v for k, v in body.items() if not (k in NEVER_SENT and v is False)}
    try:
        return parse_request({"model": model, "input": given}, max_deadline_seconds=max_deadline)
    except InvalidRequestError as error:
        if any(problem.field == "model" for problem in error.problems):
            raise NotFoundError("there is no such model") from None
        raise InvalidRequestError([_as_input(problem) for problem in error.problems]) from None


def _as_input(problem: FieldProblem) -> FieldProblem:
    return problem.model_copy(update={"field": problem.field.removeprefix("input.")})


def _success(data: dict[str, object]) -> Response[str]:
    return reply(200, {"code": 200, "message": "success", "data": data})


def _prediction(job: Job, request: HttpRequest, dependencies: Dependencies) -> dict[str, object]:
    """Return a job in the shape of a prediction; its id is the job's."""
    correlate(job.job_id)
    ended = job.provider_completed_at or job.ended_at
    seconds = (ended - (job.submitted_at or job.accepted_at)).total_seconds() if ended else 0
    is_done = job.status is Status.COMPLETED
    urls = [views.asset_url(asset, dependencies.references.presign) for asset in job.assets]
    told: dict[str, object] = {
        "id": job.job_id,
        "model": job.model,
        "status": "cancelled" if job.code is Code.CANCELED else _STATUSES[job.status],
        "outputs": urls if is_done else [],
        "urls": {"get": f"{request.base_url}{WAVESPEED_PREFIX}predictions/{job.job_id}/result"},
        "has_nsfw_contents": [False] * len(urls) if is_done else [],
        "created_at": job.accepted_at.isoformat().replace("+00:00", "Z"),
        "error": "",
        "timings": {"inference": round(seconds * 1000)},
        "executionTime": round(seconds * 1000),
    }
    if job.code is not None:
        told["error"] = job.detail or failure(job.code, sent=job.was_sent).message
        told["code"] = _CODES.get(job.code, _INTERNAL)
    return told
