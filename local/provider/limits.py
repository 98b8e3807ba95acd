"""The account tier: how many predictions a minute and at once, by refusing or by queueing."""

from local.provider.clock import DAY, SECOND
from local.provider.envelope import ApiError
from local.provider.ledger import Account
from local.provider.options import Limits
from local.provider.world import World

_TOO_MANY_AT_ONCE = "You have reached your concurrency limit"
_TOO_MANY_A_MINUTE = "Too many requests, please try again later"


def earliest_start(world: World, account: Account) -> int:
    """When the tier lets a prediction that is submitted now begin. Raises ApiError with 429."""
    limits, now = world.options.limits, world.clock.now()
    if limits.mode == "off":
        return now
    mine, (per_minute, concurrent) = world.of(account), limits.most
    ends = [p.plan.finished_at or now + 7 * DAY for p in mine if not p.is_finished(now)]
    window = round(limits.window_seconds * SECOND)
    if limits.mode == "429":
        recent = [p for p in mine if p.created_at > now - window]
        if len(ends) >= concurrent:
            raise _refusal(limits, _TOO_MANY_AT_ONCE)
        if len(recent) >= per_minute:
            raise _refusal(limits, _TOO_MANY_A_MINUTE)
        return now
    starts = sorted(p.plan.started_at for p in mine)
    slot = sorted(ends)[-concurrent] if len(ends) >= concurrent else now
    turn = starts[-per_minute] + window if len(starts) >= per_minute else now
    return max(now, slot, turn)


def _refusal(limits: Limits, message: str) -> ApiError:
    headers = {} if limits.retry_after is None else {"Retry-After": str(limits.retry_after)}
    return ApiError(429, message, **headers)
