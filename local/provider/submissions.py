"""Take a request in: check it, charge for it, plan what will happen, set the rest going."""

import asyncio
import base64
from typing import Any
from uuid import uuid4

from starlette.responses import JSONResponse

from local.provider import references
from local.provider.catalog import Model
from local.provider.chance import seeded
from local.provider.clock import SECOND
from local.provider.durations import queue_time, run_time
from local.provider.envelope import MESSAGES, ApiError
from local.provider.faults import Call
from local.provider.ledger import MICRO, Account, Entry
from local.provider.limits import earliest_start
from local.provider.outputs import new_output
from local.provider.predictions import Plan, Prediction
from local.provider.prices import discounted, price
from local.provider.run_faults import apply_fault
from local.provider.schema import complaint
from local.provider.webhook_delivery import deliver
from local.provider.world import World

SYNC_SECONDS = 90
NO_CREDIT, UNREADABLE = 1407, 1402


class NoCreditError(Exception):
    """The account cannot pay, and the simulator is told to say so in a 200."""

    def response(self) -> JSONResponse:
        """The mixed form that was seen in production."""
        return JSONResponse({"code": 402, "message": "insufficient credits"})


def check(world: World, model: Model, inputs: dict[str, Any]) -> None:
    """Refuse what the model's schema does not allow. Raises ApiError with 400."""
    wrong = complaint(model, inputs, strict=world.options.strict)
    if wrong is not None:
        raise ApiError(400, f"Invalid request: {wrong}")


def create(world: World, account: Account, model: Model, inputs: dict[str, Any],
           webhook: str | None) -> Prediction:  # fmt: skip
    """A prediction, charged and under way; whatever is raised, nothing was charged."""
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
        webhook=webhook,
    )
    scope = f"{account.number}:{prediction.prompt}"
    for point in ("run", "webhook") if webhook else ("run",):
        for fault in world.faults.take_all(Call(point, prediction.prompt, model.id, scope)):
            apply_fault(prediction, fault)
    _charge(world, prediction)
    world.add(prediction)
    if model.media(inputs) and prediction.plan.code != NO_CREDIT:
        prediction.fetching = world.spawn(_fetch(world, prediction))
    if webhook:
        prediction.announcing = world.spawn(deliver(world, prediction))
    return prediction


def _plan(world: World, model: Model, inputs: dict[str, Any], start: int) -> Plan:
    options, now = world.options, world.clock.now()
    rng = seeded(world.setup.seed, "duration", len(world.predictions))
    # One nanosecond keeps the submit's own word apart from the words that follow it.
    started = max(now + 2, start + queue_time(rng, options.time_scale))
    finished = started + max(1, run_time(rng, model, inputs, options.time_scale))
    words = options.status_words
    steps = [(now, words.submitted), (now + 1, words.waiting), (started, words.running)]
    return Plan(steps, started, finished)


def _charge(world: World, prediction: Prediction) -> None:
    world.settle()
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
    if "emptied" in prediction.webhook_faults:
        world.ledger.set_balance(
            account, round(prediction.webhook_faults["emptied"]["usd"] * MICRO)
        )


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


async def announce_early(prediction: Prediction) -> None:
    """Let the webhook be there before the submit's answer, if a fault wants it so."""
    early = prediction.webhook_faults.get("early")
    if early is not None and prediction.announcing is not None:
        await asyncio.wait([prediction.announcing], timeout=early["seconds"])


async def hold(world: World, prediction: Prediction) -> dict[str, Any]:
    """Sync mode: the result once it is there, or a 5004 while the work goes on."""
    limit = prediction.created_at + round(SYNC_SECONDS * world.options.time_scale * SECOND)
    end = prediction.plan.finished_at
    await world.clock.sleep_until(limit if end is None else min(end, limit))
    body = await result(world, prediction)
    if prediction.is_finished(world.clock.now()):
        return body
    late = f"Sync mode timed out after {SYNC_SECONDS} seconds. Query: {body['urls']['get']}"
    return body | {"status": "processing", "code": 5004, "error": late}


async def result(world: World, prediction: Prediction) -> dict[str, Any]:
    """The prediction as it stands, its outputs as base64 if that was asked for."""
    now = world.clock.now()
    body = prediction.view(now, world.origin)
    if prediction.inputs.get("enable_base64_output") and body.get("outputs"):
        files = [await world.gallery.file(prediction, output) for output in prediction.outputs]
        body["outputs"] = [base64.b64encode(file.read_bytes()).decode() for file in files]
    return body
