"""The retries of a task, as Step Functions runs them."""

from typing import Any

import botocore.session

_INVOKE = botocore.session.get_session().get_service_model("lambda").operation_model("Invoke")
# Step Functions reports an error of Lambda as `Lambda.<name>`. Throttled calls have status 429.
THROTTLING_ERRORS = {
    f"Lambda.{error.name}"
    for error in _INVOKE.error_shapes
    if error.metadata.get("error", {}).get("httpStatusCode") == 429
}


def longest_duration(task: dict[str, Any]) -> int:
    """Return the longest duration of one visit, in seconds: throttling, then only timeouts.

    `MaxAttempts` is the number of retries, and each retrier counts its own.
    """
    throttled, crashed = task["Retry"]
    retries = crashed["MaxAttempts"]
    return int(
        throttled["MaxAttempts"] * throttled["MaxDelaySeconds"]
        + retries * crashed["MaxDelaySeconds"]
        + (retries + 1) * task["TimeoutSeconds"]
    )
