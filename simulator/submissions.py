"""Create predictions: validate the inputs, charge, plan the run, start its background tasks."""

import asyncio
import base64
from typing import Any
from uuid import uuid4

from starlette.responses import JSONResponse

from simulator import references
from simulator.catalog import Model
from simulator.chance import seeded
from simulator.clock import SECOND
from simulator.durations import queue_time, run_time
from simulator.envelope import MESSAGES, ApiError
from simulator.faults import Call
from simulator.ledger import MICRO, Account, Entry
from simulator.limits import earliest_start
from simulator.outputs import new_output
from simulator.predictions import Plan, Prediction
from simulator.prices import discounted, price
from simulator.run_faults import apply_fault
from simulator.schema import validation_error
from simulator.webhook_delivery import deliver
from simulator.world import World

SYNC_SECONDS = 90
NO_CREDIT, UNREADABLE = 1407, 1402


class NoCreditError(Exception):
    """The balance is too low and the option `no_credit` is 200."""

    def response(self) -> JSONResponse:
        """Return the response observed in production: HTTP 200 with code 402."""
        return JSONResponse({"code": 402, "message": "insufficient credits"})


def validate(world: World, model: Model, inputs: dict[str, Any]) -> None:
    """Validate the inputs against the model's schema. Raises ApiError with 400."""
    reason = validation_error(model, inputs, strict=world.options.strict)
    if reason is not None:
        raise ApiError(400, f"Invalid request: {reason}")


def create(world: World, account: Account, model: Model, inputs: dict[str, Any],
           webhook: str | None) -> Prediction:  # fmt: skip
    """Create, charge and start a prediction. If the function raises, nothing is charged.

    Raises ApiError or NoCreditError.
    """
    options, now = world.options, world.clock.now()
    start = earliest_start(world, account)
    micro = price(options.prices, model.id, model.base_price, inputs)
    prediction = Prediction(
        id=uuid4().hex,
        account=account,
        model=model,
        inputs=inputs,
        created_at=now,
        plan=_plan(world, model, inputs, start),
        outputs=[new_output(model, inputs, world.cdn_origin)],
        price=discounted(micro, options.discount_rate),
        number=len(world.predictions),
        webhook=webhook,
    )
    scope = f"{account.number}:{prediction.prompt}"
    for point in ("run", "webhook") if webhook else ("run",):
        for fault in world.faults.take_all(Call(point, prediction.prompt, model.id, scope)):
            apply_fault(prediction, fault)
    _charge(world, prediction)
    world.add(prediction)
    if model.media(inputs) and prediction.plan.code != NO_CREDIT:
        prediction.reference_task = world.spawn(_fetch(world, prediction))
    if webhook:
        prediction.delivery_task = world.spawn(deliver(world, prediction))
    return prediction


def _plan(world: World, model: Model, inputs: dict[str, Any], start: int) -> Plan:
    options, now = world.options, world.clock.now()
    rng = seeded(world.setup.seed, "duration", len(world.predictions))
    # Distinct times separate the status words of the submit, the wait and the run.
    started = max(now + 2, start + queue_time(rng, options.time_scale))
    finished = started + max(1, run_time(rng, model, inputs, options.time_scale))
    words = options.status_words
    steps = [(now, words.submitted), (now + 1, words.waiting), (started, words.running)]
    return Plan(steps, started, finished)


def _charge(world: World, prediction: Prediction) -> None:
    world.book_refunds()
    account = prediction.account
    if world.ledger.balance(account) < prediction.price:
        match world.options.no_credit:
            case 400 | 402 as status:
                raise ApiError(status, MESSAGES[402])
            case 200:
                raise NoCreditError
        prediction.plan.fail(prediction.plan.started_at, NO_CREDIT, "insufficient credits")
        return
    world.ledger.record(
        Entry(
            "deduct",
            account.uuid,
            prediction.id,
            prediction.model.id,
            prediction.price,
            prediction.created_at,
        )
    )
    if "emptied" in prediction.fault_params:
        world.ledger.set_balance(account, round(prediction.fault_params["emptied"]["usd"] * MICRO))


async def _fetch(world: World, prediction: Prediction) -> None:
    urls = prediction.model.media(prediction.inputs)
    for number, url in enumerate(urls, start=1):
        try:
            path = await references.fetch(url, world.folder, world.client, world.pool)
        except references.UnreadableError as error:
            message = f"Failed to read input image {number}: {error}"
            prediction.plan.fail(world.clock.now(), UNREADABLE, message)
            return
        prediction.references.append(str(path))


async def wait_for_early_webhook(prediction: Prediction) -> None:
    """Wait for the webhook of a `webhook.early` fault, at most for its `seconds`."""
    early = prediction.fault_params.get("early")
    if early is not None and prediction.delivery_task is not None:
        await asyncio.wait([prediction.delivery_task], timeout=early["seconds"])


async def wait_for_result(world: World, prediction: Prediction) -> dict[str, Any]:
    """Return the result in sync mode, or a 5004 after 90 (scaled) seconds."""
    limit = prediction.created_at + round(SYNC_SECONDS * world.options.time_scale * SECOND)
    end = prediction.plan.finished_at
    await world.clock.sleep_until(limit if end is None else min(end, limit))
    body = await result(world, prediction)
    if prediction.is_finished(world.clock.now()):
        return body
    error = f"Sync mode timed out after {SYNC_SECONDS} seconds. Query: {body['urls']['get']}"
    return body | {"status": "processing", "code": 5004, "error": error}


async def result(world: World, prediction: Prediction) -> dict[str, Any]:
    """Return the current prediction object, with base64 outputs if the inputs request them."""
    now = world.clock.now()
    body = prediction.view(now, world.origin)
    prefix = prediction.plan.inline_prefix
    is_inline = prediction.inputs.get("enable_base64_output") or prefix is not None
    if is_inline and body.get("outputs"):
        files = [await world.output_files.file(prediction, output) for output in prediction.outputs]
        body["outputs"] = [
            (prefix or "") + base64.b64encode(file.read_bytes()).decode() for file in files
        ]
    return body
