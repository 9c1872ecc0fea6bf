"""What the hub knows of each client between its connections."""

from dataclasses import dataclass, field

from local_azure.edge_hub.connection import Connection
from local_azure.edge_hub.mqtt import Publish
from local_azure.edge_hub.mqtt import publish as publish_packet
from local_azure.edge_hub.store import QueuedMessage

_LAST_PACKET_ID = 0xFFFF


@dataclass
class Session:
    """A module's session; it outlives connections, and its filters outlive the hub.

    The SDK subscribes once in the life of a client, never again after a reconnect, and relies
    on the hub to remember (Azure/iotedge, class `SessionStateStoragePersistenceProvider`).

    Attributes:
        filters: subscriptions, each with the QoS granted.
        connection: the present one, if any.
        in_flight: deliveries sent and not yet acknowledged, by packet id.
        expires_at: end of the present token, seconds since the epoch.
        active_at: when it last connected or sent something, since the hub started; 0 for never.
    """

    device_id: str
    module_id: str
    filters: dict[str, int] = field(default_factory=dict)
    connection: Connection | None = None
    in_flight: dict[int, QueuedMessage] = field(default_factory=dict)
    expires_at: float = 0.0
    active_at: float = 0.0
    _packet_id: int = 0

    @property
    def client_id(self) -> str:
        """The MQTT client id."""
        return f"{self.device_id}/{self.module_id}"

    def listens_to(self, topic_filter: str) -> bool:
        """Say whether the module is connected and subscribed to exactly this filter."""
        return self.connection is not None and topic_filter in self.filters

    def send(self, topic: str, payload: bytes) -> None:
        """Send at QoS 0, if connected: twins and methods are requests that their caller repeats."""
        if self.connection is not None:
            self.connection.write(publish_packet(Publish(topic, payload, qos=0, packet_id=0)))

    def deliver(self, delivery: QueuedMessage) -> None:
        """Send at QoS 1 and remember it until it is acknowledged."""
        packet_id = self._next_packet_id()
        self.in_flight[packet_id] = delivery
        self._send_delivery(packet_id, delivery, duplicate=False)

    def redeliver(self) -> None:
        """Send again, after a reconnect, what was never acknowledged (MQTT 3.1.1, 4.4)."""
        for packet_id, delivery in self.in_flight.items():
            self._send_delivery(packet_id, delivery, duplicate=True)

    def _send_delivery(self, packet_id: int, delivery: QueuedMessage, *, duplicate: bool) -> None:
        if self.connection is not None:
            message = Publish(delivery.topic, delivery.body, 1, packet_id, duplicate)
            self.connection.write(publish_packet(message))

    def _next_packet_id(self) -> int:
        while True:
            self._packet_id = self._packet_id % _LAST_PACKET_ID + 1
            if self._packet_id not in self.in_flight:
                return self._packet_id
