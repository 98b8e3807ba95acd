"""Wait for a job, save its images, and map its end to an exit code."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated

import typer

from darkroom_cli.client import LONG_POLL_SECONDS, Client, Json
from darkroom_cli.errors import CliError, Exit
from darkroom_cli.options import Options, Out, Timeout
from darkroom_cli.outputs import Destination, save
from darkroom_cli.session import Session
from darkroom_cli.show import Screen, usd

ENDED = ("completed", "failed")


@dataclass
class Waiting(Options):
    """The options of a command that can wait for its jobs.

    `destination` is None without waiting. Its folder is created before anything is submitted.
    """

    wait: Annotated[
        bool,
        typer.Option("--wait/--no-wait", help="Wait until the job ends, or print its id and exit."),
    ] = True
    timeout: Timeout = None
    out: Out = None
    destination: Destination | None = field(init=False)

    def __post_init__(self) -> None:
        self.destination = Destination.of(self.out) if self.wait else None


def finish(
    session: Session, job: Json, timeout: int | None, destination: Destination | None
) -> None:
    """Wait for the job, save its images, and print the result.

    Without a destination, print the id of the job and return.
    """
    screen = session.screen
    if destination is None:
        if screen.as_json:
            screen.document(job)
        else:
            screen.line(job["job_id"])
            screen.note(f"{job['status']}. Wait for it with: darkroom watch {job['job_id']}")
        return
    job = _finished(session, job, timeout, destination)
    if screen.as_json:
        screen.document(job)
    raise_if_failed(job)


def finish_all(
    session: Session, jobs: list[Json], timeout: int | None, destination: Destination | None
) -> None:
    """Do as `finish` for several jobs. Raise the error of the first failed one at the end."""
    screen = session.screen
    if destination is None:
        for job in jobs if not screen.as_json else []:
            screen.line(job["job_id"])
    else:
        deadline = None if timeout is None else time.monotonic() + timeout
        for index, job in enumerate(jobs):
            left = None if deadline is None else max(0, int(deadline - time.monotonic()))
            jobs[index] = _finished(session, job, left, destination)
    if screen.as_json:
        screen.document({"jobs": jobs})
    for job in jobs:
        raise_if_failed(job)


def _finished(session: Session, job: Json, timeout: int | None, destination: Destination) -> Json:
    """Return the ended job with the paths of its saved outputs, after showing them.

    Of a chain, the job is that of the last step that has started.
    """
    job = until_ended(session.client, session.screen, job, timeout)
    if chain := job.get("chain"):
        last = [step["job_id"] for step in chain["steps"] if step["job_id"]][-1]
        job = {**session.client.get(f"/v1/jobs/{last}"), "chain": chain}
    # The last step of a completed chain can be a failed job whose outputs were recovered.
    is_completed = "completed" in (job["status"], (chain or {}).get("status"))
    paths = save(session.client, job, destination) if is_completed else []
    if not session.screen.as_json:
        for path in paths:
            session.screen.image(path)
        session.screen.note(summary(job))
    return {**job, "files": [str(path) for path in paths]}


def until_ended(client: Client, screen: Screen, job: Json, timeout: int | None) -> Json:
    """Return the job once it has ended; raises CliError after the timeout or on Ctrl-C."""
    path = f"/v1/jobs/{job['job_id']}"
    with screen.progress(_progress(job)) as bar:
        return poll_until_ended(
            job,
            timeout,
            is_open=_is_open,
            poll=lambda wait: client.get(path, wait=wait),
            show=lambda current: bar.update(_progress(current)),
            stopped=lambda reason: still_running(job, reason),
        )


def _is_open(job: Json) -> bool:
    """Return whether the job, or the chain that it belongs to, has not ended."""
    return job["status"] not in ENDED or (job.get("chain") or {}).get("status") == "running"


def _progress(job: Json) -> str:
    chain, expected = job.get("chain"), job.get("expected_seconds")
    if chain:
        done = sum(step["status"] == "completed" for step in chain["steps"])
        return f"step {min(done + 1, len(chain['steps']))} of {len(chain['steps'])}"
    return f"{job['status']}, usually {expected:.0f} s" if expected else str(job["status"])


def poll_until_ended(
    record: Json,
    timeout: int | None,
    *,
    is_open: Callable[[Json], bool],
    poll: Callable[[int], Json],
    show: Callable[[Json], None],
    stopped: Callable[[str], CliError],
) -> Json:
    """Return the last state of a job or batch; raises the error of `stopped` if waiting stops.

    `poll` receives the seconds for which the API may hold the response. `stopped` receives
    the reason: the timeout in seconds has passed, or Ctrl-C.
    """
    deadline = time.monotonic() + timeout if timeout is not None else float("inf")
    try:
        while is_open(record):
            remaining = deadline - time.monotonic()
            if remaining < 1:
                raise stopped(f"did not end within {timeout} seconds")
            record = poll(int(min(LONG_POLL_SECONDS, remaining)))
            show(record)
    except KeyboardInterrupt:
        raise stopped("is still running") from None
    return record


def still_running(job: Json, reason: str) -> CliError:
    """Return the error of a command that ends before its job."""
    job_id = job["job_id"]
    hint = (
        f"The job continues. Wait: darkroom watch {job_id}. Cancel: darkroom jobs cancel {job_id}"
    )
    return CliError(Exit.STILL_RUNNING, f"Job {job_id} {reason}.", hint)


def raise_if_failed(job: Json) -> None:
    """Raise CliError if the job or its chain failed or was canceled."""
    failure, chain, job_id = job.get("failure"), job.get("chain") or {}, job["job_id"]
    if chain.get("status") == "completed" and job["assets"]:
        return
    if job["status"] != "failed" or failure is None:
        if chain.get("status") in ("failed", "canceled"):
            ended = Exit.CANCELED if chain["status"] == "canceled" else Exit.FAILED
            message = f"The chain {chain['chain_id']} {chain['status']}: {chain['message']}"
            raise CliError(ended, message, f"Go on with: darkroom jobs resume {job_id}")
        return
    code = failure["code"]
    is_canceled = code == "canceled"
    ending = "was canceled" if is_canceled else f"failed ({code})"
    message = f"Job {job_id} {ending}: {failure['detail'] or failure['message']}"
    hint = ""
    if code == "insufficient_credits":
        hint = f"Top up your WaveSpeed account, then run: darkroom jobs retry {job_id}"
    elif chain:
        hint = f"Go on with: darkroom jobs resume {job_id}"
    elif failure["retryable"]:
        hint = f"Run it again with: darkroom jobs retry {job_id}"
    raise CliError(Exit.CANCELED if is_canceled else Exit.FAILED, message, hint)


def summary(job: Json) -> str:
    """Return the id, the status and the charge of a job as one line."""
    return f"{job['job_id']}  {job['status']}  {charge(job)}"


def charge(job: Json) -> str:
    """Return in words whether the job was charged, and how much."""
    price = job["estimated_cost_micro_usd"]
    if job["charged"] == "no":
        return "not charged"
    if job["charged"] == "yes":
        return "charged, price unknown" if price is None else f"{usd(price)} charged"
    return "charge not confirmed" if price is None else f"up to {usd(price)}, not confirmed"
