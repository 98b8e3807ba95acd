"""The MCP server: tools that call a deployment. Needs the extra `mcp` of the package."""

import base64
import inspect
import io
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from importlib.metadata import version
from typing import Annotated, Any

from anyio import from_thread
from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.mcpserver.tools import Tool
from mcp_types import ImageContent, TextContent, ToolAnnotations
from pydantic import Field

from darkroom_cli import options, requests, waiting
from darkroom_cli.client import LONG_POLL_SECONDS, Client, Json
from darkroom_cli.commands import jobs
from darkroom_cli.errors import CliError
from darkroom_cli.requests import SETTINGS, Settings
from darkroom_cli.show import usd

type Content = list[ImageContent | TextContent]

# Bytes of all images of a result. Base64 is a third longer, and some clients accept at most 1 MB.
_MAX_IMAGE_BYTES = 700_000
_SHOWN = frozenset({"image/png", "image/jpeg", "image/webp", "image/gif"})
_DOWNLOAD_ATTEMPTS = 5  # one a second, because a thumbnail is made after the job has ended
# Requests whose prices are in the descriptions of the tools.
_PRICED = ({"quality": "low"}, {"quality": "medium"}, {"quality": "high", "resolution": "4k"})

PromptText = Annotated[str, Field(description="What the image shows, or what to change.")]
# Many clients stop waiting for a tool after 60 seconds.
WaitSeconds = Annotated[
    int,
    Field(ge=0, le=300, description="Maximum wait for the job, which continues after it."),
]
JobIdText = Annotated[str, Field(description="The id of the job.")]
Images = Annotated[
    list[str],
    Field(
        description="1 to 16 images: paths of PNG, JPEG or WebP files on this machine, which are "
        "uploaded, or references: https://, s3:// of an earlier job, upload:"
    ),
]


def create(client: Client) -> MCPServer[Any]:
    """Return a server whose tools use the client. Raises CliError if the API refuses the key.

    Tools that create jobs are left out if the key cannot create any.
    """
    tools = _Tools(client)
    me = client.get("/v1/me")
    budget = _budget(me)
    read = ToolAnnotations(read_only_hint=True, open_world_hint=False)
    paid = ToolAnnotations(read_only_hint=False, destructive_hint=False, open_world_hint=True)
    registered: list[tuple[Callable[..., Any], str, ToolAnnotations]] = [
        (tools.estimate, "Starts nothing and is free.", read),
        (tools.get_job, "Free.", read),
        (tools.list_jobs, "Free.", read),
        (tools.list_presets, "Free.", read),
    ]
    if me["can_submit"]:
        new, edited = (_prices(client, images) for images in (0, 1))
        registered += [
            (tools.generate, f"Paid: {new}. {budget}", paid),
            (tools.edit, f"Paid, with one image: {edited}. {budget}", paid),
            (tools.run_model, f"Paid: call estimate for the price. {budget}", paid),
        ]
    return MCPServer(
        "darkroom",
        version=version("darkroom"),
        instructions=f"Images as durable jobs. Every image costs money. {budget}",
        tools=[_tool(*each) for each in registered],
        # At INFO, the HTTP client logs presigned URLs.
        log_level="WARNING",
    )


