"""AWS list prices in USD: us-east-1, arm64, 2026-11, without the free tier."""

TRANSITION = 25 / 1e6  # Step Functions Standard
LAMBDA_SECOND = 0.0000133334 / 1024  # per MB and second
LAMBDA_REQUEST = 0.20 / 1e6
WRITE_UNIT, READ_UNIT = 0.625 / 1e6, 0.125 / 1e6  # DynamoDB on demand
EVENT = 1.00 / 1e6
S3_PUT, S3_GET = 0.005 / 1e3, 0.0004 / 1e3
API_CALL = 3.50 / 1e6
LOG_BYTE = 0.50 / 1e9


def function(megabytes: float, seconds: float, invocations: float = 1) -> float:
    """Return the USD for invocations of a function that take `seconds` in total."""
    return megabytes * seconds * LAMBDA_SECOND + invocations * LAMBDA_REQUEST
