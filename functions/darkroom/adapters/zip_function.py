"""ZipBatchFunction, invoked without waiting for its result."""

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient


class AsyncZipFunction:
    """Port `ZipFunction` over an asynchronous invocation, which Lambda repeats after an error."""

    def __init__(self, client: "LambdaClient", name: str) -> None:
        self._client = client
        self._name = name

    def start(self, batch_id: str, number: int) -> None:
        """Start to write a part."""
        payload = json.dumps({"batch_id": batch_id, "number": number})
        self._client.invoke(FunctionName=self._name, InvocationType="Event", Payload=payload)
