"""The command that serves a deployment to MCP clients."""

import typer

from darkroom_cli.errors import CliError, Exit
from darkroom_cli.options import KEY, URL
from darkroom_cli.session import connect

top = typer.Typer()


@top.command("mcp")
def serve(url: URL = None, key: KEY = None) -> None:
    """Serve the deployment to an MCP client, such as an assistant, over stdin and stdout."""
    try:
        from darkroom_cli import mcp_server
    except ModuleNotFoundError as error:
        message = f"darkroom mcp needs a package that is not installed: {error.name}."
        hint = 'Install the extra, in a checkout: pipx install --force ".[mcp]"'
        raise CliError(Exit.USAGE, message, hint) from None
    with connect(url, key) as client:
        mcp_server.create(client).run()
