"""Commands for jobs: generate, edit, list, show, tag, share, cancel, erase, resume, retry, open."""

from collections.abc import Iterator
from typing import Annotated, Any

import typer

from darkroom_cli import requests, waiting
from darkroom_cli.client import Json
from darkroom_cli.errors import CliError, Exit
from darkroom_cli.options import JobId, Out
from darkroom_cli.outputs import Destination, save
from darkroom_cli.requests import JobOptions, Prompt, Settings
from darkroom_cli.session import Session, command
from darkroom_cli.show import usd
from darkroom_cli.submitting import Submission, submit
from darkroom_cli.waiting import Waiting

top = typer.Typer()
jobs = typer.Typer(
    help="Jobs: list, show, tag, share, cancel, erase, resume, retry, open.", no_args_is_help=True
)

COLUMNS = ["job", "status", "request", "price", "charged", "created", "prompt"]
_MAX_PROMPT_LENGTH = 60  # characters in a table
_CHARGED = {"yes": "yes", "no": "no", "maybe": "not confirmed"}


@command(top, "generate")
def generate(
    session: Session,
    prompt: Prompt,
    settings: Settings,
    options: JobOptions,
    submission: Submission,
) -> None:
    """Generate an image from a prompt."""
    request = requests.body(prompt, requests.with_format(settings, submission.destination))
    request |= options.fields()
    submit(session, request, submission)


@command(top, "edit")
def edit(
    session: Session,
    images: Annotated[
        list[str],
        typer.Argument(help="Image files, or references: https://, s3:// or upload:"),
    ],
    prompt: Annotated[
        str, typer.Option("--prompt", "-p", help="What to change; - reads it from stdin.")
    ],
    settings: Settings,
    options: JobOptions,
    submission: Submission,
) -> None:
    """Edit images with a prompt. Local files are uploaded: PNG, JPEG or WebP, up to 20 MB each."""
    request = requests.body(prompt, requests.with_format(settings, submission.destination))
    request |= options.fields()
    references = requests.references(session.client, images)
    request |= {"operation": "edit", "images": references}
    submit(session, request, submission)


@command(jobs, "list")
def list_jobs(
    session: Session,
    status: Annotated[
        str | None,
        typer.Option(help="queued, submitting, submitted, completed or failed."),
    ] = None,
    operation: Annotated[str | None, typer.Option(help="text-to-image, edit or model.")] = None,
    text: Annotated[
        str | None, typer.Option(help="Text that the prompt contains; case is ignored.")
    ] = None,
    batch: Annotated[str | None, typer.Option(help="The id of a batch.")] = None,
    tag: Annotated[str | None, typer.Option(help="A tag.")] = None,
    favorite: Annotated[
        bool | None, typer.Option("--favorite/--no-favorite", help="Favorites, or all others.")
    ] = None,
    since: Annotated[str | None, typer.Option(help="The first day in UTC: 2026-07-01.")] = None,
    until: Annotated[str | None, typer.Option(help="The last day in UTC.")] = None,
    preset: Annotated[
        str | None, typer.Option(help="A preset, or one version: scan or scan@3.")
    ] = None,
    model: Annotated[str | None, typer.Option(help="The id of a model.")] = None,
    key_id: Annotated[str | None, typer.Option(help="The id of an API key.")] = None,
    caller: Annotated[str | None, typer.Option(help="A caller; only with an admin key.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Maximum number of jobs.")] = 20,
) -> None:
    """List jobs, newest first. The options select jobs."""
    records: list[Json] = []
    cursor: str | None = None
    while len(records) < limit:
        page = session.client.get(
            "/v1/jobs",
            status=status,
            operation=operation,
            text=text,
            batch=batch,
            tag=tag,
            favorite=None if favorite is None else str(favorite).lower(),
            since=since,
            until=until,
            preset=preset,
            model=model,
            key=key_id,
            caller=caller,
            limit=min(100, limit - len(records)),
            cursor=cursor,
        )
        records += page["jobs"]
        cursor = page["cursor"]
        if cursor is None:
            break
    session.screen.listing({"jobs": records}, COLUMNS, (row(job) for job in records))


