"""Deliver the webhook of a prediction after its end, with retries and scripted faults."""

import asyncio
import time
from dataclasses import replace
from typing import Any

import httpx

from simulator.clock import SECOND, rfc3339
from simulator.deliveries import Delivery, WebhookRequest
from simulator.predictions import Prediction
from simulator.webhooks import signed_request
from simulator.world import World

ATTEMPTS = 3


async def deliver(world: World, prediction: Prediction) -> None:
    """Wait for the end of the prediction and deliver its webhook."""
    if prediction.reference_task:
        await prediction.reference_task
    end, faults = prediction.plan.finished_at, prediction.fault_params
    if end is None:
        return
    delay = faults.get("late", {"seconds": 0})["seconds"]
    await world.clock.sleep_until(end + round(delay * SECOND))
    reordered = faults.get("reordered", {"how": ""})
    if reordered["how"] == "held":
        await _wait_for_other_webhook(world, prediction, reordered["seconds"])
    if not _sends_webhook(world, prediction):
        return
    if "rotated_secret" in faults:
        prediction.account.rotate_secret()
    await _deliver_with_retries(world, prediction, prediction.view(world.clock.now(), world.origin))
    if reordered["how"] == "processing":
        await _deliver_with_retries(world, prediction, prediction.unfinished(world.origin))


async def replay(world: World, original: Delivery) -> Delivery:
    """Post a recorded webhook again, byte for byte. This includes withheld webhooks."""
    delivery = _new_delivery(world, original.prediction, original.request, 1)
    return await _post(world, replace(delivery, replay_of=original.number))


def _sends_webhook(world: World, prediction: Prediction) -> bool:
    plan = prediction.plan
    has_webhook = plan.succeeds or plan.final == "failed" or "any_end" in prediction.fault_params
    return has_webhook and not prediction.is_removed(world.clock.now())


async def _wait_for_other_webhook(world: World, prediction: Prediction, seconds: float) -> None:
    limit = world.clock.now() + round(seconds * SECOND)
    tasks = [
        world.spawn(world.deliveries.wait_for_other(prediction.id)),
        world.spawn(world.clock.sleep_until(limit)),
    ]
    await asyncio.wait(tasks, return_when="FIRST_COMPLETED")
    for task in tasks:
        task.cancel()


async def _deliver_with_retries(
    world: World, prediction: Prediction, payload: dict[str, Any]
) -> None:
    """Post up to three times until a 2xx; each attempt has its own timestamp and signature."""
    faults, payload = prediction.fault_params, payload | {"input": prediction.inputs}
    attempts = faults.get("retried", {"tries": ATTEMPTS})["tries"]
    for attempt in range(1, attempts + 1):
        secret = prediction.account.secret
        request = signed_request(str(prediction.webhook), payload, secret, faults)
        if "lost" in faults:
            world.deliveries.add(_new_delivery(world, prediction.id, request, 0))
            return
        is_accepted = await _send_copies(world, prediction, request, attempt)
        if attempt == attempts or (is_accepted and "retried" not in faults):
            return
        await world.pause(2 ** (attempt - 1) * world.options.time_scale)


async def _send_copies(
    world: World, prediction: Prediction, request: WebhookRequest, attempt: int
) -> bool:
    """Post one attempt, duplicated if scripted. Returns whether a copy was accepted."""
    duplicated = prediction.fault_params.get("duplicated", {"count": 1, "together": False})

    async def send() -> Delivery:
        return await _post(world, _new_delivery(world, prediction.id, request, attempt))

    if duplicated["together"]:
        sent = await asyncio.gather(*(send() for _ in range(duplicated["count"])))
    else:
        sent = [await send() for _ in range(duplicated["count"])]
    return any(delivery.is_accepted for delivery in sent)


def _new_delivery(world: World, prediction: str, request: WebhookRequest, attempt: int) -> Delivery:
    return Delivery(prediction, request, attempt, rfc3339(world.clock.now()), time.time())


async def _post(world: World, delivery: Delivery) -> Delivery:
    request, status = delivery.request, None
    try:
        response = await world.client.post(
            request.url, content=request.body, headers=request.headers, follow_redirects=False
        )
        status = response.status_code
    except (httpx.HTTPError, httpx.InvalidURL):
        pass  # no connection or no response: recorded without a status
    return world.deliveries.add(delivery, status)
