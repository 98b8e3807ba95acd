"""The routes of Darkroom's own API, under /v1."""

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response

from darkroom.api import schemas as contract
from darkroom.api import views
from darkroom.api.dependencies import Dependencies
from darkroom.api.http_request import HttpRequest, not_an_object
from darkroom.api.replies import reply
from darkroom.domain.callers import Role
from darkroom.domain.errors import STACK, InvalidRequestError
from darkroom.domain.identity import is_job_id
from darkroom.domain.job import Job, Status
from darkroom.domain.parsing import parse_request, unknown_field
from darkroom.domain.requests import Operation
from darkroom.observability import correlate
from darkroom.usecases.jobs.create_job import RequestSource


class V1:
    """Registers the routes on an app."""

    def __init__(self, app: APIGatewayRestResolver, dependencies: Dependencies) -> None:
        self._app = app
        self._dependencies = dependencies
        app.post("/v1/jobs")(self.create_job)
        app.get("/v1/jobs")(self.list_jobs)
        app.get("/v1/jobs/<job_id>")(self.get_job)
        app.delete("/v1/jobs/<job_id>")(self.cancel_job)
        app.post("/v1/estimates")(self.estimate)
        app.post("/v1/uploads")(self.make_upload)
        app.get("/v1/presets")(self.presets)
        app.get("/v1/me")(self.me)
        app.get("/v1/stats")(self.stats)

    def create_job(self) -> Response[str]:
        """Create a job."""
        request = self._request()
        request.must_submit()
        key = request.idempotency_key()
        job_request = parse_request(
            request.json(), max_deadline_seconds=self._dependencies.max_deadline
        )
        request_id = request.event.request_context.request_id
        request_source = RequestSource(
            request.caller,
            key,
            request_id,
            daily_budget_micro_usd=request.daily_budget_micro_usd,
        )
        job = self._dependencies.create_job(job_request, request_source)
        location = f"{request.full_path.rstrip('/')}/{job.job_id}"
        return self._show(202, job, Location=location)

    def get_job(self, job_id: str) -> Response[str]:
        """Return a job, at once or after its next change."""
        request = self._request("wait")
        known = views.revisions(request.header("if-none-match") or "")
        wait = request.number("wait", 1, contract.MAX_WAIT_SECONDS)
        if wait is None:
            job = self._dependencies.find.one(request.caller, job_id)
        else:
            job = self._dependencies.find.changed(request.caller, job_id, seconds=wait, known=known)
        if known & {job.revision, "*"}:
            return Response(status_code=304, body="", headers={"ETag": views.etag(job)})
        return self._show(200, job)

    def cancel_job(self, job_id: str) -> Response[str]:
        """Cancel a job."""
        request = self._request()
        request.must_submit()
        job = self._dependencies.cancel(request.caller, job_id)
        return self._show(202 if job.is_open else 200, job)

    def list_jobs(self) -> Response[str]:
        """Return a page of jobs, newest first."""
        request = self._request("status", "limit", "cursor", "caller", "operation", "text", "batch")
        owner = request.owner_filter()
        cursor, text = request.query("cursor"), request.query("text")
        if text is not None and not 1 <= len(text) <= contract.MAX_TEXT:
            allowed = f"1 to {contract.MAX_TEXT} characters"
            raise InvalidRequestError.of("text", f"`text` must be {allowed}.", allowed)
        batch = request.query("batch")
        if batch is not None and not is_job_id(batch):
            allowed = "the id of a batch"
            raise InvalidRequestError.of("batch", f"`batch` must be {allowed}.", allowed)
        jobs, next_cursor = self._dependencies.find.page(
            owner,
            status=request.choice("status", Status),
            operation=request.choice("operation", Operation),
            text=text,
            batch_id=batch,
            limit=request.number("limit", 1, contract.MAX_PAGE) or 20,
            after=views.decode_cursor(cursor) if cursor is not None else None,
        )
        presign, scale = self._dependencies.references.presign, self._dependencies.duration_scale
        job_views = tuple(views.job_view(job, presign, scale) for job in jobs)
        return reply(200, contract.JobPage(jobs=job_views, cursor=views.encode_cursor(next_cursor)))

    def estimate(self) -> Response[str]:
        """Return the estimated cost of a request."""
        job_request = parse_request(
            self._request().json(), max_deadline_seconds=self._dependencies.max_deadline
        )
        quote = self._dependencies.prices.quote(
            job_request.model, job_request.input, len(job_request.references)
        )
        return reply(
            200,
            contract.Estimate(
                operation=job_request.operation,
                model=job_request.model,
                estimated_cost_micro_usd=quote and quote.micro_usd,
                priced_as_of=quote and quote.as_of,
            ),
        )

    def make_upload(self) -> Response[str]:
        """Return a presigned upload for a file."""
        request = self._request()
        request.must_submit()
        body = request.json()
        fields = contract.UploadRequest.model_fields
        if not isinstance(body, dict):
            raise not_an_object(fields)
        for name in body.keys() - fields.keys():
            raise InvalidRequestError([unknown_field(name, fields)])
        presigned = self._dependencies.make_upload(
            request.caller, body.get("content_type"), body.get("size")
        )
        return reply(
            201,
            contract.PresignedUploadView(
                upload_id=presigned.upload_id,
                reference=f"upload:{presigned.upload_id}",
                uri=str(presigned.location),
                url=presigned.url,
                headers=presigned.headers,
                expires_at=presigned.expires_at,
            ),
        )

    def presets(self) -> Response[str]:
        """Return the presets in use."""
        self._request()
        presets, problem = self._dependencies.presets.read()
        return reply(200, contract.PresetsView(**dict(presets), problem=problem))

    def me(self) -> Response[str]:
        """Return the caller of the key and the remaining budgets of today."""
        request, budget = self._request(), self._dependencies.budget
        own, stack = request.daily_budget_micro_usd, budget.stack_micro_usd
        return reply(
            200,
            contract.Me(
                caller=request.caller.name,
                role=request.role,
                can_read_all=request.caller.can_read_all,
                can_submit=request.role is not Role.READ,
                day=self._dependencies.now().date(),
                daily_budget_micro_usd=own,
                left_micro_usd=None if own is None else budget.remaining(request.caller.name, own),
                stack_budget_micro_usd=stack,
                stack_left_micro_usd=None if stack is None else budget.remaining(STACK, stack),
            ),
        )

    def stats(self) -> Response[str]:
        """Return daily statistics and the state of the submit queue."""
        request = self._request("days")
        days = request.number("days", 1, contract.MAX_DAYS) or 30
        return reply(
            200, views.stats_view(self._dependencies.read_stats(days, request.owner_filter()))
        )

    def _show(self, status: int, job: Job, **headers: str) -> Response[str]:
        correlate(job.job_id)
        if job.is_open:
            seconds = views.retry_after(
                job, self._dependencies.now(), self._dependencies.duration_scale
            )
            headers["Retry_After"] = str(seconds)
        view = views.job_view(
            job,
            self._dependencies.references.presign,
            self._dependencies.duration_scale,
            self._dependencies.assets_bucket,
        )
        return reply(status, view, ETag=views.etag(job), **headers)

    def _request(self, *query: str) -> HttpRequest:
        """Return the request. Raises InvalidRequestError for a parameter not in `query`."""
        request = HttpRequest.of(self._app.current_event)
        request.only(*query)
        return request
