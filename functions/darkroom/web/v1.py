"""Darkroom's own routes, under /v1."""

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response

from darkroom.domain.callers import Role
from darkroom.domain.errors import InvalidRequestError
from darkroom.domain.identity import is_job_id
from darkroom.domain.job import Job, Status
from darkroom.domain.parsing import parse_request
from darkroom.domain.requests import Operation
from darkroom.observability import correlate
from darkroom.usecases.budget import STACK
from darkroom.usecases.create_job import RequestSource
from darkroom.web import contract, views
from darkroom.web.dependencies import Dependencies
from darkroom.web.http_request import HttpRequest
from darkroom.web.replies import reply


class V1:
    """The routes, on an app."""

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
        """Accept a job."""
        request = self._request()
        request.must_submit()
        key = request.idempotency_key()
        asked = parse_request(request.json(), max_deadline_seconds=self._dependencies.max_deadline)
        request_id = request.event.request_context.request_id
        request_source = RequestSource(
            request.caller,
            key,
            request_id,
            daily_budget_micro_usd=request.daily_budget_micro_usd,
        )
        job = self._dependencies.create_job(asked, request_source)
        place = f"{request.full_path.rstrip('/')}/{job.job_id}"
        return self._show(202, job, Location=place)

    def get_job(self, job_id: str) -> Response[str]:
        """Show a job, at once or when it has changed."""
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
        """Show jobs, newest first."""
        request = self._request("status", "limit", "cursor", "caller", "operation", "text", "batch")
        owner = request.owner_filter()
        cursor, text = request.query("cursor"), request.query("text")
        if text is not None and not 1 <= len(text) <= contract.MAX_TEXT:
            allowed = f"1 to {contract.MAX_TEXT} characters"
            raise InvalidRequestError.of("text", "is not valid", allowed)
        batch = request.query("batch")
        if batch is not None and not is_job_id(batch):
            raise InvalidRequestError.of("batch", "is not valid", "the id of a batch")
        jobs, after = self._dependencies.find.page(
            owner,
            status=request.choice("status", Status),
            operation=request.choice("operation", Operation),
            text=text,
            batch_id=batch,
            limit=request.number("limit", 1, contract.MAX_PAGE) or 20,
            after=views.decode_cursor(cursor) if cursor is not None else None,
        )
        presign, scale = self._dependencies.references.presign, self._dependencies.duration_scale
        shown = tuple(views.job_view(job, presign, scale) for job in jobs)
        return reply(200, contract.JobPage(jobs=shown, cursor=views.encode_cursor(after)))

    def estimate(self) -> Response[str]:
        """Say what a request would cost."""
        asked = parse_request(
            self._request().json(), max_deadline_seconds=self._dependencies.max_deadline
        )
        quote = self._dependencies.prices.quote(asked.model, asked.input, len(asked.references))
        return reply(
            200,
            contract.Estimate(
                operation=asked.operation,
                model=asked.model,
                estimated_cost_micro_usd=quote and quote.micro_usd,
                priced_as_of=quote and quote.as_of,
            ),
        )

    def make_upload(self) -> Response[str]:
        """Give leave to put a file."""
        request = self._request()
        request.must_submit()
        body = request.json()
        known = contract.UploadRequest.model_fields
        if not isinstance(body, dict):
            raise InvalidRequestError.of("", "is no JSON object", ", ".join(known))
        for name in body.keys() - known.keys():
            raise InvalidRequestError.of(name[:100], "is not a field of this", ", ".join(known))
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
        """Show what the folders of the inbox do."""
        self._request()
        serving, problem = self._dependencies.presets.read()
        return reply(200, contract.PresetsView(**dict(serving), problem=problem))

    def me(self) -> Response[str]:
        """Show whose key it is, and what is left of today's money."""
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
                left_micro_usd=None if own is None else budget.left(request.caller.name, own),
                stack_budget_micro_usd=stack,
                stack_left_micro_usd=None if stack is None else budget.left(STACK, stack),
            ),
        )

    def stats(self) -> Response[str]:
        """Show what was made and spent, and how the line stands."""
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
        """Return the request; its query may have these parameters and no others."""
        request = HttpRequest.of(self._app.current_event)
        request.only(*query)
        return request
