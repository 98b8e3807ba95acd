"""Tell a caller that a prediction has ended: sign the prediction and post it."""

import hashlib
import hmac
import json
import time
from typing import Any

import httpx

from local.provider.clock import rfc3339
from local.provider.predictions import Prediction
from local.provider.world import World

ATTEMPTS = 3
ANNOUNCED = ("completed", "failed")


def signature(secret: str, webhook_id: str, timestamp: int, body: bytes) -> str:
    """The `v3,` signature. The key is the secret's text after `whsec_`, not decoded base64."""
    key = secret.removeprefix("whsec_").encode("ascii")
    signed = f"{webhook_id}.{timestamp}.".encode() + body
    return "v3," + hmac.new(key, signed, hashlib.sha256).hexdigest()


def signed_headers(secret: str, webhook_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The headers of a delivery."""
    return {
        "Content-Type": "application/json",
        "webhook-id": webhook_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": signature(secret, webhook_id, timestamp, body),
    }


async def deliver(world: World, prediction: Prediction) -> None:
    """Post the bare prediction object when it has ended, up to three times until a 2xx."""
    if prediction.fetching:
        await prediction.fetching
    if prediction.plan.finished_at is None or prediction.webhook is None:
        return
    await world.clock.sleep_until(prediction.plan.finished_at)
    now = world.clock.now()
    if prediction.is_gone(now) or prediction.status(now) not in ANNOUNCED:
        return
    payload = prediction.view(now, world.origin) | {"input": prediction.inputs}
    body = json.dumps(payload, separators=(",", ":")).encode()
    for attempt in range(1, ATTEMPTS + 1):
        # The receiver compares it with its own clock, so it is never the advanced one.
        timestamp = int(time.time())
        headers = signed_headers(prediction.account.secret, prediction.id, timestamp, body)
        status = await _post(world, prediction.webhook, body, headers)
        world.deliveries.append(_record(prediction, attempt, status, headers, body, now))
        if status is not None and 200 <= status < 300:
            return
        await world.pause(2 ** (attempt - 1) * world.options.time_scale)


async def _post(world: World, url: str, body: bytes, headers: dict[str, str]) -> int | None:
    try:
        reply = await world.client.post(url, content=body, headers=headers, follow_redirects=False)
    except (httpx.HTTPError, httpx.InvalidURL):
        return None
    return reply.status_code


def _record(prediction: Prediction, attempt: int, status: int | None, headers: dict[str, str],
            body: bytes, now: int) -> dict[str, Any]:  # fmt: skip
    return {
        "prediction": prediction.id,
        "url": prediction.webhook,
        "attempt": attempt,
        "status": status,
        "headers": headers,
        "body": body.decode(),
        "at": rfc3339(now),
    }
