"""The routes of batches, under /v1/batches."""

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response
from pydantic import ValidationError

from darkroom.api import batch_schemas as contract
from darkroom.api import views
from darkroom.api.dependencies import Dependencies
from darkroom.api.http_request import HttpRequest, not_an_object
from darkroom.api.replies import reply
from darkroom.api.schemas import MAX_PAGE, MAX_WAIT_SECONDS
from darkroom.domain.batch import Batch
from darkroom.domain.errors import InvalidRequestError
from darkroom.domain.parsing import field_problems
from darkroom.usecases.batches.plan_batch import BatchFile
from darkroom.usecases.jobs.create_job import RequestSource


class BatchRoutes:
    """Registers the routes on an app."""

    def __init__(self, app: APIGatewayRestResolver, dependencies: Dependencies) -> None:
        self._app = app
        self._dependencies = dependencies
        app.post("/v1/batches")(self.create)
        app.get("/v1/batches")(self.list)
        app.get("/v1/batches/<batch_id>")(self.get)
        app.delete("/v1/batches/<batch_id>")(self.cancel)

    def create(self) -> Response[str]:
        """Start a batch, or only plan it."""
        request = HttpRequest.of(self._app.current_event)
        request.only()
        request.must_submit()
        batch_request = _parse(request.json())
        batch_file = BatchFile(
            source=batch_request.source,
            format=batch_request.format,
            prompt=batch_request.prompt,
            defaults=tuple(sorted((batch_request.defaults or {}).items())),
        )
        if batch_request.dry_run:
            plan = self._dependencies.start_batch.plan(batch_file, request.caller)
            return reply(200, contract.planned(batch_request.name, plan))
        request_source = RequestSource(
            request.caller,
            request.idempotency_key(),
            request.event.request_context.request_id,
            daily_budget_micro_usd=request.daily_budget_micro_usd,
        )
        batch = self._dependencies.start_batch(
            batch_file,
            request_source,
            name=batch_request.name,
            confirmed=batch_request.confirm_micro_usd,
        )
        location = f"{request.full_path.rstrip('/')}/{batch.batch_id}"
        return self._show(202, batch, Location=location)

    def get(self, batch_id: str) -> Response[str]:
        """Return a batch, at once or after its next change."""
        request = HttpRequest.of(self._app.current_event)
        request.only("wait")
        wait = request.number("wait", 1, MAX_WAIT_SECONDS)
        find = self._dependencies.batches
        if wait is None:
            return self._show(200, find.one(request.caller, batch_id))
        return self._show(200, find.changed(request.caller, batch_id, wait))

    def list(self) -> Response[str]:
        """Return a page of batches, newest first."""
        request = HttpRequest.of(self._app.current_event)
        request.only("limit", "cursor", "caller")
        owner, cursor = request.owner_filter(), request.query("cursor")
        batches, next_cursor = self._dependencies.batches.page(
            owner,
            limit=request.number("limit", 1, MAX_PAGE) or 20,
            after=views.decode_cursor(cursor) if cursor is not None else None,
        )
        batch_views = tuple(map(self._view, batches))
        cursor = views.encode_cursor(next_cursor)
        return reply(200, contract.BatchPage(batches=batch_views, cursor=cursor))

    def cancel(self, batch_id: str) -> Response[str]:
        """Cancel a batch: no further row is started, and started jobs are canceled."""
        request = HttpRequest.of(self._app.current_event)
        request.only()
        request.must_submit()
        batch = self._dependencies.batches.cancel(request.caller, batch_id)
        return self._show(202 if batch.is_open else 200, batch)

    def _show(self, status: int, batch: Batch, **headers: str) -> Response[str]:
        return reply(status, self._view(batch), **headers)

    def _view(self, batch: Batch) -> contract.BatchView:
        def url(name: str) -> str:
            location = self._dependencies.batch_files.results(batch.batch_id, name)
            return self._dependencies.references.presign(location, views.URL_SECONDS)

        return contract.view(batch, url)


def _parse(body: object) -> contract.BatchRequest:
    """Return the typed body. Raises InvalidRequestError."""
    fields = contract.BatchRequest.model_fields
    if not isinstance(body, dict):
        raise not_an_object(fields)
    try:
        return contract.BatchRequest.model_validate(body)
    except ValidationError as error:
        raise InvalidRequestError(field_problems(error, fields)) from None
