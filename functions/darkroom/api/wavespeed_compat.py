"""The WaveSpeed-compatible API, under /api/v3, for the official SDKs with another base URL.

Statuses, codes and envelopes follow WaveSpeedAI's REST API, as its SDKs (Python 2.0.5, JavaScript
0.3.2) read it.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response

from darkroom.api import schemas as contract
from darkroom.api.http import HttpRequest, success
from darkroom.api.wavespeed_models import model_list
from darkroom.domain.errors import FieldProblem, InvalidRequestError, NotFoundError
from darkroom.domain.file_names import URL_SECONDS, output_urls
from darkroom.domain.job import Job
from darkroom.domain.job_filter import JobFilter
from darkroom.domain.parsing import parse_request, validate
from darkroom.domain.requests import EDIT_MODEL, TEXT_TO_IMAGE_MODEL, JobRequest, Operation
from darkroom.domain.wavespeed_prediction import (
    WAVESPEED_PREFIX,
    prediction,
    prediction_status,
)
from darkroom.observability import correlate
from darkroom.ports import Cursor

if TYPE_CHECKING:
    from darkroom.app import App
    from darkroom.ports import References

# In USD: the balance of a key without a daily budget. JSON has no infinity.
UNLIMITED_BALANCE = 1_000_000
_USED_MODELS = 100  # jobs whose models the model list has
_MAX_INPUT_BYTES = 2_000_000  # of the inputs in a list; a response has at most 6 MB
_MAX_READS = 50  # pages of records that a list reads
# What a client may leave out of the input of a price.
_PLACEHOLDERS: dict[str, dict[str, object]] = {
    TEXT_TO_IMAGE_MODEL: {"prompt": "x"},
    EDIT_MODEL: {"prompt": "x", "images": ["https://example.com/image.png"]},
}
_MAX_FILENAME = 100  # characters in a message


class WaveSpeedRoutes:
    """Registers the routes on a resolver."""

    def __init__(self, resolver: APIGatewayRestResolver, app: "App") -> None:
        self._resolver = resolver
        self._create_job = app.create_job
        self._find_jobs = app.find_jobs
        self._make_upload = app.make_upload
        self._store_upload = app.store_upload
        self._hide_job = app.hide_job
        self._prices = app.ports.prices
        self._budget = app.budget
        self._references = app.ports.references
        resolver.get(f"{WAVESPEED_PREFIX}predictions/<job_id>/result")(self.result)
        resolver.get(f"{WAVESPEED_PREFIX}predictions/<job_id>")(self.result)
        resolver.delete(f"{WAVESPEED_PREFIX}predictions/<job_id>")(self.delete)
        resolver.post(f"{WAVESPEED_PREFIX}predictions")(self.list_predictions)
        resolver.post(f"{WAVESPEED_PREFIX}predictions/delete")(self.delete_many)
        resolver.post(f"{WAVESPEED_PREFIX}media/uploads")(self.make_upload)
        resolver.post(f"{WAVESPEED_PREFIX}media/upload/binary")(self.receive_form)
        resolver.get(f"{WAVESPEED_PREFIX}models")(self.models)
        resolver.post(f"{WAVESPEED_PREFIX}model/price")(self.price)
        resolver.post(f"{WAVESPEED_PREFIX}model/pricing")(self.price)
        resolver.get(f"{WAVESPEED_PREFIX}balance")(self.balance)
        resolver.post(f"{WAVESPEED_PREFIX}.+")(self.submit)  # a model id has slashes

    def submit(self) -> Response[str]:
        """Create a job and return it as a prediction."""
        request = self._request()
        request.must_submit()
        model = request.event.path.removeprefix(WAVESPEED_PREFIX)
        job_request = _parse(model, request.json(), webhook=request.query("webhook"))
        source = replace(request.source(), api_url=request.base_url)
        try:
            job = self._create_job.run(job_request, source)
        except InvalidRequestError as error:
            raise _as_wavespeed(error) from None
        return success(_prediction(job, request, self._references))

    def result(self, job_id: str) -> Response[str]:
        """Return a job as a prediction."""
        request = self._request()
        job = self._find_jobs.one(request.caller, job_id)
        if job.hidden_at is not None or job.erasing_at is not None:
            raise NotFoundError("This prediction was deleted.")
        return success(_prediction(job, request, self._references))

    def list_predictions(self) -> Response[str]:
        """Return a page of predictions, newest first."""
        request = self._request()
        query = validate(
            contract.PredictionQuery, request.json_object(contract.PredictionQuery.model_fields)
        )
        end = query.page * query.page_size
        if end > contract.MAX_LISTED:
            allowed = f"1 to {contract.MAX_LISTED // query.page_size}"
            message = (
                f"`page` must be {allowed}: a list reaches {contract.MAX_LISTED} predictions."
                " Set `created_before` to list older ones."
            )
            raise InvalidRequestError.of("page", message, allowed)
        items: list[dict[str, object]] = []
        size = 0
        for number, job in enumerate(self._matching(request, query)):
            if number >= end:
                break
            if number < end - query.page_size:
                continue
            items.append(_prediction(job, request, self._references))
            size += len(job.model_dump_json())
            if query.include_inputs and size <= _MAX_INPUT_BYTES:
                items[-1]["inputs"] = _inputs(job)
        return success({"page": query.page, "page_size": query.page_size, "items": items})

    def delete(self, job_id: str) -> Response[str]:
        """Hide a job, and cancel it if it is open."""
        request = self._request()
        request.must_submit()
        self._hide_job.run(request.caller, job_id)
        return success({"id": job_id, "status": "deleted"})

    def delete_many(self) -> Response[str]:
        """Hide several jobs. Unknown ids are ignored."""
        request = self._request()
        request.must_submit()
        body = validate(
            contract.PredictionIds, request.json_object(contract.PredictionIds.model_fields)
        )
        deleted = 0
        for job_id in dict.fromkeys(body.ids):
            with suppress(NotFoundError):
                self._hide_job.run(request.caller, job_id)
                deleted += 1
        return success({"deleted_count": deleted})

    def models(self) -> Response[str]:
        """Return GPT Image 2's models with schema and price, and other models of the caller."""
        request = self._request()
        owner = None if request.caller.can_read_all else request.caller.name
        used, _ = self._find_jobs.page(
            owner, JobFilter(operation=Operation.MODEL), limit=_USED_MODELS, after=None
        )
        server = request.base_url.rstrip("/")
        return success(model_list(request.price(self._prices), used, server))

    def price(self) -> Response[str]:
        """Return the price of a model with an input. Starts nothing."""
        request = self._request()
        query = validate(contract.PriceQuery, request.json_object(contract.PriceQuery.model_fields))
        placeholders = _PLACEHOLDERS.get(query.model_id, {})
        missing = {n: v for n, v in placeholders.items() if not query.inputs.get(n)}
        parsed = _parse(query.model_id, query.inputs | missing)
        price = request.price(self._prices)
        quote = price(parsed.model, parsed.input, len(parsed.references))
        if quote is None:
            raise NotFoundError("The price of this model with this input is not known.")
        usd = quote.micro_usd / 1_000_000
        # `price` and `discounted_price` of /model/price, `unit_price` of the older /model/pricing.
        prices = dict.fromkeys(("price", "unit_price", "discounted_price"), usd)
        return success({"model_id": query.model_id, **prices, "currency": "USD"})

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
        presigned = self._make_upload.run(
            request.caller, body.get("content_type"), body.get("size"), filename[:_MAX_FILENAME]
        )
        return success(
            {
                "type": presigned.headers["Content-Type"].partition("/")[0],
                "download_url": self._references.presign(presigned.location, URL_SECONDS),
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

    def receive_form(self) -> Response[str]:
        """Store the file of a multipart form."""
        request = self._request()
        request.must_submit()
        filename, data = request.form_file()
        location, content_type = self._store_upload.run(request.caller, data)
        return success(
            {
                "type": content_type.partition("/")[0],
                "download_url": self._references.presign(location, URL_SECONDS),
                "filename": filename[:_MAX_FILENAME],
                "size": len(data),
            }
        )

    def balance(self) -> Response[str]:
        """Return the remaining daily budget in USD."""
        caller = self._request().caller.name
        for budget in self._budget.left(caller):
            if budget.scope == caller:
                return success({"balance": budget.micro_usd / 1_000_000})
        return success({"balance": UNLIMITED_BALANCE})

    def _matching(self, request: HttpRequest, query: contract.PredictionQuery) -> Iterator[Job]:
        """Yield the caller's jobs that match, newest first."""
        owner = None if request.caller.can_read_all else request.caller.name
        before, after = query.created_before, query.created_after
        cursor = None if before is None else Cursor(before, "")
        for _ in range(_MAX_READS):
            jobs, cursor = self._find_jobs.page(owner, limit=contract.MAX_PAGE, after=cursor)
            for job in jobs:
                if after is not None and job.accepted_at < after:
                    return
                if before is not None and job.accepted_at >= before:
                    continue
                if job.erasing_at is not None:
                    continue
                if query.model in (None, job.model) and query.status in (None, *_names(job)):
                    yield job
            if cursor is None:
                return

    def _request(self) -> HttpRequest:
        return HttpRequest.of(self._resolver.current_event)


def _parse(model: str, body: object, webhook: str | None = None) -> JobRequest:
    if not isinstance(body, dict):
        raise InvalidRequestError.of(
            "", "The body must be a JSON object: the model's input.", "the model's input"
        )
    try:
        return parse_request({"model": model, "input": body, "callback_url": webhook})
    except InvalidRequestError as error:
        if any(problem.field == "model" for problem in error.problems):
            raise NotFoundError(
                f"This model does not exist. Use a model id such as {EDIT_MODEL}."
            ) from None
        raise _as_wavespeed(error) from None


def _as_wavespeed(error: InvalidRequestError) -> InvalidRequestError:
    return InvalidRequestError([_rename(problem) for problem in error.problems])


def _rename(problem: FieldProblem) -> FieldProblem:
    """Return the problem with its field named as in the provider's format.

    The body is the model's input, and the callback URL is the query parameter `webhook`.
    """
    is_callback = problem.field == "callback_url"
    field = "webhook" if is_callback else problem.field.removeprefix("input.")
    message = problem.message.replace(f"`{problem.field}`", f"`{field}`")
    return problem.model_copy(update={"field": field, "message": message})


def _names(job: Job) -> tuple[str, ...]:
    """Return the statuses by which a client finds the job."""
    status = prediction_status(job)
    return (status, "pending") if status == "created" else (status,)


def _inputs(job: Job) -> dict[str, object]:
    images = {"images": [str(reference) for reference in job.references]} if job.references else {}
    return {**job.input, **images}


def _prediction(job: Job, request: HttpRequest, references: "References") -> dict[str, object]:
    """Return a job in the form of a prediction."""
    correlate(job.job_id)
    return prediction(job, output_urls(job, references.presign), request.base_url)
