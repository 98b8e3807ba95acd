"""Tell a caller that a prediction has ended, when and as often as the script says."""

import asyncio
import time
from dataclasses import replace
from typing import Any

import httpx

from local.provider.clock import SECOND, rfc3339
from local.provider.deliveries import Delivery, Hook
from local.provider.predictions import Prediction
from local.provider.webhooks import composed
from local.provider.world import World

TRIES = 3


async def deliver(world: World, prediction: Prediction) -> None:
    """Announce the prediction once it has ended."""
    if prediction.fetching:
        await prediction.fetching
    end, webhook_faults = prediction.plan.finished_at, prediction.webhook_faults
    if end is None:
        return
    late = webhook_faults.get("late", {"seconds": 0})["seconds"]
    await world.clock.sleep_until(end + round(late * SECOND))
    reordered = webhook_faults.get("reordered", {"how": ""})
    if reordered["how"] == "held":
        await _let_another_pass(world, prediction, reordered["seconds"])
    if not _is_posted(world, prediction):
        return
    if "rotated_secret" in webhook_faults:
        prediction.account.rotate_secret()
    await _post_end(world, prediction, prediction.view(world.clock.now(), world.origin))
    if reordered["how"] == "processing":
        await _post_end(world, prediction, prediction.unfinished(world.origin))


async def replay(world: World, recorded: Delivery) -> Delivery:
    """Post a recorded hook once more, byte for byte, even one that was kept back."""
    again = _begin(world, recorded.prediction, recorded.hook, 1)
    return await _post(world, replace(again, replay_of=recorded.number))


def _is_posted(world: World, prediction: Prediction) -> bool:
    plan = prediction.plan
    is_usual = plan.succeeds or plan.final == "failed"
    is_told = is_usual or "any_end" in prediction.webhook_faults
    return is_told and not prediction.is_gone(world.clock.now())


async def _let_another_pass(world: World, prediction: Prediction, seconds: float) -> None:
    limit = world.clock.now() + round(seconds * SECOND)
    waits = [
        world.spawn(world.deliveries.of_another(prediction.id)),
        world.spawn(world.clock.sleep_until(limit)),
    ]
    await asyncio.wait(waits, return_when="FIRST_COMPLETED")
    for each in waits:
        each.cancel()


async def _post_end(world: World, prediction: Prediction, payload: dict[str, Any]) -> None:
    """Try up to three times until a 2xx, each with a signature of its own time."""
    webhook_faults, payload = prediction.webhook_faults, payload | {"input": prediction.inputs}
    tries = webhook_faults.get("retried", {"tries": TRIES})["tries"]
    for attempt in range(1, tries + 1):
        secret = prediction.account.secret
        hook = composed(str(prediction.webhook), payload, secret, webhook_faults)
        if "lost" in webhook_faults:
            world.deliveries.add(_begin(world, prediction.id, hook, 0))
            return
        is_taken = await _send(world, prediction, hook, attempt)
        if attempt == tries or (is_taken and "retried" not in webhook_faults):
            return
        await world.pause(2 ** (attempt - 1) * world.options.time_scale)


async def _send(world: World, prediction: Prediction, hook: Hook, attempt: int) -> bool:
    """Post a hook as often as it is to be doubled, and say whether it was taken."""
    doubled = prediction.webhook_faults.get("duplicated", {"count": 1, "together": False})

    async def once() -> Delivery:
        return await _post(world, _begin(world, prediction.id, hook, attempt))

    if doubled["together"]:
        sent = await asyncio.gather(*(once() for _ in range(doubled["count"])))
    else:
        sent = [await once() for _ in range(doubled["count"])]
    return any(delivery.is_taken for delivery in sent)


def _begin(world: World, prediction: str, hook: Hook, attempt: int) -> Delivery:
    return Delivery(prediction, hook, attempt, rfc3339(world.clock.now()), time.time())


async def _post(world: World, begun: Delivery) -> Delivery:
    hook, status = begun.hook, None
    try:
        reply = await world.client.post(
            hook.url, content=hook.body, headers=hook.headers, follow_redirects=False
        )
        status = reply.status_code
    except (httpx.HTTPError, httpx.InvalidURL):
        pass  # nobody there, or no answer: another try
    return world.deliveries.add(begun, status)
