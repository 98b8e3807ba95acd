"""The routes of batches, under /v1/batches."""

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response
from pydantic import ValidationError

from darkroom.domain.batch import Batch
from darkroom.domain.errors import FieldProblem, InvalidRequestError
from darkroom.usecases.create_job import RequestSource
from darkroom.usecases.plan_batch import BatchFile
from darkroom.web import batch_contract as contract
from darkroom.web import views
from darkroom.web.contract import MAX_PAGE, MAX_WAIT_SECONDS
from darkroom.web.dependencies import Dependencies
from darkroom.web.http_request import HttpRequest
from darkroom.web.replies import reply


class BatchRoutes:
    """The routes, on an app."""

    def __init__(self, app: APIGatewayRestResolver, dependencies: Dependencies) -> None:
        self._app = app
        self._dependencies = dependencies
        app.post("/v1/batches")(self.create)
        app.get("/v1/batches")(self.list)
        app.get("/v1/batches/<batch_id>")(self.get)
        app.delete("/v1/batches/<batch_id>")(self.cancel)

    def create(self) -> Response[str]:
        """Plan a batch, or start it."""
        request = HttpRequest.of(self._app.current_event)
        request.only()
        request.must_submit()
        asked = _asked(request.json())
        batch_file = BatchFile(
            source=asked.source,
            format=asked.format,
            prompt=asked.prompt,
            defaults=tuple(sorted((asked.defaults or {}).items())),
        )
        if asked.dry_run:
            plan = self._dependencies.start_batch.plan(batch_file, request.caller)
            return reply(200, contract.planned(asked.name, plan))
        request_source = RequestSource(
            request.caller,
            request.idempotency_key(),
            request.event.request_context.request_id,
            daily_budget_micro_usd=request.daily_budget_micro_usd,
        )
        batch = self._dependencies.start_batch(
            batch_file, request_source, name=asked.name, confirmed=asked.confirm_micro_usd
        )
        place = f"{request.full_path.rstrip('/')}/{batch.batch_id}"
        return self._show(202, batch, Location=place)

    def get(self, batch_id: str) -> Response[str]:
        """Show a batch, at once or when it has changed."""
        request = HttpRequest.of(self._app.current_event)
        request.only("wait")
        wait = request.number("wait", 1, MAX_WAIT_SECONDS)
        find = self._dependencies.batches
        if wait is None:
            return self._show(200, find.one(request.caller, batch_id))
        return self._show(200, find.changed(request.caller, batch_id, wait))

    def list(self) -> Response[str]:
        """Show batches, newest first."""
        request = HttpRequest.of(self._app.current_event)
        request.only("limit", "cursor", "caller")
        owner, cursor = request.owner_filter(), request.query("cursor")
        batches, after = self._dependencies.batches.page(
            owner,
            limit=request.number("limit", 1, MAX_PAGE) or 20,
            after=views.decode_cursor(cursor) if cursor is not None else None,
        )
        shown = tuple(map(self._view, batches))
        return reply(200, contract.BatchPage(batches=shown, cursor=views.encode_cursor(after)))

    def cancel(self, batch_id: str) -> Response[str]:
        """Cancel a batch: no further row starts, and what was started is canceled."""
        request = HttpRequest.of(self._app.current_event)
        request.only()
        request.must_submit()
        batch = self._dependencies.batches.cancel(request.caller, batch_id)
        return self._show(202 if batch.is_open else 200, batch)

    def _show(self, status: int, batch: Batch, **headers: str) -> Response[str]:
        return reply(status, self._view(batch), **headers)

    def _view(self, batch: Batch) -> contract.BatchView:
        def url(name: str) -> str:
            place = self._dependencies.batch_files.results(batch.batch_id, name)
            return self._dependencies.references.presign(place, views.URL_SECONDS)

        return contract.view(batch, url)


def _asked(body: object) -> contract.BatchRequest:
    """Return the body as what it is; raises InvalidRequestError."""
    fields = ", ".join(contract.BatchRequest.model_fields)
    if not isinstance(body, dict):
        raise InvalidRequestError.of("", "is no JSON object", fields)
    try:
        return contract.BatchRequest.model_validate(body)
    except ValidationError as error:
        raise InvalidRequestError(
            [
                FieldProblem(
                    field=".".join(map(str, each["loc"]))[:100],
                    message="is missing" if each["type"] == "missing" else "is not valid",
                    allowed=fields if each["type"] == "extra_forbidden" else each["msg"],
                )
                for each in error.errors(include_input=False, include_url=False)
            ]
        ) from None
