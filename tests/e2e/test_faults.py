"""Each family of provider faults, all at once: how the job ends, what was sent and charged."""

from typing import NamedTuple

import pytest

from tests.e2e.desk import Desk


class Fault(NamedTuple):
    """A scripted fault, the code that the job ends with (None: it completes), and the POSTs."""

    marker: str
    code: str | None = None
    posts: int = 1
    request: dict[str, object] = {}  # noqa: RUF012 - never changed


FAULTS = {
    "submit: bad request": Fault("submit.http status=400", "invalid_request"),
    "submit: no credit": Fault("submit.http status=402", "insufficient_credits"),
    "submit: no credit, said with 400": Fault(
        'submit.http status=400 message="Insufficient credits. Please top up."',
        "insufficient_credits",
    ),
    # The key is read afresh and the POST sent once more.
    "submit: bad key": Fault("submit.http status=401 times=2", "unauthorized", posts=2),
    "submit: forbidden": Fault("submit.http status=403", "unauthorized"),
    "submit: conflict": Fault("submit.http status=409", "rejected"),
    "submit: throttled": Fault("submit.http status=429 retry_after=1", posts=2),
    "submit: throttled twice": Fault("submit.http status=429 retry_after=1 times=2", posts=3),
    "submit: accepted, then closed": Fault("submit.accept_then_close", "submission_unknown"),
    "submit: accepted, then silent": Fault("submit.accept_then_hang", "submission_unknown"),
    "submit: closed": Fault("submit.close", "submission_unknown"),
    "submit: 502 page, accepted": Fault(
        "submit.http status=502 body=html accepted=true", "submission_unknown"
    ),
    "submit: 503": Fault("submit.http status=503", "submission_unknown"),
    "submit: 500": Fault("submit.http status=500", "submission_unknown"),
    "submit: no id": Fault("submit.no_id", "submission_unknown"),
    "submit: not JSON": Fault("submit.not_json", "submission_unknown"),
    "submit: slow": Fault("submit.slow seconds=3"),
    "run: failed": Fault("run.failed code=1403", "provider_failed"),
    "run: moderated": Fault("run.moderated", "moderated"),
    "run: bad reference": Fault("run.failed code=1402", "invalid_request"),
    "run: provider unavailable": Fault("run.failed code=5003", "provider_unavailable"),
    "run: cancelled": Fault("run.cancelled", "provider_failed"),
    "run: deleted": Fault("run.deleted", "provider_failed"),
    "run: never ends": Fault(
        "run.stuck_processing", "deadline_exceeded", request={"deadline_seconds": 30}
    ),
    "run: an unknown status, then done": Fault("run.status_word status=dreaming"),
    "run: backwards": Fault("run.backwards"),
    "run: no outputs": Fault("run.empty_outputs", "provider_failed"),
    "run: null outputs": Fault("run.null_outputs", "provider_failed"),
    "run: outputs as objects": Fault("run.object_outputs"),
    "run: two outputs": Fault("run.two_outputs"),
    "run: a foreign poll URL": Fault("run.foreign_urls_get"),
    "poll: 500 three times": Fault("poll.http status=500 times=3"),
    "poll: 429": Fault("poll.http status=429 times=2"),
    "poll: not JSON": Fault("poll.not_json times=2"),
    "poll: cut off": Fault("poll.truncated times=2"),
    "poll: not found yet": Fault("poll.not_found times=2"),
    "poll: bad key": Fault("poll.http status=401"),
    "cdn: 404 once": Fault("cdn.http status=404"),
    "cdn: 403 for ever": Fault("cdn.http status=403 times=0", "asset_unavailable"),
    "cdn: short of its length": Fault("cdn.truncated kind=length"),
    "cdn: cut": Fault("cdn.truncated kind=consistent"),
    "cdn: empty": Fault("cdn.empty"),
    "cdn: a web page once": Fault("cdn.html"),
    "cdn: a web page for ever": Fault("cdn.html times=0", "asset_invalid"),
    "cdn: redirect to a private address": Fault("cdn.redirect", "asset_invalid"),
    "cdn: huge": Fault("cdn.huge", "asset_invalid"),
    "cdn: wrong content type": Fault("cdn.wrong_type"),
    "cdn: foreign host": Fault("cdn.foreign_host", "asset_invalid"),
    "cdn: closed": Fault("cdn.close"),
}


@pytest.fixture(scope="module")
def asked(desk: Desk) -> dict[str, str]:
    """Ask for all of them; they run side by side."""
    return {
        name: desk.ask(prompt=f"Case <{name}> [[fault {fault.marker}]]", **fault.request)
        for name, fault in FAULTS.items()
    }


@pytest.mark.parametrize("name", FAULTS)
def test_a_job_ends_once_and_pays_once_after(desk: Desk, asked: dict[str, str], name: str) -> None:
    fault = FAULTS[name]

    event = desk.outcome(asked[name])

    detail = event["detail"]
    assert detail.get("code") == fault.code, detail
    assert event["detail-type"] == ("JobFailed" if fault.code else "JobCompleted")
    assert len(desk.posts(f"Case <{name}>")) == fault.posts
    if detail["prediction_id"]:
        assert desk.charges(detail["prediction_id"]) == 1
    if fault.code:
        ending = desk.execution_events(detail["job_id"])[-1]["executionFailedEventDetails"]
        assert ending["error"] == fault.code


def test_a_prediction_with_two_outputs_gives_two_assets(desk: Desk, asked: dict[str, str]) -> None:
    detail = desk.outcome(asked["run: two outputs"])["detail"]

    keys = [asset["key"] for asset in detail["assets"]]

    assert keys == [f"jobs/{detail['job_id']}/0.png", f"jobs/{detail['job_id']}/1.png"]
