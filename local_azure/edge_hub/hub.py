"""The hub: who may connect, what becomes of each packet, and the servers that listen."""

import asyncio
import logging
import socket
import ssl
import time
from collections.abc import Callable
from pathlib import Path

from local_azure.edge_hub import authentication, mqtt
from local_azure.edge_hub.certificates import Certificates
from local_azure.edge_hub.connection import Connection
from local_azure.edge_hub.deployment_operations import INTERVAL_SECONDS, DeploymentOperations
from local_azure.edge_hub.event_hub_routing import EventHubRouting, Sender
from local_azure.edge_hub.faults import Faults
from local_azure.edge_hub.message_routing import MessageRouting
from local_azure.edge_hub.messages import inputs_filter, read_event
from local_azure.edge_hub.methods import REQUESTS_FILTER, RESPONSE_PREFIX, DirectMethods
from local_azure.edge_hub.queues import Queues
from local_azure.edge_hub.sessions import Session
from local_azure.edge_hub.store import Store
from local_azure.edge_hub.twin_operations import (
    CHANGES_FILTER,
    REQUEST_PREFIX,
    RESPONSES_FILTER,
    TwinOperations,
)
from local_azure.http_server import Handler, serve_client
from storeflow.errors import StorageError
from storeflow.iot_hub.message import MAX_MESSAGE_BYTES
from storeflow.iot_hub.routes import select

LOG = logging.getLogger(__name__)

HOUSEKEEPING_SECONDS = 1.0
"""How often overdue messages and expired tokens are looked for; edgeHub checks tokens every 5 minutes."""


