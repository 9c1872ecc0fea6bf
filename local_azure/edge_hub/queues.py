"""Store and forward: a message is on disk before its sender hears so, and stays until delivered.

Sources, Azure/iotedge, edge-hub/core/src: PUBACK after the message is stored, and one message in
flight for each module (`Microsoft.Azure.Devices.Edge.Hub.Core/routing/ModuleEndpoint.cs`,
`Microsoft.Azure.Devices.Routing.Core/endpoints/StoringAsyncEndpointExecutor.cs`, which also
empties the queues of higher priority first); time to live, of the route or else of
`storeAndForwardConfiguration`, counted from the message's arrival. This hub plays the part of IoT Hub too and
takes what goes to `$upstream` at once; while `cloud_away` is set it is kept in a queue like any module's, and leaves
by priority, then age, when the cloud is back (learn.microsoft.com/azure/iot-edge/offline-capabilities).

Not mimicked: a queue for each input of a module (here priorities hold across them all), `storeLimits`, a module that
stays connected and never acknowledges (edgeHub tries again after 30 s), and the growing pause, up to a minute, after
which edgeHub looks for a module that was away; here delivery goes on with the module's connect.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterable

from local_azure.edge_hub.connection import Connection
from local_azure.edge_hub.messages import input_topic, inputs_filter
from local_azure.edge_hub.mqtt import puback
from local_azure.edge_hub.sessions import Session
from local_azure.edge_hub.store import UPSTREAM, Outbound, QueuedMessage, Store, StoredMessage
from storeflow.errors import StorageError
from storeflow.iot_hub.message import Message
from storeflow.iot_hub.routes import Route

UPSTREAM_BATCH = 10
"""edgeHub's `MaxUpstreamBatchSize` (appsettings_hub.json)."""

UPSTREAM_RETENTION_SECONDS = 24 * 3600
"""How long IoT Hub's built-in endpoint keeps messages by default (iot-hub-devguide-messages-read-builtin)."""


class Queues:
    """Collects what one turn of the event loop brings, commits it at once, then acknowledges.

    Args:
        window: messages in flight for each module.
        sessions: finds a module's session.
        on_failure: called when the disk refuses; nothing was acknowledged then.
        clock: seconds since the epoch.

    Attributes:
        counts: what became of messages since the hub started.
        cloud_away: IoT Hub can't be reached.
        on_upstream: called when IoT Hub has taken something in.
    """

    def __init__(
        self,
        store: Store,
        window: int,
        sessions: Callable[[str], Session],
        on_failure: Callable[[StorageError], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.counts: Counter[str] = Counter()
        self.cloud_away = False
        self.on_upstream: Callable[[], None] = _nobody_waits
        self._store = store
        self._window = window
        self._sessions = sessions
        self._on_failure = on_failure
        self._clock = clock
        self._backlog = UPSTREAM in store.queue_lengths()
        self._deliveries: list[StoredMessage] = []
        self._outbound: list[Outbound] = []
        self._delivered: dict[int, str] = {}
        self._acknowledgements: list[tuple[Connection, int]] = []
        self._scheduled = False

    def add(self, message: Message, routes: Iterable[Route], time_to_live_seconds: int) -> None:
        """Take a message along its routes; without any it is dropped, and acknowledged all the same."""
        now = self._clock()
        routed = False
        for route in routes:
            routed = True
            seconds = route.time_to_live_seconds or time_to_live_seconds
            expires_at = now + seconds if seconds > 0 else None
            if route.endpoint.is_upstream:
                self._outbound.append(Outbound(message, route.priority, expires_at))
                continue
            module_id, input_name = route.endpoint.module_id, route.endpoint.input_name
            topic = input_topic(message.system["connectionDeviceId"], module_id, input_name, message)
            self._deliveries.append(StoredMessage(module_id, route.priority, topic, message.body, expires_at))
        self.counts["messages"] += 1
        self.counts["dropped_without_route"] += not routed
        self._schedule()

    def acknowledge(self, connection: Connection, packet_id: int) -> None:
        """Send a PUBACK after the next commit."""
        self._acknowledgements.append((connection, packet_id))
        self._schedule()

    def delivered(self, session: Session, packet_id: int) -> None:
        """Strike off what a module acknowledged; its next message follows the commit."""
        delivery = session.in_flight.pop(packet_id, None)
        if delivery is not None:
            self.counts["delivered"] += 1
            self._delivered[delivery.row_id] = session.module_id
            self._schedule()

    def pump(self, session: Session) -> None:
        """Send a module what waits for it, as far as the window lets."""
        connection = session.connection
        if connection is None or connection.write_paused:
            return
        if inputs_filter(session.device_id, session.module_id) not in session.filters:
            return
        now = self._clock()
        if any(item.expires_at and item.expires_at < now for item in self._waiting(session)):
            self.expire(now)
        for delivery in self._waiting(session):
            if len(session.in_flight) >= self._window:
                break
            session.deliver(delivery)

    def resume(self, session: Session) -> None:
        """After a reconnect, send again what was never acknowledged and isn't overdue, and go on."""
        now = self._clock()
        for packet_id, delivery in list(session.in_flight.items()):
            if delivery.expires_at is not None and delivery.expires_at < now:
                del session.in_flight[packet_id]
        session.redeliver()
        self.pump(session)

    def expire(self, now: float) -> None:
        """Drop what is older than its time to live."""
        self.counts["expired"] += self._store.expire(now, UPSTREAM_RETENTION_SECONDS)

    def flush(self) -> None:
        """Commit everything taken so far, then acknowledge it, then deliver."""
        self._scheduled = False
        deliveries, self._deliveries = self._deliveries, []
        outbound, self._outbound = self._outbound, []
        delivered, self._delivered = self._delivered, {}
        acknowledgements, self._acknowledgements = self._acknowledgements, []
        held = self.cloud_away or self._backlog
        upstream = [] if held else [item.message for item in outbound]
        waiting = outbound if held else []
        try:
            self._store.commit(
                deliveries=deliveries, delivered=delivered, upstream=upstream, outbound=waiting, now=self._clock()
            )
        except StorageError as error:
            self._on_failure(error)
            return
        self._count_upstream(len(upstream))
        self._backlog = self._backlog or bool(waiting)
        for connection, packet_id in acknowledgements:
            connection.write(puback(packet_id))
        for module_id in {*delivered.values(), *(delivery.module_id for delivery in deliveries)}:
            self.pump(self._sessions(module_id))

    def forward(self) -> None:
        """Let the cloud, if it is there, take in a batch of what waits for it, and see to the next."""
        if self.cloud_away or not self._backlog:
            return
        now = self._clock()
        try:
            self.expire(now)
            taken = self._store.forward(now, UPSTREAM_BATCH)
        except StorageError as error:
            self._on_failure(error)
            return
        self._count_upstream(taken)
        self._backlog = taken == UPSTREAM_BATCH
        if self._backlog:
            asyncio.get_running_loop().call_soon(self.forward)

    def _count_upstream(self, taken: int) -> None:
        self.counts["upstream"] += taken
        if taken:
            self.on_upstream()

    def _waiting(self, session: Session) -> list[QueuedMessage]:
        """Return the head of a module's queue without what is in flight or about to be struck off."""
        underway = {delivery.row_id for delivery in session.in_flight.values()} | self._delivered.keys()
        head = self._store.head(session.module_id, self._window + len(underway))
        return [delivery for delivery in head if delivery.row_id not in underway]

    def _schedule(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self.flush)


def _nobody_waits() -> None:
    """Do nothing: what IoT Hub took in stays where it is."""
