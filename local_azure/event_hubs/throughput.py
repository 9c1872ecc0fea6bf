"""Throughput units: how much a namespace takes in, and what it says beyond. Pure.

Source: event-hubs-scalability ("Throughput units"): 1 MB or 1,000 events a second in for each unit, whichever comes
first; beyond, ServerBusy. The text of it is the service's (Azure/azure-webjobs-sdk, issue 1434), the wait of 4 seconds
the SDK's too (`CUSTOM_CONDITION_BACKOFF` of azure-eventhub 5.15).
"""

from local_azure.event_hubs.amqp.errors import AmqpError

EVENTS_PER_UNIT = 1000
BYTES_PER_UNIT = 1024 * 1024

SERVER_BUSY = "com.microsoft:server-busy"


def server_busy() -> AmqpError:
    """Return what a throttled producer is answered."""
    return AmqpError(
        SERVER_BUSY,
        "The request was terminated because the entity is being throttled. Error code : 50002. "
        "Please wait 4 seconds and try again.",
    )


class Throughput:
    """Counts what came in, in windows of one second.

    A publication is taken while the current window has anything left, and what goes over is owed to the next ones: so
    a batch larger than a second's worth gets in, and the mean is what was bought.

    Attributes:
        units: throughput units of the namespace; 0 for no limit.
    """

    def __init__(self, units: float) -> None:
        self.units = units
        self._window = 0
        self._events = 0.0
        self._bytes = 0.0

    def admit(self, events: int, size: int, now: float) -> bool:
        """Take a publication into account, or say no.

        Args:
            events: how many.
            size: in bytes.
            now: seconds on a clock that doesn't go back.
        """
        if not self.units:
            return True
        most_events, most_bytes = EVENTS_PER_UNIT * self.units, BYTES_PER_UNIT * self.units
        passed = int(now) - self._window
        if passed:
            self._window = int(now)
            self._events = max(0.0, self._events - passed * most_events)
            self._bytes = max(0.0, self._bytes - passed * most_bytes)
        if self._events >= most_events or self._bytes >= most_bytes:
            return False
        self._events += events
        self._bytes += size
        return True
