"""One client's connection: bytes in, performatives to sessions, frames out (part 2, section 2.4; part 5, 5.3)."""

import asyncio
import logging
import socket
import time
import uuid
from collections.abc import Callable
from typing import Any, cast

from local_azure.event_hubs.addresses import CBS, MANAGEMENT, Address, segments
from local_azure.event_hubs.amqp import errors, framing
from local_azure.event_hubs.amqp.errors import AmqpError
from local_azure.event_hubs.amqp.performatives import (
    RECEIVER,
    Attach,
    Begin,
    Close,
    Detach,
    Disposition,
    End,
    Flow,
    Open,
    Performative,
    SaslMechanisms,
    SaslOutcome,
    Transfer,
    read_performative,
)
from local_azure.event_hubs.amqp.types import AmqpValueError, Array, Described, Symbol
from local_azure.event_hubs.authentication import Grant
from local_azure.event_hubs.config import Right
from local_azure.event_hubs.consumer_link import ConsumerLink, Subscription
from local_azure.event_hubs.links import Destination, Link, ProducerLink, ReplyLink, RequestLink
from local_azure.event_hubs.namespace import Namespace
from local_azure.event_hubs.session import Session

LOG = logging.getLogger(__name__)

IDLE_SECONDS = 240.0
"""What the service asks for: a peer silent for that long has gone."""

CHANNEL_MAX = 4999
WRITE_BUFFER_BYTES = 1024 * 1024


