"""Every fault of the provider that a job can meet by itself, and how such a job may end.

The names are those of the simulator (local/provider/README.md); they follow section by section what
WaveSpeedAI's contract is known to do wrong: submit, run, poll, webhook, CDN, money, list.
"""

from typing import NamedTuple

_DONE: tuple[str | None, ...] = (None,)
_UNKNOWN: tuple[str | None, ...] = ("submission_unknown",)


class Case(NamedTuple):
    """A fault by its marker, the ends that are right for it (None: completed), and the request."""

    marker: str
    ends: tuple[str | None, ...] = _DONE
    request: dict[str, object] = {}  # noqa: RUF012 - never changed


def _both(*markers: str) -> str:
    """Return several faults as one marker."""
    return "]] [[fault ".join(markers)


def _of(*codes: str | None) -> tuple[str | None, ...]:
    return codes


# Seconds for which a case keeps a prediction out of the list, at most.
LISTED_AFTER = 30

CASES = {
    # Submit: the prediction was made, and its answer lost. Found in the list, or by its webhook.
    "submit: accepted, then closed": Case("submit.accept_then_close"),
    "submit: accepted, then silent": Case("submit.accept_then_hang"),
    "submit: accepted, a 502 page": Case("submit.http status=502 body=html accepted=true"),
    "submit: accepted, a 504 page": Case("submit.http status=504 body=html accepted=true"),
    "submit: accepted, a 500": Case("submit.http status=500 accepted=true"),
    "submit: accepted, without an id": Case("submit.no_id"),
    "submit: accepted, not JSON": Case("submit.not_json"),
    "submit: accepted, cut": Case("submit.truncated"),
    "submit: accepted, listed late, no webhook": Case(
        _both("submit.accept_then_close", f"run.unlisted seconds={LISTED_AFTER}", "webhook.lost"),
        (*_UNKNOWN, None),  # by how soon it is looked for
    ),
    "submit: accepted, listed without inputs": Case(
        _both("submit.accept_then_close", "run.unlisted_inputs")
    ),
    # Submit: the same, and nothing was made.
    "submit: closed": Case("submit.close", _UNKNOWN),
    "submit: silent": Case("submit.hang seconds=70", _UNKNOWN),
    "submit: a 502 page": Case("submit.http status=502 body=html", _UNKNOWN),
    "submit: a 503": Case("submit.http status=503", _UNKNOWN),
    "submit: a 504 page": Case("submit.http status=504 body=html", _UNKNOWN),
    "submit: a 500": Case("submit.http status=500", _UNKNOWN),
    # Submit: answers.
    "submit: 400": Case("submit.http status=400", _of("invalid_request")),
    "submit: 400, no credits": Case(
        'submit.http status=400 message="Insufficient credits. Please top up."'
    ),
    "submit: 402": Case("submit.http status=402"),
    "submit: 401": Case("submit.http status=401 times=2"),
    "submit: 403": Case("submit.http status=403 error_code=model_not_allowed", _of("unauthorized")),
    "submit: 404": Case("submit.http status=404", _of("invalid_request")),
    "submit: 429": Case("submit.http status=429 times=2"),
    "submit: 429, with Retry-After": Case("submit.http status=429 retry_after=2 times=2"),
    "submit: 200 that says 402": Case("submit.body_code code=402 message=no"),
    "submit: 200 that says 500": Case("submit.body_code code=500", _UNKNOWN),
    "submit: slow": Case("submit.slow seconds=4"),
    # Run.
    "run: stuck in created": Case(
        "run.stuck_created", _of("deadline_exceeded"), {"deadline_seconds": 30}
    ),
    "run: stuck in processing": Case(
        "run.stuck_processing", _of("deadline_exceeded"), {"deadline_seconds": 30}
    ),
    "run: too late": Case(
        "run.duration seconds=36", _of("deadline_exceeded"), {"deadline_seconds": 30}
    ),
    "run: queued": Case("run.status_word status=queued"),
    "run: pending": Case("run.status_word status=pending"),
    "run: an unknown word": Case("run.status_word status=dreaming"),
    "run: backwards": Case("run.backwards"),
    **{
        f"run: failed, {code}": Case(f"run.failed code={code}", ends)
        for code, ends in {
            1200: _of("moderated"),
            1400: _of("invalid_request"),
            1401: _of("invalid_request"),
            1402: _of("invalid_request"),
            1403: _of("provider_failed"),
            1405: _of("provider_failed"),
            1406: _of("provider_unavailable"),
            1407: _of("insufficient_credits"),
            5000: _of("provider_unavailable"),
            5003: _of("provider_unavailable"),
            5004: _of("provider_unavailable"),
        }.items()
    },
    "run: a hiccup": Case("run.hiccup", _of("provider_failed")),
    "run: cancelled": Case("run.cancelled", _of("provider_failed")),
    "run: timeout": Case("run.timeout", _of("provider_failed")),
    "run: deleted": Case("run.deleted", _of("provider_failed")),
    "run: null outputs": Case("run.null_outputs", _of("provider_failed")),
    "run: no outputs": Case("run.empty_outputs", _of("provider_failed")),
    "run: nsfw": Case("run.nsfw"),
    "run: outputs as objects": Case("run.object_outputs"),
    "run: two outputs": Case("run.two_outputs"),
    "run: another size": Case("run.wrong_size"),
    # Poll.
    "poll: 429": Case("poll.http status=429 times=2"),
    "poll: 500": Case("poll.http status=500 times=3"),
    "poll: a web page": Case("poll.http status=502 body=html times=2"),
    "poll: silent": Case("poll.hang seconds=15"),
    "poll: 404 at first": Case("poll.not_found times=2"),
    "poll: cut": Case("poll.truncated times=2"),
    "poll: stale": Case("poll.stale times=2"),
    "poll: a foreign poll URL": Case("run.foreign_urls_get"),
    "poll: 401": Case("poll.http status=401"),
    # Webhook.
    "webhook: before the answer": Case("webhook.early"),
    "webhook: before an answer that is lost": Case(
        _both("webhook.early", "submit.accept_then_close")
    ),
    "webhook: late": Case("webhook.late seconds=3"),
    "webhook: twice at once": Case("webhook.duplicated count=4 together=true"),
    "webhook: lost": Case("webhook.lost"),
    "webhook: reordered": Case("webhook.reordered"),
    "webhook: tampered": Case("webhook.tampered"),
    "webhook: wrong secret": Case("webhook.wrong_secret"),
    "webhook: old": Case("webhook.old_timestamp seconds=600"),
    "webhook: without headers": Case("webhook.missing_headers"),
    "webhook: rotated secret": Case("webhook.rotated_secret"),
    "webhook: enveloped": Case("webhook.enveloped"),
    "webhook: sent again and again": Case("webhook.retried tries=3"),
    # CDN.
    "cdn: 403 for ever": Case("cdn.http status=403 times=0", _of("asset_unavailable")),
    "cdn: 404 once": Case("cdn.http status=404"),
    "cdn: slow": Case("cdn.slow seconds=1"),
    "cdn: below its length": Case("cdn.truncated kind=length"),
    "cdn: cut": Case("cdn.truncated kind=consistent"),
    "cdn: wrong content type": Case("cdn.wrong_type"),
    "cdn: zero bytes": Case("cdn.empty"),
    "cdn: a web page once": Case("cdn.html"),
    "cdn: a web page for ever": Case("cdn.html times=0", _of("asset_invalid")),
    "cdn: redirect to a private address": Case("cdn.redirect times=0", _of("asset_invalid")),
    "cdn: huge": Case("cdn.huge times=0", _of("asset_invalid")),
    "cdn: a new host": Case("cdn.foreign_host", _of("asset_invalid")),
    # Money.
    "money: charged more than quoted": Case("run.charge factor=1.5"),
    "money: moderated and refunded": Case(
        _both("run.moderated", "money.refund_now"), _of("moderated")
    ),
    "money: never refunded": Case(
        _both("run.failed code=1403", "money.refund_never"), _of("provider_failed")
    ),
    "list: late": Case(_both("submit.accept_then_close", "run.unlisted seconds=3")),
}

# Faults of calls that say nothing of a job: a rule of the simulator, for all jobs of its row.
_LOST = _both("submit.accept_then_close", "webhook.lost")
RULES: dict[str, tuple[Case, dict[str, object]]] = {
    "list: shifted pages": (Case(_LOST), {"fault": "list.shift", "times": 2}),
    "list: without inputs, twice": (Case(_LOST), {"fault": "list.no_inputs", "times": 2}),
    "list: late for all": (Case(_LOST), {"fault": "list.lag", "times": 3}),
    "list: 500": (Case(_LOST), {"fault": "list.http", "times": 2, "params": {"status": 500}}),
    "list: silent": (Case(_LOST), {"fault": "list.hang", "times": 1, "params": {"seconds": 15}}),
    "money: quotes fail": (Case(""), {"fault": "price.http", "times": 9}),
    "money: another price than quoted": (Case(""), {"fault": "price.off", "times": 9}),
    "webhook: no secret to be had": (Case(""), {"fault": "secret.http", "times": 9}),
}
