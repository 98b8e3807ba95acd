"""Every provider fault that one job can meet, with the ways in which that job may end.

The fault names are the simulator's (simulator/README.md). The sections follow the known faults
of WaveSpeedAI's API: submit, run, poll, webhook, CDN, money, list.
"""

from typing import NamedTuple

_COMPLETED: tuple[str | None, ...] = (None,)
_UNKNOWN: tuple[str | None, ...] = ("submission_unknown",)


class FaultCase(NamedTuple):
    """A fault marker, the failure codes that are correct for it, and extra request fields."""

    marker: str
    allowed_codes: tuple[str | None, ...] = _COMPLETED  # None: completed
    request: dict[str, object] = {}  # noqa: RUF012 - never changed
    late_seconds: int = 0  # how long the prediction is not in the list, or its output not there
    is_recovered: bool = False  # whether the output must be stored even if the job fails


_OTHER_MODEL: dict[str, object] = {"model": "wavespeed-ai/z-image/turbo"}


def _join(*markers: str) -> str:
    """Return several faults as one marker."""
    return "]] [[fault ".join(markers)


def _codes(*codes: str | None) -> tuple[str | None, ...]:
    return codes


JOB_FAULTS = {
    # Submit: the prediction is created and the response is lost. The job finds the prediction in
    # the list, or by its webhook.
    "submit: accepted, connection closed": FaultCase("submit.accept_then_close"),
    "submit: accepted, no response": FaultCase("submit.accept_then_hang"),
    "submit: accepted, 502 HTML page": FaultCase("submit.http status=502 body=html accepted=true"),
    "submit: accepted, 504 HTML page": FaultCase("submit.http status=504 body=html accepted=true"),
    "submit: accepted, 500": FaultCase("submit.http status=500 accepted=true"),
    "submit: accepted, response without id": FaultCase("submit.no_id"),
    "submit: accepted, response not JSON": FaultCase("submit.not_json"),
    "submit: accepted, response truncated": FaultCase("submit.truncated"),
    "submit: accepted, listed late, no webhook": FaultCase(
        _join("submit.accept_then_close", "run.unlisted seconds=30", "webhook.lost"),
        (*_UNKNOWN, None),  # depends on when the search reads the list
        late_seconds=30,
    ),
    "submit: accepted, listed without inputs": FaultCase(
        _join("submit.accept_then_close", "run.unlisted_inputs")
    ),
    # Submit: the same failures, and no prediction is created.
    "submit: connection closed": FaultCase("submit.close", _UNKNOWN),
    "submit: no response": FaultCase("submit.hang seconds=70", _UNKNOWN),
    "submit: 502 HTML page": FaultCase("submit.http status=502 body=html", _UNKNOWN),
    "submit: 503": FaultCase("submit.http status=503", _UNKNOWN),
    "submit: 504 HTML page": FaultCase("submit.http status=504 body=html", _UNKNOWN),
    "submit: 500": FaultCase("submit.http status=500", _UNKNOWN),
    # Submit: error responses.
    "submit: 400": FaultCase("submit.http status=400", _codes("invalid_request")),
    "submit: 400, no credits": FaultCase(
        'submit.http status=400 message="Insufficient credits. Please top up."'
    ),
    "submit: 402": FaultCase("submit.http status=402"),
    "submit: 401": FaultCase("submit.http status=401 times=2"),
    "submit: 403": FaultCase(
        "submit.http status=403 error_code=model_not_allowed", _codes("unauthorized")
    ),
    # Submit: pages of an edge. Nothing was accepted.
    "submit: 403 HTML page for seconds": FaultCase("submit.http status=403 body=html lasts=12"),
    "submit: 404 HTML page": FaultCase("submit.http status=404 body=html times=2"),
    "submit: redirect to a login": FaultCase("submit.redirect times=2"),
    "submit: 404": FaultCase("submit.http status=404", _codes("invalid_request")),
    "submit: 429": FaultCase("submit.http status=429 times=2"),
    "submit: 429, with Retry-After": FaultCase("submit.http status=429 retry_after=2 times=2"),
    "submit: 200 with body code 402": FaultCase("submit.body_code code=402 message=no"),
    "submit: 200 with body code 500": FaultCase("submit.body_code code=500", _UNKNOWN),
    "submit: slow response": FaultCase("submit.slow seconds=4"),
    # Run.
    "run: stuck in created": FaultCase(
        "run.stuck_created", _codes("deadline_exceeded"), {"deadline_seconds": 30}
    ),
    "run: stuck in processing": FaultCase(
        "run.stuck_processing", _codes("deadline_exceeded"), {"deadline_seconds": 30}
    ),
    "run: completed after the deadline": FaultCase(
        "run.duration seconds=36", _codes("deadline_exceeded"), {"deadline_seconds": 30}
    ),
    "run: status queued": FaultCase("run.status_word status=queued"),
    "run: status pending": FaultCase("run.status_word status=pending"),
    "run: unknown status": FaultCase("run.status_word status=dreaming"),
    "run: status goes backwards": FaultCase("run.backwards"),
    **{
        f"run: failed, code {code}": FaultCase(f"run.failed code={code}", allowed_codes)
        for code, allowed_codes in {
            1200: _codes("moderated"),
            1400: _codes("invalid_request"),
            1401: _codes("invalid_request"),
            1402: _codes("invalid_request"),
            1403: _codes("provider_failed"),
            1405: _codes("provider_failed"),
            1406: _codes("provider_unavailable"),
            1407: _codes("insufficient_credits"),
            5000: _codes("provider_unavailable"),
            5003: _codes("provider_unavailable"),
            5004: _codes("provider_unavailable"),
        }.items()
    },
    "run: failed, transient error": FaultCase("run.hiccup", _codes("provider_failed")),
    "run: cancelled": FaultCase("run.cancelled", _codes("provider_failed")),
    "run: timeout": FaultCase("run.timeout", _codes("provider_failed")),
    "run: deleted": FaultCase("run.deleted", _codes("provider_failed")),
    "run: null outputs": FaultCase("run.null_outputs", _codes("asset_unavailable")),
    "run: empty outputs": FaultCase("run.empty_outputs", _codes("asset_unavailable")),
    # The local stack scales the waits of the seven attempts: they end after 12 to 40 seconds.
    "run: outputs after the status": FaultCase("run.late_outputs seconds=5"),
    "run: null outputs, then outputs": FaultCase("run.late_outputs seconds=5 how=null"),
    "run: outputs 40 seconds after the status": FaultCase(
        "run.late_outputs seconds=40", _codes("asset_unavailable", None), {}, 40, is_recovered=True
    ),
    "run: NSFW flag": FaultCase("run.nsfw"),
    "run: outputs as objects": FaultCase("run.object_outputs"),
    "run: two outputs": FaultCase("run.two_outputs"),
    "run: wrong image size": FaultCase("run.wrong_size"),
    **{
        f"run: output of another model, {form}": FaultCase(
            f"run.output_file form={form}", _COMPLETED, _OTHER_MODEL
        )
        for form in ("svg", "json", "txt", "bin")
    },
    "run: words in place of a URL": FaultCase("run.words", _COMPLETED, _OTHER_MODEL),
    # Poll.
    "poll: 429": FaultCase("poll.http status=429 times=2"),
    "poll: 500": FaultCase("poll.http status=500 times=3"),
    "poll: 502 HTML page": FaultCase("poll.http status=502 body=html times=2"),
    "poll: 403 HTML page for seconds": FaultCase("poll.http status=403 body=html lasts=8"),
    "poll: redirect to a login": FaultCase("poll.redirect times=2"),
    "poll: no response": FaultCase("poll.hang seconds=15"),
    "poll: 404 at first": FaultCase("poll.not_found times=2"),
    "poll: truncated": FaultCase("poll.truncated times=2"),
    "poll: stale status": FaultCase("poll.stale times=2"),
    "poll: poll URL on another host": FaultCase("run.foreign_urls_get"),
    "poll: 401": FaultCase("poll.http status=401"),
    # Webhook.
    "webhook: before the submit response": FaultCase("webhook.early"),
    "webhook: before a lost submit response": FaultCase(
        _join("webhook.early", "submit.accept_then_close")
    ),
    "webhook: late": FaultCase("webhook.late seconds=3"),
    "webhook: four at once": FaultCase("webhook.duplicated count=4 together=true"),
    "webhook: lost": FaultCase("webhook.lost"),
    "webhook: reordered": FaultCase("webhook.reordered"),
    "webhook: tampered": FaultCase("webhook.tampered"),
    "webhook: wrong secret": FaultCase("webhook.wrong_secret"),
    "webhook: old timestamp": FaultCase("webhook.old_timestamp seconds=600"),
    "webhook: missing headers": FaultCase("webhook.missing_headers"),
    "webhook: rotated secret": FaultCase("webhook.rotated_secret"),
    "webhook: enveloped": FaultCase("webhook.enveloped"),
    "webhook: retried after success": FaultCase("webhook.retried tries=3"),
    # CDN.
    "cdn: always 403": FaultCase("cdn.http status=403 times=0", _codes("asset_unavailable")),
    "cdn: 404 once": FaultCase("cdn.http status=404"),
    "cdn: slow": FaultCase("cdn.slow seconds=1"),
    "cdn: shorter than Content-Length": FaultCase("cdn.truncated kind=length"),
    "cdn: truncated image": FaultCase("cdn.truncated kind=consistent"),
    "cdn: wrong content type": FaultCase("cdn.wrong_type"),
    "cdn: empty body": FaultCase("cdn.empty"),
    "cdn: HTML page once": FaultCase("cdn.html"),
    "cdn: HTML page six times": FaultCase("cdn.html times=6"),
    "cdn: HTML page for 40 seconds": FaultCase(
        "cdn.html lasts=40", _codes("asset_invalid", None), {}, 40, is_recovered=True
    ),
    "cdn: always an HTML page": FaultCase("cdn.html times=0", _codes("asset_invalid")),
    "cdn: redirect to a private address": FaultCase(
        "cdn.redirect times=0", _codes("asset_invalid")
    ),
    "cdn: redirect to a login twice": FaultCase("cdn.redirect to=https://login.example/ times=2"),
    "cdn: oversized": FaultCase("cdn.huge times=0", _codes("asset_invalid")),
    "cdn: unknown host": FaultCase("cdn.foreign_host", _codes("asset_invalid")),
    # Money.
    "money: charged more than quoted": FaultCase("run.charge factor=1.5"),
    "money: moderated and refunded": FaultCase(
        _join("run.moderated", "money.refund_now"), _codes("moderated")
    ),
    "money: never refunded": FaultCase(
        _join("run.failed code=1403", "money.refund_never"), _codes("provider_failed")
    ),
    "list: late entry": FaultCase(
        _join("submit.accept_then_close", "run.unlisted seconds=3"), late_seconds=3
    ),
}

# Faults of calls that do not concern one job. Each is a simulator rule for all jobs of its row.
_ONLY_LISTED = _join("submit.accept_then_close", "webhook.lost")
SHARED_FAULTS: dict[str, tuple[FaultCase, dict[str, object]]] = {
    "list: shifted pages": (FaultCase(_ONLY_LISTED), {"fault": "list.shift", "times": 2}),
    "list: without inputs, twice": (
        FaultCase(_ONLY_LISTED),
        {"fault": "list.no_inputs", "times": 2},
    ),
    "list: late for all": (FaultCase(_ONLY_LISTED), {"fault": "list.lag", "times": 3}),
    "list: 500": (
        FaultCase(_ONLY_LISTED),
        {"fault": "list.http", "times": 2, "params": {"status": 500}},
    ),
    "list: no response": (
        FaultCase(_ONLY_LISTED),
        {"fault": "list.hang", "times": 1, "params": {"seconds": 15}},
    ),
    "money: quotes fail": (FaultCase(""), {"fault": "price.http", "times": 9}),
    "money: price differs from the quote": (FaultCase(""), {"fault": "price.off", "times": 9}),
    "webhook: secret unavailable": (FaultCase(""), {"fault": "secret.http", "times": 9}),
}