class _Tools:
    """The tools. Their docstrings are the descriptions that a client reads."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def estimate(
        self,
        settings: Settings,
        images: Annotated[
            int, Field(ge=0, le=16, description="Number of images to edit; 0 for a new image.")
        ] = 0,
        model: Annotated[str | None, Field(description="The id of another model.")] = None,
        model_input: Annotated[
            dict[str, Any] | None, Field(description="The input of the other model.")
        ] = None,
    ) -> str:
        """Return the price of an image, or of a run of another model."""
        request: Json = {"operation": "text-to-image", "prompt": "x", **settings}
        request = requests.with_placeholders(request, images)
        if model is not None:
            request = {"model": model, "input": model_input or {}}
        estimate = self._client.post("/v1/estimates", request)
        return f"{usd(estimate['estimated_cost_micro_usd'])}\n{_budget(self._client.get('/v1/me'))}"

    def generate(
        self,
        context: Context,
        prompt: PromptText,
        settings: Settings,
        wait_seconds: WaitSeconds = 50,
    ) -> Content:
        """Generate an image from a prompt with GPT Image 2."""
        request = {"operation": "text-to-image", "prompt": prompt, **settings}
        return self._run(context, request, wait_seconds)

    def edit(
        self,
        context: Context,
        images: Images,
        prompt: PromptText,
        settings: Settings,
        wait_seconds: WaitSeconds = 50,
    ) -> Content:
        """Edit images with a prompt with GPT Image 2."""
        references = requests.references(self._client, images)
        request = {"operation": "edit", "prompt": prompt, "images": references, **settings}
        return self._run(context, request, wait_seconds)

    def run_model(
        self,
        context: Context,
        model: Annotated[str, Field(description="The id of a WaveSpeedAI model.")],
        model_input: Annotated[dict[str, Any], Field(description="Its input, as it documents.")],
        wait_seconds: WaitSeconds = 50,
    ) -> Content:
        """Run any model of WaveSpeedAI. Its output can be an image, a video, audio or a text."""
        return self._run(context, {"model": model, "input": model_input}, wait_seconds)

    def get_job(
        self, context: Context, job_id: JobIdText, wait_seconds: WaitSeconds = 0
    ) -> Content:
        """Return the state of a job, and its images once it has completed."""
        options.check_id(job_id)
        job = self._wait(context, self._client.get(f"/v1/jobs/{job_id}"), wait_seconds)
        return self._result(job)

    def list_jobs(
        self,
        status: Annotated[
            str | None, Field(description="queued, submitting, submitted, completed or failed.")
        ] = None,
        text: Annotated[str | None, Field(description="A text in the prompt.")] = None,
        limit: Annotated[int, Field(ge=1, le=100, description="Maximum number of jobs.")] = 20,
    ) -> str:
        """List jobs, newest first, as tab-separated lines."""
        page = self._client.get("/v1/jobs", status=status, text=text, limit=limit)
        return "\n".join("\t".join(row) for row in [jobs.COLUMNS, *map(jobs.row, page["jobs"])])

    def list_presets(self) -> str:
        """List the presets of the inbox, which are prompts with image settings."""
        presets = self._client.get("/v1/presets")["presets"]
        return "\n".join(f"{name}: {_fields(presets[name])}" for name in sorted(presets))

    def _run(self, context: Context, request: Json, wait_seconds: int) -> Content:
        """Create a job and wait for it; raises CliError if it fails."""
        job = self._wait(context, self._client.post("/v1/jobs", request), wait_seconds)
        waiting.raise_if_failed(job)
        return self._result(job)

    def _wait(self, context: Context, job: Json, seconds: int) -> Json:
        """Return the job after its end or after so many seconds, and report the progress.

        Stops waiting if the client has canceled the call. The job continues.
        """
        start = time.monotonic()
        while job["status"] not in waiting.ENDED:
            passed = time.monotonic() - start
            if seconds - passed < 1:
                break
            from_thread.check_cancelled()
            from_thread.run(context.report_progress, passed, seconds, job["status"])
            wait = min(LONG_POLL_SECONDS, int(seconds - passed))
            job = self._client.get(f"/v1/jobs/{job['job_id']}", wait=wait)
        return job

    def _result(self, job: Json) -> Content:
        """Return the images of a job, and a text with its locations and its price."""
        images = [
            image for asset in job["assets"] if (image := self._image(asset, len(job["assets"])))
        ]
        lines = [waiting.summary(job)]
        if job["failure"]:
            lines.append(f"{job['failure']['code']}: {job['failure']['message']}")
        lines += [
            f"s3://{asset['bucket']}/{asset['key']} ({asset['content_type']})"
            for asset in job["assets"]
        ]
        if job["status"] not in waiting.ENDED:
            lines.append(f"The job continues. Call get_job with {job['job_id']}.")
        elif job["assets"]:
            lines.append(f"To save the full size: darkroom jobs open {job['job_id']}")
        with suppress(CliError):  # the job is paid; its result is worth more than this line
            lines.append(_budget(self._client.get("/v1/me")))
        return [*images, TextContent(text="\n".join(lines))]

    def _image(self, asset: Json, count: int) -> ImageContent | None:
        """Return one of so many images of a result, or its thumbnail if it is too large."""
        url, content_type = asset["thumbnail_url"], "image/webp"
        if asset["content_type"] in _SHOWN and asset["size"] <= _MAX_IMAGE_BYTES // count:
            url, content_type = asset["url"], asset["content_type"]
        for _ in range(_DOWNLOAD_ATTEMPTS if url else 0):
            file = io.BytesIO()
            try:
                self._client.download(url, file)
            except CliError:
                time.sleep(1)
                continue
            data = base64.b64encode(file.getvalue()).decode()
            return ImageContent(data=data, mime_type=content_type)
        return None


def _tool(function: Callable[..., Any], cost: str, annotations: ToolAnnotations) -> Tool:
    """Return a tool that refuses unknown arguments: a misspelled setting would cost money."""
    tool = Tool.from_function(
        _flattened(function),
        description=f"{inspect.getdoc(function)} {cost}",
        annotations=annotations,
        structured_output=False,
    )
    arguments = tool.fn_metadata.arg_model
    arguments.model_config["extra"] = "forbid"
    arguments.model_rebuild(force=True)
    tool.parameters = arguments.model_json_schema(by_alias=True)
    return tool


def _flattened(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function with one parameter for each image setting, and with ToolErrors."""
    declared = inspect.signature(function, eval_str=True).parameters.values()

    def run(**arguments: Any) -> Any:
        if any(parameter.annotation is Settings for parameter in declared):
            arguments["settings"] = Settings.taken_from(arguments)
        try:
            return function(**arguments)
        except CliError as error:
            raise ToolError(" ".join(filter(None, (error.message, error.hint)))) from None

    parameters = [flat for parameter in declared for flat in _flat(parameter)]
    run.__name__ = function.__name__
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {each.name: each.annotation for each in parameters}
    return run


