"""One client's TCP/TLS connection: packets in, calls to the hub out."""

import asyncio
import logging
import socket
from typing import Protocol

from local_azure.edge_hub import mqtt

LOG = logging.getLogger(__name__)

CONNECT_TIMEOUT_SECONDS = 60
"""edgeHub's `ConnectArrivalTimeout` (appsettings_hub.json, `mqttSettings`)."""

KEEP_ALIVE_GRACE = 1.5
"""MQTT 3.1.1, 3.1.2.10: a server ends a connection idle for one and a half keep-alives."""


_REFUSAL_SECONDS = 0.05


class PacketHandler(Protocol):
    """What a connection asks of the hub."""

    def on_connect(self, connection: "Connection", connect: mqtt.Connect) -> None:
        """Answer the CONNECT and, when accepted, set the connection's `client_id`."""

    def on_publish(self, connection: "Connection", message: mqtt.Publish) -> None:
        """Take a message."""

    def on_puback(self, connection: "Connection", packet_id: int) -> None:
        """Strike off a delivered message."""

    def on_subscribe(self, connection: "Connection", packet_id: int, filters: list[tuple[str, int]]) -> None:
        """Answer a SUBSCRIBE."""

    def on_unsubscribe(self, connection: "Connection", packet_id: int, filters: list[str]) -> None:
        """Answer an UNSUBSCRIBE."""

    def on_writable(self, connection: "Connection") -> None:
        """Go on sending after the socket's buffer drained."""

    def on_lost(self, connection: "Connection") -> None:
        """Forget the connection."""


class Connection(asyncio.Protocol):
    """Reads packets from one client and writes to it.

    Attributes:
        client_id: `{device}/{module}` once the hub accepted the CONNECT.
        write_paused: the socket's buffer is full; deliveries wait.
        acknowledges_at_once: what arrives is acknowledged without the kernel's delay.
    """

    def __init__(self, handler: PacketHandler) -> None:
        self.client_id: str | None = None
        self.write_paused = False
        self.acknowledges_at_once = True
        self._handler = handler
        self._buffer = mqtt.PacketBuffer()
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._socket: socket.socket | None = None
        self._keep_alive = 0
        self._heard_at = self._loop.time()
        self._watch: asyncio.TimerHandle | None = None

    def write(self, data: bytes) -> None:
        """Send bytes, unless the connection is already going down."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def close(self) -> None:
        """End the connection at once, as a crash of the peer would look."""
        if self._transport is not None:
            self._transport.abort()

    def refuse(self, code: int) -> None:
        """Answer the CONNECT with a refusal, and end the connection once that is on its way."""
        self.write(mqtt.connack(code))
        # Closing in the same breath could cut the answer off inside the TLS layer.
        self._loop.call_later(_REFUSAL_SECONDS, self.close)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start listening."""
        if not isinstance(transport, asyncio.Transport):
            raise TypeError(f"expected a stream transport, got {type(transport).__name__}")
        self._transport = transport
        self._socket = transport.get_extra_info("socket")
        if self._socket is not None:
            # asyncio does so itself only for sockets whose protocol number was given when they were made.
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._watch = self._loop.call_later(CONNECT_TIMEOUT_SECONDS, self._check_idle)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the hub, once."""
        del exc
        if self._watch is not None:
            self._watch.cancel()
        self._handler.on_lost(self)

    def pause_writing(self) -> None:
        """Stop deliveries while the peer does not read."""
        self.write_paused = True

    def resume_writing(self) -> None:
        """Take deliveries up again."""
        self.write_paused = False
        self._handler.on_writable(self)

    def data_received(self, data: bytes) -> None:
        """Interpret what arrived; anything that is not MQTT ends the connection."""
        self._heard_at = self._loop.time()
        self._acknowledge_now()
        try:
            for packet in self._buffer.feed(data):
                self._dispatch(packet)
        except mqtt.PacketError as error:
            LOG.warning("closing the connection of %s: %s", self.client_id or "a client", error)
            self.close()

    def _acknowledge_now(self) -> None:
        """Have the kernel acknowledge the segment at once.

        The SDK's paho 1.6 leaves Nagle's algorithm on and splits payloads over 16 KiB, so a
        delayed acknowledgement costs a sender 44 ms per message. The option does not stick:
        the kernel clears it, hence once per read.
        """
        if self._socket is not None and self.acknowledges_at_once:
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)

    def _dispatch(self, packet: mqtt.Packet) -> None:
        if packet.kind == mqtt.CONNECT and self.client_id is None:
            self._connect(mqtt.read_connect(packet))
        elif self.client_id is None:
            raise mqtt.PacketError(f"packet type {packet.kind} before an accepted CONNECT")
        elif packet.kind == mqtt.PUBLISH:
            self._handler.on_publish(self, mqtt.read_publish(packet))
        elif packet.kind == mqtt.PUBACK:
            self._handler.on_puback(self, mqtt.read_puback(packet))
        elif packet.kind == mqtt.SUBSCRIBE:
            self._handler.on_subscribe(self, *mqtt.read_subscribe(packet))
        elif packet.kind == mqtt.UNSUBSCRIBE:
            self._handler.on_unsubscribe(self, *mqtt.read_unsubscribe(packet))
        elif packet.kind == mqtt.PINGREQ:
            self.write(mqtt.pingresp())
        elif packet.kind == mqtt.DISCONNECT and self._transport is not None:
            self._transport.close()
        else:
            raise mqtt.PacketError(f"unexpected packet type {packet.kind}")

    def _connect(self, connect: mqtt.Connect) -> None:
        if (connect.protocol, connect.level) != ("MQTT", 4):
            LOG.warning("refusing %s level %d; edgeHub takes 3.1.1", connect.protocol, connect.level)
            self.refuse(mqtt.BAD_PROTOCOL)
            return
        self._keep_alive = connect.keep_alive
        self._handler.on_connect(self, connect)

    def _check_idle(self) -> None:
        accepted = self.client_id is not None
        limit = self._keep_alive * KEEP_ALIVE_GRACE if accepted else CONNECT_TIMEOUT_SECONDS
        idle = self._loop.time() - self._heard_at
        if limit and idle >= limit:
            LOG.warning("closing the connection of %s: silent for %.0f s", self.client_id or "a client", idle)
            self.close()
            return
        wait = max(1.0, limit - idle) if limit else CONNECT_TIMEOUT_SECONDS
        self._watch = self._loop.call_later(wait, self._check_idle)
