"""Pictures: ask for one, list them, cancel, ask again, open."""

from typing import Annotated, Any

import typer

from darkroom_cli import requests, waiting
from darkroom_cli.client import Json
from darkroom_cli.errors import CliError, Exit
from darkroom_cli.requests import (
    Aspect,
    Deadline,
    Format,
    Once,
    Out,
    Prompt,
    Quality,
    Resolution,
    Timeout,
    Wait,
)
from darkroom_cli.session import Session, command
from darkroom_cli.show import usd

top = typer.Typer()
jobs = typer.Typer(help="Jobs: list, show, cancel, retry, open.", no_args_is_help=True)

JobId = Annotated[str, typer.Argument(help="The job's id.")]
COLUMNS = ["job", "status", "what", "price", "charged", "accepted", "prompt"]
_MOST = 60  # characters of a prompt in a table


@command(top, "generate")
def generate(
    session: Session,
    prompt: Prompt,
    quality: Quality = None,
    resolution: Resolution = None,
    aspect_ratio: Aspect = None,
    output_format: Format = None,
    deadline: Deadline = None,
    wait: Wait = True,
    timeout: Timeout = None,
    out: Out = None,
    once: Once = None,
) -> None:
    """Make a picture from a prompt."""
    asked = requests.body(prompt, quality, resolution, aspect_ratio, output_format, deadline)
    job = session.client.post("/v1/jobs", asked, once)
    waiting.finish(session, job, wait=wait, timeout=timeout, out=out)


@command(top, "edit")
def edit(
    session: Session,
    images: Annotated[list[str], typer.Argument(help="Files, or https://, s3://, upload:")],
    prompt: Annotated[str, typer.Option("--prompt", "-p", help="What to change; - reads stdin.")],
    quality: Quality = None,
    resolution: Resolution = None,
    aspect_ratio: Aspect = None,
    output_format: Format = None,
    deadline: Deadline = None,
    wait: Wait = True,
    timeout: Timeout = None,
    out: Out = None,
    once: Once = None,
) -> None:
    """Make a picture from others; files of this machine are uploaded."""
    asked = requests.body(prompt, quality, resolution, aspect_ratio, output_format, deadline)
    given = requests.references(session.client, images)
    asked |= {"operation": "edit", "images": given}
    job = session.client.post("/v1/jobs", asked, once)
    waiting.finish(session, job, wait=wait, timeout=timeout, out=out)


@command(jobs, "list")
def list_jobs(
    session: Session,
    status: Annotated[str | None, typer.Option(help="queued, submitted, completed, …")] = None,
    operation: Annotated[str | None, typer.Option(help="text-to-image, edit or model.")] = None,
    text: Annotated[str | None, typer.Option(help="In the prompt, in capitals or not.")] = None,
    batch: Annotated[str | None, typer.Option(help="Only the rows of this batch.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many.")] = 20,
) -> None:
    """List jobs, newest first."""
    found: list[Json] = []
    cursor: str | None = None
    while len(found) < limit:
        page = session.client.get(
            "/v1/jobs",
            status=status,
            operation=operation,
            text=text,
            batch=batch,
            limit=min(100, limit - len(found)),
            cursor=cursor,
        )
        found += page["jobs"]
        cursor = page["cursor"]
        if cursor is None:
            break
    if session.screen.as_json:
        session.screen.document({"jobs": found})
        return
    session.screen.table(COLUMNS, [row(job) for job in found])


@command(jobs, "show")
def show(session: Session, job_id: JobId) -> None:
    """Show all about a job."""
    job = session.client.get(f"/v1/jobs/{job_id}")
    if session.screen.as_json:
        session.screen.document(job)
        return
    session.screen.table(["", ""], [[name, text] for name, text in _facts(job)])


@command(jobs, "cancel")
def cancel(session: Session, job_id: JobId) -> None:
    """Cancel a job: free before it is sent; after that its picture is paid for, and filed."""
    job = session.client.delete(f"/v1/jobs/{job_id}")
    if session.screen.as_json:
        session.screen.document(job)
        return
    session.screen.line(waiting.summary(job))


@command(jobs, "retry")
def retry(
    session: Session,
    job_id: JobId,
    wait: Wait = True,
    timeout: Timeout = None,
    out: Out = None,
    once: Once = None,
) -> None:
    """Ask for the same again: a new job, with a price of its own."""
    old = session.client.get(f"/v1/jobs/{job_id}")
    job = session.client.post("/v1/jobs", _again(old), once)
    waiting.finish(session, job, wait=wait, timeout=timeout, out=out)


@command(jobs, "open")
def open_job(session: Session, job_id: JobId, out: Out = None) -> None:
    """Save the pictures of a job, and show them where the terminal can."""
    job = session.client.get(f"/v1/jobs/{job_id}")
    waiting.check(job)
    if job["status"] != "completed":
        raise waiting.still_running(job, f"it is {job['status']}")
    files = waiting.save(session.client, job, out)
    if session.screen.as_json:
        session.screen.document({**job, "files": [str(path) for path in files]})
        return
    for path in files:
        session.screen.picture(path)


def row(job: Json) -> list[str]:
    """Return a job as a line of a table."""
    prompt = " ".join(str(job["input"].get("prompt", "")).split())
    accepted = str(job["timings"]["accepted_at"])[:19].replace("T", " ")
    what = " ".join(
        str(part)
        for part in (job["operation"], job["input"].get("quality"), job["input"].get("resolution"))
        if part
    )
    status = "canceled" if (job["failure"] or {}).get("code") == "canceled" else job["status"]
    price = usd(job["estimated_cost_micro_usd"])
    short = prompt if len(prompt) <= _MOST else prompt[: _MOST - 1] + "…"
    return [job["job_id"], status, what, price, job["charged"], accepted, short]


def _facts(job: Json) -> list[tuple[str, str]]:
    failure = job["failure"] or {}
    facts: list[tuple[str, Any]] = [
        ("job", job["job_id"]),
        ("status", job["status"]),
        ("failure", failure and f"{failure['code']}: {failure['detail'] or failure['message']}"),
        ("operation", job["operation"]),
        ("model", job["model"]),
        *sorted(job["input"].items()),
        *(("reference", each) for each in job["references"]),
        ("price", usd(job["estimated_cost_micro_usd"])),
        ("charged", job["charged"]),
        ("caller", job["caller"]),
        ("batch", job.get("batch_id")),
        ("prediction", job["prediction_id"]),
        ("checks", job["checks"]),
        *((name.removesuffix("_at"), moment) for name, moment in job["timings"].items()),
        *(("asset", f"s3://{each['bucket']}/{each['key']}") for each in job["assets"]),
    ]
    return [(name, str(value)) for name, value in facts if value not in (None, "", {})]


def _again(old: Json) -> Json:
    """Return the request that an old job was."""
    if old["operation"] == "model":
        if old["references"]:
            told = "its references cannot be read off the job"
            raise CliError(Exit.BAD_REQUEST, told, "Ask for it as you did before.")
        return {"model": old["model"], "input": old["input"]}
    asked: Json = {"operation": old["operation"], **old["input"]}
    if old["references"]:
        cut = [each for each in old["references"] if each.startswith("https://")]
        if cut:
            told = "it refers to URLs, of which a job shows no query, which may be a signature"
            raise CliError(Exit.BAD_REQUEST, told, "Ask again by: darkroom edit URL --prompt …")
        asked["images"] = old["references"]
    return asked
