"""JSON logs with the job id on each line, EMF metrics, and crash reports without secrets."""

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

# All functions share one log group, so every line names its function.
logger = Logger(function_name=settings.function_name())

type Handler = Callable[[dict[str, Any], LambdaContext], dict[str, Any]]


class CrashError(Exception):
    """A crash without the original error's message."""


class PowertoolsMetrics:
    """The port Metrics, as CloudWatch embedded metrics (EMF)."""

    def count(self, name: str, value: float = 1, unit: str = "Count", **dimensions: str) -> None:
        """Add a value to a metric."""
        with single_metric(name=name, unit=MetricUnit(unit), value=value) as metric:
            for key, dimension in dimensions.items():
                metric.add_dimension(name=key, value=dimension)


def observed(*builds: Callable[[], object]) -> Callable[[Handler], Handler]:
    """Add a correlation id to the logs of a handler, and make its exceptions safe to report.

    On Lambda, the use cases of `builds` are built during initialization, when a function has a full
    CPU at any memory size.

    An exception's message may quote a prompt or a presigned URL, and Step Functions stores it in
    the execution's history. So the log has only the exception's type and stack, and the error that
    is raised has only the type.
    """
    if settings.is_on_lambda():
        for build in builds:
            build()

    def decorate(handler: Handler) -> Handler:
        @functools.wraps(handler)
        def wrapper(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
            # httpx logs every URL, including presigned URLs.
            logging.getLogger("httpx").setLevel(logging.WARNING)
            logger.append_keys(function_request_id=context.aws_request_id)
            correlate(event.get("job_id"))
            try:
                return handler(event, context)
            except Exception as error:
                log_crash(error)
                raise CrashError(describe(error)) from None
            finally:
                logger.remove_keys(["function_request_id"])

        return wrapper

    return decorate


def log_crash(error: Exception) -> None:
    """Log the type and the stack of a crash, without its message."""
    frames = [
        f"{frame.filename.rsplit('/darkroom/')[-1]}:{frame.lineno} {frame.name}"
        for frame in traceback.extract_tb(error.__traceback__)
    ]
    # logger.exception would log the message.
    logger.error("crashed", error=describe(error), at=frames)


def log_stale_value(error: Exception) -> None:
    """Log that a cached value stays in use, because it could not be read again."""
    logger.warning("stale value", error=describe(error))


def log_lost_entry(entry: dict[str, Any], error: Exception) -> None:
    """Log an audit entry that could not be written to the audit log."""
    logger.error("audit entry not written", entry=entry, error=describe(error))


def log_failed_quote(error: Exception) -> None:
    """Log that published prices are used, because a quote could not be requested."""
    logger.warning("no quote", error=describe(error))


def correlate(job_id: str | None) -> None:
    """Add the job id to every following log line."""
    logger.set_correlation_id(job_id)


def describe(error: Exception) -> str:
    """Return the type of an error, or the operation and code of an AWS error."""
    if isinstance(error, ClientError):
        return f"{error.operation_name}: {error.response['Error']['Code']}"
    return type(error).__name__
