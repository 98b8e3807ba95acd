"""Waiting for a job, and what becomes of it: its pictures, or an exit code."""

import time
from collections.abc import Callable
from pathlib import Path

from darkroom_cli.client import WAIT, Client, Json
from darkroom_cli.errors import CliError, Exit
from darkroom_cli.session import Session
from darkroom_cli.show import Screen, usd

ENDED = ("completed", "failed")
_EXTENSIONS = {"image/png": "png", "image/jpeg": "jpeg", "image/webp": "webp"}


def finish(
    session: Session, job: Json, *, wait: bool, timeout: int | None, out: Path | None
) -> None:
    """Wait for the job if that is wanted, save its pictures, and show what came of it."""
    screen = session.screen
    if not wait:
        if screen.as_json:
            screen.document(job)
        else:
            screen.line(job["job_id"])
            screen.say(f"{job['status']}; to wait for it: darkroom watch {job['job_id']}")
        return
    job = until_ended(session.client, screen, job, timeout)
    files = save(session.client, job, out) if job["status"] == "completed" else []
    if screen.as_json:
        screen.document({**job, "files": [str(path) for path in files]})
    else:
        for path in files:
            screen.picture(path)
        screen.say(summary(job))
    check(job)


def until_ended(client: Client, screen: Screen, job: Json, timeout: int | None) -> Json:
    """Return the job once it has ended; raises CliError if that takes too long, or by Ctrl-C."""
    expected = job.get("expected_seconds")
    usual = f", usually {expected:.0f} s" if expected else ""
    path = f"/v1/jobs/{job['job_id']}"
    with screen.progress(f"{job['status']}{usual}") as bar:
        return follow(
            job,
            timeout,
            is_open=lambda now: now["status"] not in ENDED,
            look=lambda wait: client.get(path, wait=wait),
            show=lambda now: bar.update(f"{now['status']}{usual}"),
            goes_on=lambda why: still_running(job, why),
        )


def follow(
    told: Json,
    timeout: int | None,
    *,
    is_open: Callable[[Json], bool],
    look: Callable[[int], Json],
    show: Callable[[Json], None],
    goes_on: Callable[[str], CliError],
) -> Json:
    """Return what is told at the end; raises what `goes_on` makes of a time-out or Ctrl-C.

    `look` is given the seconds for which an answer may be held.
    """
    give_up_at = time.monotonic() + timeout if timeout is not None else float("inf")
    try:
        while is_open(told):
            left = give_up_at - time.monotonic()
            if left < 1:
                raise goes_on(f"it did not end within {timeout} seconds")
            told = look(int(min(WAIT, left)))
            show(told)
    except KeyboardInterrupt:
        raise goes_on("not waited for any longer") from None
    return told


def still_running(job: Json, why: str) -> CliError:
    """Return how a command ends whose job goes on."""
    hint = f"It goes on: darkroom watch {job['job_id']}, or darkroom jobs cancel {job['job_id']}"
    return CliError(Exit.STILL_RUNNING, f"job {job['job_id']}: {why}", hint)


def check(job: Json) -> None:
    """Raise CliError with the exit code of a job that ended without its picture."""
    failure = job.get("failure")
    if job["status"] != "failed" or failure is None:
        return
    code = Exit.CANCELED if failure["code"] == "canceled" else Exit.FAILED
    told = f"job {job['job_id']}: {failure['code']}: {failure['detail'] or failure['message']}"
    hint = "Asking again can help: darkroom jobs retry " + job["job_id"]
    raise CliError(code, told, hint if failure["retryable"] else "")


def save(client: Client, job: Json, out: Path | None) -> list[Path]:
    """Save every picture of a job; return where."""
    assets = job["assets"]
    folder, name = Path(), str(job["job_id"])
    if out is not None:
        is_file = bool(out.suffix) and not out.is_dir()
        folder, name = (out.parent, out.stem) if is_file else (out, name)
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for index, asset in enumerate(assets):
        suffix = _EXTENSIONS.get(asset["content_type"], Path(asset["key"]).suffix.lstrip("."))
        number = f"-{index}" if len(assets) > 1 else ""
        paths.append(folder / f"{name}{number}.{suffix}")
        client.download(asset["url"], paths[-1])
    return paths


def summary(job: Json) -> str:
    """Return what a job came to in a line."""
    cost = usd(job["estimated_cost_micro_usd"])
    paid = {"yes": cost, "no": "nothing charged", "maybe": f"perhaps {cost}"}[job["charged"]]
    return f"{job['job_id']}  {job['status']}  {paid}"
