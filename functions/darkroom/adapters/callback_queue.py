"""The queue of callbacks on SQS."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient


class SqsCallbackQueue:
    """Port `CallbackQueue`. A message that is received too often moves to the dead letters."""

    def __init__(self, client: "SQSClient", url: str) -> None:
        self._client = client
        self._url = url

    def defer(self, receipt: str, seconds: int) -> None:
        """Hide a received message for `seconds`."""
        self._client.change_message_visibility(
            QueueUrl=self._url, ReceiptHandle=receipt, VisibilityTimeout=seconds
        )
