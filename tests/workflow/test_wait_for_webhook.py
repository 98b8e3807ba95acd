"""With webhooks on, the machine listens; but not for what comes without one."""

from tests.workflow.answers import completed, file, html, standing
from tests.workflow.cloud import (
    CHECK,
    FAIL,
    FINALIZE,
    LISTEN,
    LISTENS,
    LISTENS_AGAIN,
    REQUEST,
    SUBMIT,
    Cloud,
)
from tests.workflow.scenes import call_at, finish


def test_an_answer_that_cannot_be_read_is_waited_out_without_listening(
    wait_for_webhook: Cloud,
) -> None:
    """It is a matter of seconds, and the webhook has been."""
    wait_for_webhook.provider.checks(html(502), html(502), standing("processing"), completed())

    run = wait_for_webhook.run()

    assert run.states == [*SUBMIT, *LISTEN, *CHECK * 2, *LISTEN, *FINALIZE, "Done"]
    assert wait_for_webhook.clock.waits == [LISTENS, 2, 4, LISTENS_AGAIN]


def test_a_copy_that_failed_is_waited_for_without_listening(wait_for_webhook: Cloud) -> None:
    wait_for_webhook.provider.files(html(500), file())

    run = wait_for_webhook.run()

    assert run.states == [*SUBMIT, *LISTEN, *FINALIZE, *CHECK, *FINALIZE, "Done"]
    assert wait_for_webhook.clock.waits == [LISTENS, 2]


def test_nobody_listens_beyond_the_deadline(wait_for_webhook: Cloud) -> None:
    wait_for_webhook.provider.checks(standing("processing"))

    run = wait_for_webhook.run({**REQUEST, "deadline_seconds": 113})

    assert run.end == ("FAILED", "deadline_exceeded")
    assert run.states == [*SUBMIT, *LISTEN * 3, *FAIL]
    assert wait_for_webhook.clock.waits == [LISTENS, LISTENS_AGAIN, 7]


def test_the_switch_may_be_turned_while_jobs_are_on_their_way(cloud: Cloud) -> None:
    """One machine for both: each job goes on as it was sent."""
    cloud.provider.takes(120)
    ids = [cloud.request(event_id="event-1")]
    cloud.clock.at(10, cloud.listen)
    cloud.clock.at(20, lambda: ids.append(cloud.request(event_id="event-2")))
    cloud.clock.at(140, lambda: cloud.call_back(1))

    cloud.machine.run_pending()

    plain, woken = [cloud.look(job_id) for job_id in ids]
    assert plain.states == [*SUBMIT, *CHECK * plain.job.checks, *FINALIZE, "Done"]
    assert woken.states == [*SUBMIT, *LISTEN * 3, *FINALIZE, "Done"]
    assert plain.end == woken.end == ("SUCCEEDED", None)


def test_a_job_that_is_stopped_while_it_listens_is_closed(wait_for_webhook: Cloud) -> None:
    wait_for_webhook.provider.checks(standing("processing"))
    job_id = wait_for_webhook.request()
    wait_for_webhook.clock.at(90, lambda: wait_for_webhook.stop(job_id))

    run = finish(wait_for_webhook, job_id)

    assert run.status == "ABORTED"
    assert run.states[-1] == "WaitForWebhook"
    assert wait_for_webhook.clock.waits == [LISTENS, 90 - LISTENS]
    assert run.job.code == "canceled"
    # Its webhook finds nobody who waits.
    assert wait_for_webhook.call_back() == 204


def test_a_job_that_is_canceled_while_it_listens_is_filed(wait_for_webhook: Cloud) -> None:
    wait_for_webhook.provider.takes(30)
    job_id = wait_for_webhook.request()
    wait_for_webhook.clock.at(10, lambda: wait_for_webhook.cancel(job_id))
    call_at(wait_for_webhook, 30)

    run = finish(wait_for_webhook, job_id)

    assert run.end == ("FAILED", "canceled")
    assert run.states == [*SUBMIT, *LISTEN, *FINALIZE, *FAIL]
    assert len(run.job.assets) == 1