@command(jobs, "show")
def show(session: Session, job_id: JobId) -> None:
    """Show every field of a job."""
    job = session.client.get(f"/v1/jobs/{job_id}")
    session.screen.listing(job, ["", ""], _fields(job))


@command(jobs, "tag")
def tag_job(
    session: Session,
    job_id: JobId,
    add: Annotated[list[str] | None, typer.Option("--add", help="A tag to add.")] = None,
    remove: Annotated[list[str] | None, typer.Option("--remove", help="A tag to remove.")] = None,
    favorite: Annotated[
        bool | None, typer.Option("--favorite/--no-favorite", help="Mark as a favorite, or not.")
    ] = None,
) -> None:
    """Add and remove tags of a job, and mark it as a favorite. Prints its labels."""
    job = session.client.get(f"/v1/jobs/{job_id}")
    removed = {text.casefold() for text in remove or ()}
    labels: Json = {} if favorite is None else {"favorite": favorite}
    if add or remove:
        labels["tags"] = [tag for tag in job["tags"] if tag not in removed] + (add or [])
    if labels:
        job = session.client.patch(f"/v1/jobs/{job_id}", labels)
    words = (["favorite"] if job["favorite"] else []) + [f"#{tag}" for tag in job["tags"]]
    session.screen.result(job, f"{job_id}  {', '.join(words) or 'no labels'}")


@command(jobs, "share")
def share(
    session: Session,
    job_id: JobId,
    hours: Annotated[int, typer.Option(min=1, max=168, help="Hours until it expires.")] = 48,
    stop: Annotated[bool, typer.Option("--stop", help="Close the link of the job.")] = False,
) -> None:
    """Print a link that shows the images of a job without a key. It replaces an earlier link."""
    path = f"/v1/jobs/{job_id}/share"
    if stop:
        answer = session.client.delete(path)
        text = f"{job_id}  has no link"
    else:
        answer = session.client.post_once(path, {"expires_in_hours": hours})
        text = answer["url"]
    session.screen.result(answer, text)


@command(jobs, "cancel")
def cancel(session: Session, job_id: JobId) -> None:
    """Cancel a job. A queued job is free; a submitted job is charged and its image is stored."""
    job = session.client.delete(f"/v1/jobs/{job_id}")
    session.screen.result(job, waiting.summary(job))


@command(jobs, "erase")
def erase(
    session: Session,
    job_id: JobId,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Erase without being asked.")] = False,
) -> None:
    """Delete the prompt, the references and the images of an ended job for good."""
    if not yes:
        can_ask = not session.screen.as_json and session.screen.err.is_terminal
        question = f"Delete the images and the prompt of {job_id} for good?"
        if not (can_ask and typer.confirm(question, err=True)):
            raise CliError(Exit.USAGE, "Nothing was erased.", "Confirm the erasure with: --yes")
    job = session.client.delete(f"/v1/jobs/{job_id}/data")
    state = "erased" if job["erased_at"] else "erased here; WaveSpeed has not confirmed it yet"
    session.screen.result(job, f"{job_id}  {state}")


@command(jobs, "resume")
def resume(session: Session, job_id: JobId, options: Waiting) -> None:
    """Resume the failed chain of a job. Finished steps are not paid again."""
    job = session.client.post(f"/v1/jobs/{job_id}/resume", {})
    waiting.finish(session, job, options.timeout, options.destination)


@command(jobs, "retry")
def retry(session: Session, job_id: JobId, settings: Settings, submission: Submission) -> None:
    """Submit the request of a job again as a new job, which is charged separately.

    Settings replace those of the job: --quality high finishes a draft.
    """
    request = _request(session.client.get(f"/v1/jobs/{job_id}"))
    if "model" in request and settings:
        message = "The settings of an image do not apply to another model."
        raise CliError(Exit.BAD_REQUEST, message, "Run it with: darkroom run MODEL -i name=value")
    destination = None if "model" in request else submission.destination
    request |= requests.with_format(settings, destination)
    submit(session, request, submission)


