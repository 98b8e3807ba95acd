"""Logs and metrics: JSON lines with the job id on each, EMF, and crashes that tell no secrets."""

import functools
import logging
import traceback
from collections.abc import Callable
from typing import Any

from aws_lambda_powertools import Logger, single_metric
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.exceptions import ClientError

from darkroom import settings

logger = Logger()

type Handler = Callable[[dict[str, Any], LambdaContext], dict[str, Any]]


class CrashError(Exception):
    """A crash, told without the words of the error that caused it."""


class PowertoolsMetrics:
    """The port Metrics as CloudWatch embedded metrics."""

    def count(self, name: str, value: float = 1, unit: str = "Count", **dimensions: str) -> None:
        """Add to a metric."""
        with single_metric(name=name, unit=MetricUnit(unit), value=value) as metric:
            for key, dimension in dimensions.items():
                metric.add_dimension(name=key, value=dimension)


def observed(*builds: Callable[[], object]) -> Callable[[Handler], Handler]:
    """Give every line of a handler a correlation id, and make crashes safe to tell.

    What it `builds` on use is built on Lambda before its first event, when a function has whole
    processors whatever its memory, and can be put into a snapshot.

    An exception's message may quote a prompt or a signed URL, and Step Functions keeps it in the
    execution's history; so its kind and place are logged, and only its kind is passed on.
    """
    if settings.is_on_lambda():
        for build in builds:
            build()

    def decorate(handler: Handler) -> Handler:
        @functools.wraps(handler)
        def wrapper(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
            # httpx logs every URL it calls, presigned ones too.
            logging.getLogger("httpx").setLevel(logging.WARNING)
            logger.append_keys(function_request_id=context.aws_request_id)
            correlate(event.get("job_id"))
            try:
                return handler(event, context)
            except Exception as error:
                tell_crash(error)
                raise CrashError(describe(error)) from None
            finally:
                logger.remove_keys(["function_request_id"])

        return wrapper

    return decorate


def tell_crash(error: Exception) -> None:
    """Log a crash by its kind and its place, and no word of its message."""
    places = [
        f"{frame.filename.rsplit('/darkroom/')[-1]}:{frame.lineno} {frame.name}"
        for frame in traceback.extract_tb(error.__traceback__)
    ]
    # Not logger.exception: it would print the message.
    logger.error("crashed", error=describe(error), at=places)


def correlate(job_id: str | None) -> None:
    """Put the job id on every line from here on."""
    logger.set_correlation_id(job_id)


def describe(error: Exception) -> str:
    """Return what `error` is, without its message."""
    if isinstance(error, ClientError):
        return f"{error.operation_name}: {error.response['Error']['Code']}"
    return type(error).__name__
