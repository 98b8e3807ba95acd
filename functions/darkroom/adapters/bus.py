"""Events on the deployment's own EventBridge bus."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient

    from darkroom.domain.events import Event

SOURCE = "darkroom"


class NotPublishedError(Exception):
    """The bus did not take an event; the step is to be tried again."""


class Bus:
    """The port Events over EventBridge."""

    def __init__(self, client: "EventBridgeClient", bus: str) -> None:
        self._client = client
        self._bus = bus

    def publish(self, event: "Event") -> None:
        """Put the event on the bus; raises NotPublishedError if the bus did not take it."""
        answer = self._client.put_events(
            Entries=[
                {
                    "EventBusName": self._bus,
                    "Source": SOURCE,
                    "DetailType": type(event).__name__,
                    "Detail": event.model_dump_json(),
                }
            ]
        )
        # A refused entry does not fail the call.
        if answer["FailedEntryCount"]:
            raise NotPublishedError(answer["Entries"][0].get("ErrorCode", "no reason given"))