@command(jobs, "open")
def open_job(session: Session, job_id: JobId, out: Out = None) -> None:
    """Save the images of a job, and show them if the terminal supports images."""
    job = session.client.get(f"/v1/jobs/{job_id}")
    waiting.raise_if_failed(job)
    if job["status"] != "completed":
        raise waiting.still_running(job, f"is {job['status']}")
    paths = save(session.client, job, Destination.of(out))
    if session.screen.as_json:
        session.screen.document({**job, "files": [str(path) for path in paths]})
        return
    for path in paths:
        session.screen.image(path)


def row(job: Json) -> list[str]:
    """Return a job as a row of the table with COLUMNS."""
    prompt = " ".join(str(job["input"].get("prompt", "")).split())
    created = str(job["timings"]["accepted_at"])[:19].replace("T", " ")
    request = " ".join(
        str(part)
        for part in (job["operation"], job["input"].get("quality"), job["input"].get("resolution"))
        if part
    )
    status = "canceled" if (job["failure"] or {}).get("code") == "canceled" else job["status"]
    price = usd(job["estimated_cost_micro_usd"])
    is_short = len(prompt) <= _MAX_PROMPT_LENGTH
    short = prompt if is_short else prompt[: _MAX_PROMPT_LENGTH - 1] + "…"
    return [job["job_id"], status, request, price, _CHARGED[job["charged"]], created, short]


def _fields(job: Json) -> Iterator[list[str]]:
    """Yield the name and the value of each field that a job has."""
    failure, chain = job["failure"] or {}, job.get("chain")
    fields: list[tuple[str, Any]] = [
        ("job", job["job_id"]),
        ("status", job["status"]),
        ("erased", job.get("erased_at") or job.get("erasing_at")),
        ("failure", failure and f"{failure['code']}: {failure['detail'] or failure['message']}"),
        ("operation", job["operation"]),
        ("model", job["model"]),
        *sorted(job["input"].items()),
        *(("reference", reference) for reference in job["references"]),
        ("price", usd(job["estimated_cost_micro_usd"])),
        ("charged", _CHARGED[job["charged"]]),
        ("caller", job["caller"]),
        ("favorite", "yes" if job.get("favorite") else None),
        ("tags", ", ".join(job.get("tags") or ())),
        ("shared until", job.get("shared_until")),
        ("batch", job.get("batch_id")),
        ("chain", chain and f"{chain['status']}: {chain['message']}".removesuffix(": None")),
        *(
            (f"step {step['step'] + 1}", f"{step['status']} {step['job_id'] or ''}".strip())
            for step in (chain or {}).get("steps", ())
        ),
        ("prediction", job["prediction_id"]),
        ("checks", job["checks"]),
        *((name.removesuffix("_at"), time) for name, time in job["timings"].items()),
        *(("asset", f"s3://{asset['bucket']}/{asset['key']}") for asset in job["assets"]),
    ]
    yield from ([name, str(value)] for name, value in fields if value not in (None, "", {}))


def _request(job: Json) -> Json:
    """Return the request of an earlier job; raises CliError if the job does not contain it."""
    if job.get("erasing_at"):
        raise CliError(Exit.BAD_REQUEST, "The job cannot be retried: its content was erased.")
    if job["operation"] == "model":
        if job["references"]:
            message = "The job cannot be retried: its record has no complete references."
            raise CliError(Exit.BAD_REQUEST, message, "Submit the original request again.")
        return {"model": job["model"], "input": job["input"]}
    request: Json = {"operation": job["operation"], **job["input"]}
    if job["references"]:
        if any(reference.startswith("https://") for reference in job["references"]):
            # A query string may be a signature, so the API does not return it.
            message = "The job cannot be retried: its reference URLs have no query strings."
            hint = "Submit the request again with: darkroom edit URL --prompt …"
            raise CliError(Exit.BAD_REQUEST, message, hint)
        request["images"] = job["references"]
    return request
