"""The WaveSpeed-compatible API, under /api/v3, for the official SDKs with another base URL.

Statuses, codes and envelopes follow WaveSpeedAI's REST API, as its SDKs (Python 2.0.5, JavaScript
0.3.2) read it.
"""

import mimetypes
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response

from darkroom.api import views
from darkroom.api.http import HttpRequest, reply
from darkroom.api.schemas import WAVESPEED_PREFIX
from darkroom.domain.errors import Code, FieldProblem, InvalidRequestError, NotFoundError, failure
from darkroom.domain.job import Job, Status
from darkroom.domain.parsing import parse_request
from darkroom.domain.requests import EDIT_MODEL, NEVER_SENT
from darkroom.observability import correlate

if TYPE_CHECKING:
    from darkroom.app import App
    from darkroom.ports import References

# In USD: the balance of a key without a daily budget. JSON has no infinity.
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
_MAX_FILENAME = 100  # characters in a message


class WaveSpeedRoutes:
    """Registers the routes on a resolver."""

    def __init__(self, resolver: APIGatewayRestResolver, app: "App") -> None:
        self._resolver = resolver
        self._create_job = app.create_job
        self._find_jobs = app.find_jobs
        self._make_upload = app.make_upload
        self._budget = app.budget
        self._references = app.ports.references
        resolver.get(f"{WAVESPEED_PREFIX}predictions/<job_id>/result")(self.result)
        resolver.get(f"{WAVESPEED_PREFIX}predictions/<job_id>")(self.result)
        resolver.post(f"{WAVESPEED_PREFIX}media/uploads")(self.make_upload)
        resolver.get(f"{WAVESPEED_PREFIX}balance")(self.balance)
        resolver.post(f"{WAVESPEED_PREFIX}.+")(self.submit)  # a model id has slashes

    def submit(self) -> Response[str]:
        """Create a job and return it as a prediction."""
        request = self._request()
        request.must_submit()
        if request.query("webhook") is not None:
            raise InvalidRequestError.of(
                "webhook",
                "`webhook` is not supported. Poll the result, or subscribe to the deployment's"
                " event bus.",
                "poll, or subscribe to the deployment's event bus",
            )
        model = request.event.path.removeprefix(WAVESPEED_PREFIX)
        job_request = _parse(model, request.json())
        job = self._create_job.run(job_request, request.source())
        return _success(_prediction(job, request, self._references))

    def result(self, job_id: str) -> Response[str]:
        """Return a job as a prediction."""
        request = self._request()
        return _success(
            _prediction(self._find_jobs.one(request.caller, job_id), request, self._references)
        )

    def make_upload(self) -> Response[str]:
        """Return a presigned upload for a file."""
        request = self._request()
        request.must_submit()
        body = request.json()
        filename = body.get("filename") if isinstance(body, dict) else None
        if not isinstance(filename, str) or not filename:
            raise InvalidRequestError.of(
                "filename", "`filename` is missing. Use a string.", "a string"
            )
        content_type = body.get("content_type") or mimetypes.guess_file_type(filename)[0]
        presigned = self._make_upload.run(
            request.caller, content_type, body.get("size"), filename[:_MAX_FILENAME]
        )
        return _success(
            {
                "type": "image",
                "download_url": self._references.presign(presigned.location, views.URL_SECONDS),
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
        """Return the remaining daily budget in USD."""
        request = self._request()
        daily = request.daily_budget_micro_usd
        if daily is None:
            return _success({"balance": UNLIMITED_BALANCE})
        return _success({"balance": self._budget.remaining(request.caller.name, daily) / 1_000_000})

    def _request(self) -> HttpRequest:
        return HttpRequest.of(self._resolver.current_event)


def _parse(model: str, body: object) -> Any:
    if not isinstance(body, dict):
        raise InvalidRequestError.of(
            "", "The body must be a JSON object: the model's input.", "the model's input"
        )
    # WaveSpeed's samples and clients send both options as false, which is the only supported value.
    model_input = {k: v for k, v in body.items() if k not in NEVER_SENT or v not in (False, None)}
    try:
        return parse_request({"model": model, "input": model_input})
    except InvalidRequestError as error:
        if any(problem.field == "model" for problem in error.problems):
            raise NotFoundError(
                f"This model does not exist. Use a model id such as {EDIT_MODEL}."
            ) from None
        raise InvalidRequestError([_as_input(problem) for problem in error.problems]) from None


def _as_input(problem: FieldProblem) -> FieldProblem:
    """Return the problem with its field named relative to the body, which is the model's input."""
    field = problem.field.removeprefix("input.")
    message = problem.message.replace(f"`{problem.field}`", f"`{field}`")
    return problem.model_copy(update={"field": field, "message": message})


def _success(data: dict[str, object]) -> Response[str]:
    return reply(200, {"code": 200, "message": "success", "data": data})


def _prediction(job: Job, request: HttpRequest, references: "References") -> dict[str, object]:
    """Return a job in the form of a prediction. The prediction id is the job id."""
    correlate(job.job_id)
    ended = job.provider_completed_at or job.ended_at
    seconds = (ended - (job.submitted_at or job.accepted_at)).total_seconds() if ended else 0
    is_done = job.status is Status.COMPLETED
    urls = [views.asset_url(job, asset, references.presign) for asset in job.assets]
    prediction: dict[str, object] = {
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
        prediction["error"] = job.detail or failure(job.code, sent=job.was_sent).message
        prediction["code"] = _CODES.get(job.code, _INTERNAL)
    return prediction
