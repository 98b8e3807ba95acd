"""Route the workers of functions through a proxy by their environment variables."""

from collections.abc import Iterable, Mapping

from local.errors import LocalError
from local.stack import Stack
from reliability.functions import Functions, Variables
from reliability.http_messages import Request

AWS_URL = "AWS_ENDPOINT_URL"
PROVIDER_URL = "PROVIDER_URL"
# Only the first proxy of a chain is connected to the worker. It passes the function's name on.
FUNCTION_HEADER = "x-reliability-function"


def routes(
    functions: Functions, names: Iterable[str], urls: Mapping[str, str]
) -> dict[str, Variables]:
    """Return, by function, the variables that route its calls to these URLs.

    Functions that do not call the provider get no PROVIDER_URL.
    """
    used = {name: {AWS_URL, *functions.variables(name)} for name in names}
    return {
        name: {variable: url for variable, url in urls.items() if variable in variables}
        for name, variables in used.items()
    }


def aws_url(functions: Functions, names: Iterable[str], stack: Stack) -> str:
    """Return the AWS endpoint of these functions: the emulator, or a proxy if already routed.

    Raise LocalError if they differ.
    """
    urls = {functions.variables(name).get(AWS_URL, stack.emulator_url) for name in names}
    if len(urls) != 1:
        raise LocalError("these functions do not all use the same AWS endpoint")
    return urls.pop()


def named_function(request: Request) -> str | None:
    """Return the function that an earlier proxy has named, or None."""
    return request.header(FUNCTION_HEADER) or None