class Connection(asyncio.Protocol):
    """Reads frames from one client and writes to it.

    Attributes:
        grants: what its tokens opened.
        max_frame_bytes: the largest frame that the client takes.
        write_paused: the socket's buffer is full; deliveries wait.
        lost: completes when the socket is closed.
    """

    def __init__(self, namespace: Namespace, connections: "set[Connection]") -> None:
        self.namespace = namespace
        self.grants: list[Grant] = []
        self.max_frame_bytes = framing.MAX_FRAME_BYTES
        self.write_paused = False
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._connections = connections
        self._buffer = framing.FrameBuffer()
        self._sessions: dict[int, Session] = {}
        self._transport: asyncio.Transport | None = None
        self._heard_at = time.monotonic()
        self._beat: asyncio.TimerHandle | None = None

    # The socket.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin, unless connections are refused at the moment."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=WRITE_BUFFER_BYTES)
        listening: socket.socket | None = transport.get_extra_info("socket")
        if listening is not None:
            listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._connections.add(self)
        self.namespace.counts["connections"] += 1
        if self.namespace.faults.refuse:
            self.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget everything about the client."""
        del exc
        self._connections.discard(self)
        self.lost.set_result(None)
        if self._beat is not None:
            self._beat.cancel()
        for session in self._sessions.values():
            session.release()
        self._sessions.clear()

    def pause_writing(self) -> None:
        """Stop deliveries while the client doesn't read."""
        self.write_paused = True

    def resume_writing(self) -> None:
        """Take deliveries up again."""
        self.write_paused = False
        for session in tuple(self._sessions.values()):
            session.on_writable()

    def data_received(self, data: bytes) -> None:
        """Interpret what arrived; what can't be read ends the connection."""
        self._heard_at = time.monotonic()
        try:
            for arrived in self._buffer.feed(data):
                if isinstance(arrived, framing.ProtocolHeader):
                    self._on_header(arrived)
                elif arrived.body:
                    self._on_frame(arrived)
        except AmqpError as error:
            self.close(error)
        except AmqpValueError as error:
            self.close(AmqpError(errors.DECODE_ERROR, str(error)))

    def write(self, data: bytes) -> None:
        """Send bytes, unless the connection is already going down."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def abort(self) -> None:
        """End the connection at once, as a crash would look to the client."""
        if self._transport is not None:
            self._transport.abort()

    def close(self, error: AmqpError | None = None) -> None:
        """End the connection, saying why."""
        if error is not None:
            LOG.warning("closing a connection: %s", error)
        self.write(framing.encode_frame(Close(error.value() if error else None).encode()))
        if self._transport is not None:
            self._transport.close()

    # What tokens open.

    def grant(self, grant: Grant) -> None:
        """Take a token into account; a newer one for the same path takes the older one's place."""
        self.grants = [known for known in self.grants if known.scope != grant.scope] + [grant]

    def check_tokens(self) -> None:
        """Send links away whose tokens have ended."""
        for session in tuple(self._sessions.values()):
            for link in tuple(session.links.values()):
                if link.right is not None and not self._is_open(link.path, link.right):
                    session.detach(link, _token_ended(link, link.right))

    def _is_open(self, path: list[str], right: Right) -> bool:
        now = self.namespace.token_time(path[0].lower())
        return any(grant.allows(path, right, now) for grant in self.grants)

    def make_link(self, session: Session, attach: Attach) -> Link:
        """Make the link that a client asks for.

        Raises:
            AmqpError: there is no such address, or the client may not.
        """
        client_receives = attach.role == RECEIVER
        text = _terminus_address(attach.source if client_receives else attach.target)
        if text in (CBS, MANAGEMENT):
            return (ReplyLink if client_receives else RequestLink)(session, attach.handle, text)
        address, path = Address.parse(text), segments(text)
        hub = self.namespace.hub(address.hub)
        right: Right = "Listen" if client_receives else "Send"
        if not self._is_open(path, right):
            raise _unauthorised(path, right)
        partition = hub.partition(address.partition) if address.partition else None
        if not client_receives and not address.group:
            return ProducerLink(session, attach.handle, path, Destination(hub, partition, address.publisher))
        if not client_receives or partition is None or address.group not in hub.config.groups:
            raise AmqpError(errors.NOT_FOUND, f"The messaging entity '{text}' could not be found.")
        return ConsumerLink(session, attach, path, Subscription(hub, address.group, partition))

    # What frames say.

    def _on_header(self, header: framing.ProtocolHeader) -> None:
        if header.raw not in (framing.AMQP_HEADER, framing.SASL_HEADER):
            # The answer to a protocol that isn't spoken is one that is, and the end (2.2).
            self.write(framing.SASL_HEADER)
            raise AmqpError(errors.FRAMING_ERROR, f"this is AMQP 1.0 without TLS, not {header.raw!r}")
        self.write(header.raw)
        if header.raw == framing.SASL_HEADER:
            offered = SaslMechanisms(Array((Symbol("ANONYMOUS"), Symbol("MSSBCBS"))))
            self.write(framing.encode_frame(offered.encode(), kind=framing.SASL_FRAME))

    def _on_frame(self, frame: framing.Frame) -> None:
        performative, payload = read_performative(frame.body)
        if frame.kind == framing.SASL_FRAME:
            # Whoever it is says so to $cbs, in a token.
            self.write(framing.encode_frame(SaslOutcome().encode(), kind=framing.SASL_FRAME))
        elif isinstance(performative, Open):
            self._on_open(performative)
        elif isinstance(performative, Begin):
            self._sessions[frame.channel] = Session(self, frame.channel, performative)
        elif isinstance(performative, Close):
            self.close()
        elif session := self._sessions.get(frame.channel):
            if isinstance(performative, Transfer):
                session.on_transfer(performative, frame.body[payload:])
            elif isinstance(performative, End):
                del self._sessions[frame.channel]
                session.release()
                session.send(End())
            elif handler := _handlers(session).get(type(performative)):
                handler(performative)
            else:
                raise AmqpError(errors.NOT_ALLOWED, f"{type(performative).__name__} has no place in a session.")

    def _on_open(self, opened: Open) -> None:
        self.max_frame_bytes = min(opened.max_frame_size or framing.MAX_FRAME_BYTES, framing.MAX_FRAME_BYTES)
        answer = Open(
            container_id=uuid.uuid4().hex,
            max_frame_size=framing.MAX_FRAME_BYTES,
            channel_max=CHANNEL_MAX,
            idle_time_out=round(IDLE_SECONDS * 1000),
        )
        self.write(framing.encode_frame(answer.encode()))
        self._keep_alive((opened.idle_time_out or 0) / 1000)

    def _keep_alive(self, client_idle_seconds: float) -> None:
        """Show signs of life as often as the client wants them, and look whether it shows any (2.4.5)."""
        if time.monotonic() - self._heard_at > 2 * IDLE_SECONDS:
            self.close(AmqpError(errors.CONNECTION_FORCED, f"nothing was heard for {2 * IDLE_SECONDS:.0f} s"))
            return
        if client_idle_seconds:
            self.write(framing.EMPTY_FRAME)
        wait = min(client_idle_seconds / 2 or IDLE_SECONDS, IDLE_SECONDS)
        self._beat = asyncio.get_running_loop().call_later(wait, self._keep_alive, client_idle_seconds)


def _handlers(session: Session) -> dict[type[Performative], Callable[[Any], None]]:
    return {
        Attach: session.on_attach,
        Flow: session.on_flow,
        Disposition: session.on_disposition,
        Detach: session.on_detach,
    }


def _terminus_address(terminus: Any) -> str:
    """Return the address of a source or target, the first field of both (part 3, sections 3.5.3 and 3.5.4)."""
    fields = terminus.value if isinstance(terminus, Described) else None
    if not fields or not isinstance(fields[0], str):
        raise AmqpError(errors.INVALID_FIELD, "A link without an address.")
    return fields[0]


def _token_ended(link: Link, right: Right) -> AmqpError:
    """What a link is told that was open; one that is refused from the start is told another condition.

    Source: Azure/azure-event-hubs-go, issue 81; Azure/azure-sdk-for-java, issue 13871.
    """
    details = _unauthorised(link.path, right).description
    return AmqpError(
        errors.DETACH_FORCED, f"The link '{link.name}' is force detached. Code: RenewToken. Details: {details}"
    )


def _unauthorised(path: list[str], right: Right) -> AmqpError:
    return AmqpError(
        errors.UNAUTHORISED,
        f"Unauthorized access. '{right}' claim(s) are required to perform this operation. "
        f"Resource: '{'/'.join(path)}'.",
    )
