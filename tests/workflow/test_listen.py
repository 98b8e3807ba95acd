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


def test_an_answer_that_cannot_be_read_is_waited_out_without_listening(listening: Cloud) -> None:
    """It is a matter of seconds, and the webhook has been."""
    listening.provider.checks(html(502), html(502), standing("processing"), completed())

    run = listening.run()

    assert run.states == [*SUBMIT, *LISTEN, *CHECK * 2, *LISTEN, *FINALIZE, "Done"]
    assert listening.clock.waits == [LISTENS, 2, 4, LISTENS_AGAIN]


def test_a_copy_that_failed_is_waited_for_without_listening(listening: Cloud) -> None:
    listening.provider.files(html(500), file())

    run = listening.run()

    assert run.states == [*SUBMIT, *LISTEN, *FINALIZE, *CHECK, *FINALIZE, "Done"]
    assert listening.clock.waits == [LISTENS, 2]


def test_nobody_listens_beyond_the_deadline(listening: Cloud) -> None:
    listening.provider.checks(standing("processing"))

    run = listening.run({**REQUEST, "deadline_seconds": 113})

    assert run.end == ("FAILED", "deadline_exceeded")
    assert run.states == [*SUBMIT, *LISTEN * 3, *FAIL]
    assert listening.clock.waits == [LISTENS, LISTENS_AGAIN, 7]


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


def test_a_job_that_is_stopped_while_it_listens_is_closed(listening: Cloud) -> None:
    listening.provider.checks(standing("processing"))
    job_id = listening.request()
    listening.clock.at(90, lambda: listening.stop(job_id))

    run = finish(listening, job_id)

    assert run.status == "ABORTED"
    assert run.states[-1] == "Listen"
    assert listening.clock.waits == [LISTENS, 90 - LISTENS]
    assert run.job.code == "canceled"
    # Its webhook finds nobody who waits.
    assert listening.call_back() == 204


def test_a_job_that_is_canceled_while_it_listens_is_filed(listening: Cloud) -> None:
    listening.provider.takes(30)
    job_id = listening.request()
    listening.clock.at(10, lambda: listening.cancel(job_id))
    call_at(listening, 30)

    run = finish(listening, job_id)

    assert run.end == ("FAILED", "canceled")
    assert run.states == [*SUBMIT, *LISTEN, *FINALIZE, *FAIL]
    assert len(run.job.assets) == 1
