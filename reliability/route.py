"""Leads the workers of some functions through a proxy of ours."""

from collections.abc import Iterable, Mapping

from local.errors import LocalError
from local.stack import Stack
from reliability.functions import Functions, Variables
from reliability.http_messages import Request

AWS = "AWS_ENDPOINT_URL"
PROVIDER = "PROVIDER_URL"
# One proxy tells the next whose request it is: only the first is connected to the worker.
FUNCTION = "x-reliability-function"


def routes(
    functions: Functions, names: Iterable[str], urls: Mapping[str, str]
) -> dict[str, Variables]:
    """The variables that make functions find AWS, and the provider if they ask it, elsewhere."""
    asks = {name: {AWS, *functions.variables(name)} for name in names}
    return {
        name: {key: url for key, url in urls.items() if key in known}
        for name, known in asks.items()
    }


def upstream(functions: Functions, names: Iterable[str], stack: Stack) -> str:
    """Where these functions find AWS now, which is another proxy when they are routed already."""
    urls = {functions.variables(name).get(AWS, stack.emulator_url) for name in names}
    if len(urls) != 1:
        raise LocalError("these functions do not all find AWS at the same place")
    return urls.pop()


def asker(request: Request) -> str | None:
    """The function that a proxy before this one has named."""
    return request.header(FUNCTION) or None