def _flat(parameter: inspect.Parameter) -> Iterator[inspect.Parameter]:
    if parameter.annotation is not Settings:
        yield parameter.replace(kind=parameter.KEYWORD_ONLY)
        return
    for name, option in SETTINGS.items():
        annotation = Annotated[str | None, Field(description=option.help)]
        yield inspect.Parameter(name, parameter.KEYWORD_ONLY, default=None, annotation=annotation)


def _prices(client: Client, images: int) -> str:
    """Return the prices of some settings in words."""
    prices = []
    for settings in _PRICED:
        request: Json = {"operation": "text-to-image", "prompt": "x", **settings}
        try:
            estimate = client.post("/v1/estimates", requests.with_placeholders(request, images))
        except CliError:  # the tools work without it
            return "call estimate for the price"
        prices.append(f"{' '.join(settings.values())} {usd(estimate['estimated_cost_micro_usd'])}")
    return ", ".join(prices)


def _budget(me: Json) -> str:
    """Return in words what remains of the budgets of the caller and of the deployment."""
    left = [me[name] for name in ("left_micro_usd", "stack_left_micro_usd") if me[name] is not None]
    return f"Budget left today: {usd(min(left))}." if left else "There is no daily budget."


def _fields(preset: Json) -> str:
    fields = {name: preset.get(name) for name in ("prompt", *SETTINGS)}
    fields["further steps"] = len(preset.get("then", ()))
    return ", ".join(f"{name} {value}" for name, value in fields.items() if value)
