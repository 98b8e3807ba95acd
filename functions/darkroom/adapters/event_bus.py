"""Events on the deployment's EventBridge bus."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient

    from darkroom.domain.events import Event

SOURCE = "darkroom"


class NotPublishedError(Exception):
    """The bus rejected an event; the step must be retried."""


class EventBus:
    """Port `Events` on EventBridge."""

    def __init__(self, client: "EventBridgeClient", bus: str) -> None:
        self._client = client
        self._bus = bus

    def publish(self, event: "Event") -> None:
        """Put the event on the bus. Raises NotPublishedError if the bus rejected the event."""
        response = self._client.put_events(
            Entries=[
                {
                    "EventBusName": self._bus,
                    "Source": SOURCE,
                    "DetailType": type(event).__name__,
                    "Detail": event.model_dump_json(),
                }
            ]
        )
        # PutEvents succeeds even if it rejects an entry.
        if response["FailedEntryCount"]:
            raise NotPublishedError(response["Entries"][0].get("ErrorCode", "no reason given"))