class EdgeHub:
    """The stand-in for one device's edgeHub, and for the IoT Hub behind it.

    Args:
        window: messages in flight for each module; edgeHub's is 1.
        deployment_seconds: between two looks at whether the twins are as the deployments ask for.

    Attributes:
        failure: completes with the error when the disk refuses; the process should end then.
        routing: what forwards to event hubs, if anything does.
    """

    def __init__(
        self,
        device_id: str,
        store: Store,
        master_key: bytes,
        window: int = 1,
        deployment_seconds: float = INTERVAL_SECONDS,
    ) -> None:
        self.device_id = device_id
        self.store = store
        self.faults = Faults()
        self.methods = DirectMethods()
        self.failure: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._master_key = master_key
        self._sessions: dict[str, Session] = {}
        for client_id, filters in store.sessions().items():
            module_id = client_id.rpartition("/")[2]
            self._sessions[module_id] = Session(device_id, module_id, filters)
        self.twins = TwinOperations(store, self.session)
        for module_id in self._sessions:
            self.twins.register(module_id)
        self.deployments = DeploymentOperations(store, self.twins, device_id)
        self._deployment_seconds = deployment_seconds
        self.queues = Queues(store, window, self.session, self._fail)
        self.routing: EventHubRouting | None = None
        self._servers: list[asyncio.Server] = []
        self._housekeeper = asyncio.create_task(self._keep_house())

    def session(self, module_id: str) -> Session:
        """Return a module's session, a new one for a module not seen before."""
        return self._sessions.setdefault(module_id, Session(self.device_id, module_id))

    def seen(self, module_id: str) -> Session | None:
        """Return a module's session if it was seen before."""
        return self._sessions.get(module_id)

    def sessions(self) -> list[Session]:
        """Return the sessions of all modules seen so far."""
        return list(self._sessions.values())

    def route(self, routing: MessageRouting, senders: Callable[[str], Sender]) -> None:
        """Forward what IoT Hub takes in, and what the store has of it, to event hubs from now on."""
        self.routing = EventHubRouting(self.store, self.device_id, routing, senders, self._fail)
        self.queues.on_upstream = self.routing.wake

    def drop_connections(self, module_id: str = "") -> int:
        """Cut the connection of a module, or of all; returns how many there were."""
        connections = [
            session.connection
            for session in self._sessions.values()
            if session.connection is not None and module_id in ("", session.module_id)
        ]
        for connection in connections:
            connection.close()
        return len(connections)

    # What a connection calls.

    def on_connect(self, connection: Connection, connect: mqtt.Connect) -> None:
        """Check who it is; a session taken over ends the older connection (MQTT 3.1.1, 3.1.4)."""
        module_id = connect.client_id.rpartition("/")[2]
        try:
            identity = self._admit(connect, self._token_time(module_id))
        except authentication.AuthenticationError as error:
            LOG.warning("%s refused: %s", connect.client_id, error)
            connection.refuse(mqtt.NOT_AUTHORISED)
            return
        if self.faults.refuse_connect and self.faults.applies_to(module_id):
            connection.refuse(self.faults.refuse_connect)
            return
        self.twins.register(module_id)
        session = self.session(module_id)
        if connect.clean_session or self.faults.take("wipe_session", module_id):
            session.filters.clear()
            session.in_flight.clear()
            self.store.put_session(session.client_id, session.filters)
        if session.connection is not None:
            LOG.warning("%s connected a second time; the older connection ends", session.client_id)
            session.connection.close()
        session.connection, session.expires_at = connection, identity.expires_at
        session.active_at = time.time()
        connection.client_id = session.client_id
        connection.acknowledges_at_once = not (self.faults.delayed_ack and self.faults.applies_to(module_id))
        self.queues.counts["connects"] += 1
        connection.write(mqtt.connack(mqtt.ACCEPTED, session_present=bool(session.filters)))
        self.queues.resume(session)

    def on_publish(self, connection: Connection, message: mqtt.Publish) -> None:
        """Route a message, or answer a twin request or a method's caller."""
        session = self._session_of(connection)
        session.active_at = time.time()
        if message.topic.startswith(REQUEST_PREFIX):
            unanswered = self.faults.no_twin_answer and self.faults.applies_to(session.module_id)
            taken = unanswered or self.twins.handle(session, message.topic, message.payload)
        elif message.topic.startswith(RESPONSE_PREFIX):
            self.methods.on_response(message.topic, message.payload)
            taken = True
        else:
            taken = self._route(session, message)
        if not taken:
            LOG.warning("closing: %s may not publish on %s", session.client_id, message.topic)
            connection.close()
        elif message.qos:
            self._acknowledge(connection, session.module_id, message.packet_id)

    def on_puback(self, connection: Connection, packet_id: int) -> None:
        """Strike off a delivery."""
        self.queues.delivered(self._session_of(connection), packet_id)

    def on_subscribe(self, connection: Connection, packet_id: int, filters: list[tuple[str, int]]) -> None:
        """Grant a module its own four subscriptions, at QoS 1 at most, and refuse others."""
        session = self._session_of(connection)
        own = (
            inputs_filter(session.device_id, session.module_id),
            RESPONSES_FILTER,
            CHANGES_FILTER,
            REQUESTS_FILTER,
        )
        granted = {name: min(qos, 1) for name, qos in filters if name in own}
        session.filters.update(granted)
        self.store.put_session(session.client_id, session.filters)
        codes = [granted.get(name, mqtt.SUBSCRIPTION_REFUSED) for name, _ in filters]
        connection.write(mqtt.suback(packet_id, codes))
        self.queues.pump(session)

    def on_unsubscribe(self, connection: Connection, packet_id: int, filters: list[str]) -> None:
        """End subscriptions."""
        session = self._session_of(connection)
        for name in filters:
            session.filters.pop(name, None)
        self.store.put_session(session.client_id, session.filters)
        connection.write(mqtt.unsuback(packet_id))

    def on_writable(self, connection: Connection) -> None:
        """Go on delivering."""
        if connection.client_id is not None:
            self.queues.pump(self._session_of(connection))

    def on_lost(self, connection: Connection) -> None:
        """Forget the connection, unless a newer one took its place."""
        if connection.client_id is not None:
            session = self._session_of(connection)
            if session.connection is connection:
                session.connection = None

    # Life.

    async def listen(self, gateway: socket.socket, certificates: Certificates) -> None:
        """Serve MQTT over TLS on a bound socket."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(certificates.chain, certificates.key)
        loop = asyncio.get_running_loop()
        self._servers.append(await loop.create_server(lambda: Connection(self), sock=gateway, ssl=context))

    async def listen_http(self, handler: Handler, address: socket.socket | Path) -> None:
        """Serve an HTTP API on a bound TCP socket or on a Unix socket at a path that is free."""

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await serve_client(reader, writer, handler)

        if isinstance(address, Path):
            server = await asyncio.start_unix_server(serve, address)
        else:
            server = await asyncio.start_server(serve, sock=address)
        self._servers.append(server)

    def close(self) -> None:
        """Stop listening, drop the clients and commit what is left."""
        self._housekeeper.cancel()
        if self.routing is not None:
            self.routing.close()
        for server in self._servers:
            server.close()
        self.drop_connections()
        self.queues.flush()
        self.store.close()

    def _token_time(self, module_id: str) -> float:
        return time.time() + self.faults.clock_ahead * self.faults.applies_to(module_id)

    def _admit(self, connect: mqtt.Connect, now: float) -> authentication.Identity:
        identity = authentication.authenticate(
            self._master_key, connect.client_id, connect.user_name, connect.password, now
        )
        if identity.device_id != self.device_id:
            raise authentication.AuthenticationError(f"this is device {self.device_id}")
        return identity

    def _session_of(self, connection: Connection) -> Session:
        return self.session((connection.client_id or "").rpartition("/")[2])

    def _route(self, session: Session, packet: mqtt.Publish) -> bool:
        message = read_event(session.device_id, session.module_id, packet.topic, packet.payload)
        if message is None:
            return False
        if message.size > MAX_MESSAGE_BYTES:
            # Logged, dropped and acknowledged, as edgeHub's MessagingServiceClient.cs does.
            LOG.warning("a message of %d bytes from %s was dropped", message.size, session.client_id)
            self.queues.counts["dropped_too_large"] += 1
        else:
            routes = select(self.twins.routes, message)
            self.queues.add(message, routes, self.twins.time_to_live_seconds)
        return True

    def _acknowledge(self, connection: Connection, module_id: str, packet_id: int) -> None:
        if self.faults.no_puback and self.faults.applies_to(module_id):
            return
        if self.faults.take("puback_lost", module_id):
            if self.faults.puback_lost == 0:
                # After the commit, which is already scheduled.
                asyncio.get_running_loop().call_soon(connection.close)
            return
        self.queues.acknowledge(connection, packet_id)

    def _fail(self, error: BaseException) -> None:
        if not self.failure.done():
            self.failure.set_exception(error)

    async def _keep_house(self) -> None:
        look_again_at = time.monotonic() + self._deployment_seconds
        while True:
            now = time.time()
            try:
                self.queues.expire(now)
                self.queues.forward()
                if time.monotonic() >= look_again_at:
                    look_again_at += self._deployment_seconds
                    self.deployments.evaluate()
            except StorageError as error:
                self._fail(error)
                return
            for session in self._sessions.values():
                if session.connection is not None and self.faults.take("lose_session", session.module_id):
                    session.filters.clear()
                    self.store.put_session(session.client_id, session.filters)
                if session.connection is not None and session.expires_at < self._token_time(session.module_id):
                    LOG.warning("the token of %s expired; its connection ends", session.client_id)
                    session.connection.close()
            await asyncio.sleep(HOUSEKEEPING_SECONDS)
