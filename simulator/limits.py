"""The limits of an account tier: predictions per minute and concurrent predictions."""

from simulator.clock import DAY, SECOND
from simulator.envelope import ApiError
from simulator.ledger import Account
from simulator.options import Limits
from simulator.world import World

_TOO_MANY_AT_ONCE = "You have reached your concurrency limit"
_TOO_MANY_A_MINUTE = "Too many requests, please try again later"


def earliest_start(world: World, account: Account) -> int:
    """Return the earliest start of a prediction submitted now. Raises ApiError with 429."""
    limits, now = world.options.limits, world.clock.now()
    if limits.mode == "off":
        return now
    predictions, (per_minute, concurrent) = world.predictions_of(account), limits.values
    ends = [p.plan.finished_at or now + 7 * DAY for p in predictions if not p.is_finished(now)]
    window = round(limits.window_seconds * SECOND)
    if limits.mode == "429":
        recent = [p for p in predictions if p.created_at > now - window]
        if len(ends) >= concurrent:
            raise _refusal(limits, _TOO_MANY_AT_ONCE)
        if len(recent) >= per_minute:
            raise _refusal(limits, _TOO_MANY_A_MINUTE)
        return now
    starts = sorted(p.plan.started_at for p in predictions)
    next_slot = sorted(ends)[-concurrent] if len(ends) >= concurrent else now
    next_window = starts[-per_minute] + window if len(starts) >= per_minute else now
    return max(now, next_slot, next_window)


def _refusal(limits: Limits, message: str) -> ApiError:
    headers = {} if limits.retry_after is None else {"Retry-After": str(limits.retry_after)}
    return ApiError(429, message, **headers)
