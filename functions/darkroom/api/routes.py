"""The routes of Darkroom's own API, under /v1: jobs, estimates, uploads, batches, the caller."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING
from urllib.parse import unquote

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response

from darkroom.api import schemas as contract
from darkroom.api import views
from darkroom.api.http import HttpRequest, encode_cursor, reply
from darkroom.api.job_reply import JobReply
from darkroom.domain.batch import Batch
from darkroom.domain.callers import Role
from darkroom.domain.catalogue import ModelSummary
from darkroom.domain.chain import priced_input
from darkroom.domain.errors import STACK, Code, InvalidRequestError
from darkroom.domain.file_names import URL_SECONDS, disposition, results_name, zip_name
from darkroom.domain.identity import is_job_id
from darkroom.domain.job import Status
from darkroom.domain.job_filter import JobFilter
from darkroom.domain.labels import normal_tag
from darkroom.domain.parsing import parse_request, unknown_field, validate
from darkroom.domain.requests import Operation
from darkroom.domain.values import given
from darkroom.usecases.batches.plan_batch import BatchFile

if TYPE_CHECKING:
    from darkroom.app import App


class Routes:
    """Registers the routes on a resolver."""

    def __init__(self, resolver: APIGatewayRestResolver, app: "App") -> None:
        self._resolver = resolver
        self._settings = app.settings
        self._create_job = app.create_job
        self._find_jobs = app.find_jobs
        self._cancel_job = app.cancel_job
        self._label_job = app.label_job
        self._resume_chain = app.resume_chain
        self._find_models = app.find_models
        self._reply = JobReply(app)
        self._make_upload = app.make_upload
        self._read_stats = app.read_stats
        self._read_queue = app.read_queue
        self._budget = app.budget
        self._start_batch = app.start_batch
        self._find_batches = app.find_batches
        self._request_zips = app.request_zips
        self._zips = app.ports.zips
        self._references = app.ports.references
        self._prices = app.ports.prices
        self._presets = app.ports.presets
        self._batch_files = app.ports.batch_files
        self._now = app.ports.now
        resolver.post("/v1/jobs")(self.create_job)
        resolver.get("/v1/jobs")(self.list_jobs)
        resolver.get("/v1/jobs/<job_id>")(self.get_job)
        resolver.delete("/v1/jobs/<job_id>")(self.cancel_job)
        resolver.patch("/v1/jobs/<job_id>")(self.label_job)
        resolver.post("/v1/jobs/<job_id>/resume")(self.resume_job)
        resolver.post("/v1/estimates")(self.estimate)
        resolver.post("/v1/uploads")(self.make_upload)
        resolver.post("/v1/batches")(self.create_batch)
        resolver.get("/v1/batches")(self.list_batches)
        resolver.get("/v1/batches/<batch_id>")(self.get_batch)
        resolver.delete("/v1/batches/<batch_id>")(self.cancel_batch)
        resolver.post("/v1/batches/<batch_id>/zips")(self.zip_batch)
        resolver.get("/v1/presets")(self.presets)
        resolver.get("/v1/models")(self.list_models)
        resolver.get("/v1/models/.+")(self.get_model)  # a model id has slashes
        resolver.get("/v1/me")(self.me)
        resolver.get("/v1/stats")(self.stats)

    def create_job(self) -> Response[str]:
        """Create a job."""
        request = self._request()
        request.must_submit()
        request_source = request.source()
        job_request = parse_request(request.json())
        job = self._create_job.run(job_request, request_source)
        location = f"{request.full_path.rstrip('/')}/{job.job_id}"
        return self._reply.run(202, self._reply.found(job), Location=location)

    def get_job(self, job_id: str) -> Response[str]:
        """Return a job, at once or after its next change."""
        request = self._request("wait")
        known = views.revisions(request.header("if-none-match") or "")
        wait = request.number("wait", 1, contract.MAX_WAIT_SECONDS)
        if wait is None:
            found = self._find_jobs.with_chain(request.caller, job_id)
        else:
            found = self._find_jobs.changed(request.caller, job_id, seconds=wait, known=known)
        if known & {found.revision, "*"}:
            return Response(status_code=304, body="", headers={"ETag": views.etag(found)})
        return self._reply.run(200, found, self._read_queue.places(found.job).get(job_id))

    def cancel_job(self, job_id: str) -> Response[str]:
        """Cancel a job."""
        request = self._request()
        request.must_submit()
        found = self._reply.found(self._cancel_job.run(request.caller, job_id))
        return self._reply.run(202 if found.is_open else 200, found)

    def label_job(self, job_id: str) -> Response[str]:
        """Change the labels of a job."""
        request = self._request()
        request.must_submit()
        body = request.json_object(contract.LabelsRequest.model_fields)
        labels = validate(contract.LabelsRequest, body)
        if labels.favorite is None and labels.tags is None:
            allowed = "`favorite`, `tags` or both"
            raise InvalidRequestError.of("", f"The body has no label. Use {allowed}.", allowed)
        job = self._label_job.run(
            request.caller, job_id, favorite=labels.favorite, tags=labels.tags
        )
        return self._reply.run(200, self._reply.found(job))

    def resume_job(self, job_id: str) -> Response[str]:
        """Resume the chain of a job."""
        request = self._request()
        request.must_submit()
        job = self._resume_chain.run(request.caller, job_id)
        return self._reply.run(202, self._reply.found(job))

    def list_jobs(self) -> Response[str]:
        """Return a page of jobs, newest first."""
        request = self._request(
            "status", "limit", "cursor", "caller", "operation", "text", "batch", "code",
            "tag", "favorite", "since", "until", "preset", "key", "model",
        )  # fmt: skip
        owner = request.owner_filter()
        batch = request.query("batch")
        if batch is not None and not is_job_id(batch):
            allowed = "the id of a batch"
            raise InvalidRequestError.of("batch", f"`batch` must be {allowed}.", allowed)
        jobs, next_cursor = self._find_jobs.page(
            owner,
            JobFilter(
                status=request.choice("status", Status),
                operation=request.choice("operation", Operation),
                code=request.choice("code", Code),
                batch_id=batch,
                key_id=request.text("key", contract.MAX_TEXT),
                model=request.text("model", contract.MAX_TEXT),
                preset=request.text("preset", contract.MAX_TEXT),
                tag=normal_tag(request.text("tag", contract.MAX_TEXT) or "") or None,
                favorite=request.flag("favorite"),
                text=request.text("text", contract.MAX_TEXT),
                since=request.day("since"),
                until=request.day("until"),
            ),
            limit=request.number("limit", 1, contract.MAX_PAGE) or 20,
            after=request.cursor(),
        )
        presign, scale = self._references.presign, self._settings.duration_scale
        places = self._read_queue.places(*jobs)
        job_views = tuple(
            views.job_view(job, presign, scale, place=places.get(job.job_id)) for job in jobs
        )
        return reply(200, contract.JobPage(jobs=job_views, cursor=encode_cursor(next_cursor)))

    def estimate(self) -> Response[str]:
        """Return the estimated cost of a request."""
        request = self._request()
        job_request = parse_request(request.json())
        price = request.price(self._prices)
        quote, *further = [
            price(step.model, priced_input(step.input), len(step.references))
            for step in (job_request, *job_request.then)
        ]
        known = [each.micro_usd for each in (quote, *further) if each is not None]
        return reply(
            200,
            contract.Estimate(
                operation=job_request.operation,
                model=job_request.model,
                estimated_cost_micro_usd=sum(known) if len(known) > len(further) else None,
                priced_as_of=quote and quote.as_of,
                then=tuple(
                    contract.StepEstimate(
                        operation=step.operation,
                        model=step.model,
                        estimated_cost_micro_usd=each and each.micro_usd,
                    )
                    for step, each in zip(job_request.then, further, strict=True)
                ),
            ),
        )

    def make_upload(self) -> Response[str]:
        """Return a presigned upload for a file."""
        request = self._request()
        request.must_submit()
        fields = contract.UploadRequest.model_fields
        body = request.json_object(fields)
        if unknown := [name for name in body if name not in fields]:
            raise InvalidRequestError(unknown_field(name, fields) for name in unknown)
        presigned = self._make_upload.run(
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

    def create_batch(self) -> Response[str]:
        """Start a batch, or only plan it."""
        request = self._request()
        request.must_submit()
        body = request.json_object(contract.BatchRequest.model_fields)
        batch_request = validate(contract.BatchRequest, body)
        of_key = {
            "callback_url": request.callback_url,
            "reuse_seconds": request.reuse_seconds or None,
        }
        batch_file = BatchFile(
            source=batch_request.source,
            format=batch_request.format,
            prompt=batch_request.prompt,
            defaults=tuple(sorted((batch_request.defaults or {}).items())),
            key_defaults=tuple(given(of_key).items()),
            columns=None
            if batch_request.columns is None
            else tuple(sorted(batch_request.columns.items())),
        )
        if batch_request.dry_run:
            plan = self._start_batch.preview(batch_file, request.source())
            return reply(200, views.plan_view(batch_request.name, plan))
        batch = self._start_batch.run(
            batch_file,
            request.source(),
            name=batch_request.name,
            confirmed=batch_request.confirm_micro_usd,
        )
        location = f"{request.full_path.rstrip('/')}/{batch.batch_id}"
        return reply(202, self._batch_view(batch), Location=location)

    def get_batch(self, batch_id: str) -> Response[str]:
        """Return a batch, at once or after its next change."""
        request = self._request("wait")
        wait = request.number("wait", 1, contract.MAX_WAIT_SECONDS)
        find = self._find_batches
        if wait is None:
            return reply(200, self._zipped_view(find.one(request.caller, batch_id)))
        return reply(200, self._zipped_view(find.changed(request.caller, batch_id, wait)))

    def list_batches(self) -> Response[str]:
        """Return a page of batches, newest first."""
        request = self._request("limit", "cursor", "caller")
        batches, next_cursor = self._find_batches.page(
            request.owner_filter(),
            limit=request.number("limit", 1, contract.MAX_PAGE) or 20,
            after=request.cursor(),
        )
        batch_views = tuple(map(self._batch_view, batches))
        cursor = encode_cursor(next_cursor)
        return reply(200, contract.BatchPage(batches=batch_views, cursor=cursor))

    def cancel_batch(self, batch_id: str) -> Response[str]:
        """Cancel a batch: no further row is started, and started jobs are canceled."""
        request = self._request()
        request.must_submit()
        batch = self._find_batches.cancel(request.caller, batch_id)
        return reply(202 if batch.is_open else 200, self._batch_view(batch))

    def zip_batch(self, batch_id: str) -> Response[str]:
        """Start the zip files of a batch, unless they exist or are being written."""
        request = self._request()
        request.must_submit()
        view = self._zipped_view(self._request_zips.run(request.caller, batch_id))
        return reply(200 if all(each.url for each in view.zips) else 202, view)

    def presets(self) -> Response[str]:
        """Return the presets in use."""
        self._request()
        presets, problem = self._presets.read()
        return reply(200, contract.PresetsView(**dict(presets), problem=problem))

    def list_models(self) -> Response[str]:
        """Return a page of the provider's models."""
        request = self._request("text", "type", "limit", "page")
        caller = request.caller
        page = self._find_models.page(
            caller,
            text=request.text("text", contract.MAX_TEXT),
            kind=request.query("type"),
            limit=request.number("limit", 1, contract.MAX_PAGE) or 50,
            page=request.number("page", 1, contract.MAX_PAGES) or 1,
        )
        return reply(
            200,
            contract.ModelList(
                models=tuple(
                    contract.ModelSummaryView(
                        **{name: getattr(model, name) for name in ModelSummary.model_fields},
                        problem=self._find_models.problem(caller, model),
                    )
                    for model in page.models
                ),
                total=page.total,
                types=page.types,
            ),
        )

    def get_model(self) -> Response[str]:
        """Return a model with the fields of its input."""
        request = self._request()
        model_id = unquote(self._resolver.current_event.path.removeprefix("/v1/models/"))
        model = self._find_models.one(request.caller, model_id)
        problem = self._find_models.problem(request.caller, model)
        return reply(200, contract.ModelView(**dict(model), problem=problem))

    def me(self) -> Response[str]:
        """Return the caller of the key and the remaining budgets of today."""
        request = self._request()
        budgets = {each.scope: each for each in self._budget.left(request.caller.name)}
        own, stack = budgets.get(request.caller.name), budgets.get(STACK)
        return reply(
            200,
            contract.Me(
                caller=request.caller.name,
                role=request.role,
                can_read_all=request.caller.can_read_all,
                can_submit=request.role is not Role.READ,
                day=self._now().date(),
                daily_budget_micro_usd=own and own.cap,
                left_micro_usd=own and own.micro_usd,
                stack_budget_micro_usd=stack and stack.cap,
                stack_left_micro_usd=stack and stack.micro_usd,
            ),
        )

    def stats(self) -> Response[str]:
        """Return daily statistics and the state of the submit queue."""
        request = self._request("days")
        days = request.number("days", 1, contract.MAX_DAYS) or 30
        return reply(200, views.stats_view(self._read_stats.run(days, request.owner_filter())))

    def _zipped_view(self, batch: Batch) -> contract.BatchView:
        """Return a batch with the URLs of its zip files. Without zip files, S3 is not read."""
        found = self._zips.find(batch) if batch.zips_requested_at else ()
        urls = {
            number: self._references.presign(
                self._zips.location(batch, number),
                URL_SECONDS,
                disposition(zip_name(batch, number), "application/zip"),
            )
            for number in found
        }
        return self._batch_view(batch, urls)

    def _batch_view(
        self, batch: Batch, zip_urls: Mapping[int, str] = MappingProxyType({})
    ) -> contract.BatchView:
        def url(name: str) -> str:
            location = self._batch_files.results(batch.batch_id, name)
            saved_as = disposition(results_name(batch, name), "text/plain")
            return self._references.presign(location, URL_SECONDS, saved_as)

        return views.batch_view(batch, url, zip_urls)

    def _request(self, *query: str) -> HttpRequest:
        """Return the request. Raises InvalidRequestError for a parameter not in `query`."""
        request = HttpRequest.of(self._resolver.current_event)
        request.only(*query)
        return request
