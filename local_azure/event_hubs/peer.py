"""The client's side of a connection, one step after another: for a sender of ours, and for tests of the protocol.

It speaks without TLS: to this stand-in, or to Microsoft's emulator.
"""

import asyncio
import contextlib
import time
import uuid
from typing import Any, TypeVar

from local_azure.event_hubs.addresses import CBS
from local_azure.event_hubs.amqp import framing
from local_azure.event_hubs.amqp.errors import CONNECTION_FORCED, UNAUTHORISED, AmqpError
from local_azure.event_hubs.amqp.messages import Message
from local_azure.event_hubs.amqp.performatives import (
    RECEIVER,
    SENDER,
    Attach,
    Begin,
    Close,
    Detach,
    End,
    Flow,
    Open,
    Performative,
    SaslInit,
    SaslMechanisms,
    SaslOutcome,
    Transfer,
    read_performative,
)
from local_azure.event_hubs.amqp.types import Described, Symbol, ULong
from local_azure.event_hubs.authentication import TOKEN_TYPE, sign
from local_azure.event_hubs.connection_string import ConnectionString
from storeflow.errors import ConfigError

STEP_SECONDS = 10.0
"""How long any one answer may take."""

TOKEN_SECONDS = 3600
WINDOW = 5000

_SOURCE, _TARGET = ULong(0x28), ULong(0x29)
_CBS_OUT, _CBS_IN = 100, 101
"""Handles of the links to `$cbs`."""

_FRAME_OVERHEAD = 128

Known = TypeVar("Known", bound=Performative)


class Peer:
    """A connection with one session.

    Attributes:
        next_delivery_id: that the next message sent will get.
    """

    def __init__(self, to: ConnectionString) -> None:
        if not to.development:
            raise ConfigError(["connection string: UseDevelopmentEmulator=true is missing; TLS is not spoken here"])
        self.next_delivery_id = 0
        self._to = to
        self._buffer = framing.FrameBuffer()
        self._arrived: list[framing.Frame | framing.ProtocolHeader] = []
        self._max_frame_bytes = framing.MAX_FRAME_BYTES
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def open(self) -> None:
        """Connect, and begin a session."""
        async with asyncio.timeout(STEP_SECONDS):
            self._reader, self._writer = await asyncio.open_connection(self._to.host, self._to.port)
        self._writer.write(framing.SASL_HEADER)
        await self.expect(SaslMechanisms)
        self.write(SaslInit(Symbol("ANONYMOUS")), kind=framing.SASL_FRAME)
        await self.expect(SaslOutcome)
        self._writer.write(framing.AMQP_HEADER)
        self.write(Open(uuid.uuid4().hex, self._to.host, framing.MAX_FRAME_BYTES))
        opened = await self.expect(Open)
        self._max_frame_bytes = min(opened.max_frame_size or framing.MAX_FRAME_BYTES, framing.MAX_FRAME_BYTES)
        self.write(Begin(incoming_window=WINDOW, outgoing_window=WINDOW))
        await self.expect(Begin)

    async def put_token(self, path: str) -> None:
        """Show a token for a path, signed with the key of the connection string.

        Raises:
            AmqpError: `amqp:unauthorized-access`; it opens nothing.
        """
        await self.attach(_CBS_OUT, SENDER, CBS)
        await self.attach(_CBS_IN, RECEIVER, CBS)
        self.write(Flow(0, WINDOW, 0, WINDOW, _CBS_IN, 0, 1))
        audience = f"sb://{self._to.host}/{path}"
        token = sign(audience, self._to.policy, self._to.key, int(time.time()) + TOKEN_SECONDS)
        asked = {"operation": "put-token", "type": TOKEN_TYPE, "name": audience}
        self.transfer(_CBS_OUT, Message(token, {"message_id": "1", "reply_to": CBS}, asked).encode())
        while True:
            performative, payload = await self.receive()
            if isinstance(performative, Transfer) and performative.handle == _CBS_IN:
                break
        answer = Message.read(payload).application_properties
        for handle in (_CBS_OUT, _CBS_IN):
            self.write(Detach(handle, closed=True))
            await self._let_go(handle)
        if answer.get("status-code") not in (200, 202):
            raise AmqpError(UNAUTHORISED, str(answer.get("status-description")))

    async def attach(self, handle: int, role: bool, address: str, filters: Any = None) -> Attach:
        """Attach a link.

        Raises:
            AmqpError: it was refused; the other side may say so only later.
        """
        self.write(self.attachment(handle, role, address, filters))
        return await self.expect(Attach)

    @staticmethod
    def attachment(handle: int, role: bool, address: str, filters: Any = None, properties: Any = None) -> Attach:
        """Return what attaches a link."""
        source, target = (address, None) if role == RECEIVER else (None, address)
        return Attach(
            f"{address}-{uuid.uuid4().hex}",
            handle,
            role,
            source=Described(_SOURCE, [source, None, None, None, None, None, None, filters]),
            target=Described(_TARGET, [target]),
            initial_delivery_count=0 if role == SENDER else None,
            properties=properties,
        )

    def transfer(self, handle: int, payload: bytes, *, message_format: int = 0) -> int:
        """Send a message; returns its delivery id."""
        delivery_id, self.next_delivery_id = self.next_delivery_id, self.next_delivery_id + 1
        room = self._max_frame_bytes - _FRAME_OVERHEAD
        tag = delivery_id.to_bytes(4, "big")
        for start in range(0, len(payload), room):
            more = start + room < len(payload)
            transfer = Transfer(handle, delivery_id, tag, message_format, settled=False, more=more)
            self.write(transfer, payload[start : start + room])
        return delivery_id

    def write(self, performative: Performative, payload: bytes = b"", kind: int = framing.AMQP_FRAME) -> None:
        """Send a frame."""
        if self._writer is None:
            raise ConnectionResetError("the connection is closed")
        self._writer.write(framing.encode_frame(performative.encode() + payload, kind=kind))

    async def expect(self, kind: type[Known]) -> Known:
        """Return the next performative of a kind; what comes before it is passed over."""
        while True:
            performative, _ = await self.receive()
            if isinstance(performative, kind):
                return performative

    async def receive(self) -> tuple[Performative, bytes]:
        """Return the next performative and its payload.

        Raises:
            AmqpError: the other side ended a link, the session or the connection.
            OSError: it did so without a word.
            TimeoutError: nothing came.
        """
        performative, payload = await self._next()
        if isinstance(performative, Detach | End | Close):
            raise AmqpError.of(performative.error) or AmqpError(CONNECTION_FORCED, "ended without a reason")
        return performative, payload

    async def close(self) -> None:
        """End the connection."""
        if self._writer is not None:
            writer, self._writer = self._writer, None
            writer.write(framing.encode_frame(Close().encode()))
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _let_go(self, handle: int) -> None:
        while True:
            performative, _ = await self._next()
            if isinstance(performative, Detach) and performative.handle == handle:
                return

    async def _next(self) -> tuple[Performative, bytes]:
        while True:
            while self._arrived:
                frame = self._arrived.pop(0)
                if isinstance(frame, framing.Frame) and frame.body:
                    performative, end = read_performative(frame.body)
                    return performative, frame.body[end:]
            if self._reader is None:
                raise ConnectionResetError("the connection is closed")
            async with asyncio.timeout(STEP_SECONDS):
                data = await self._reader.read(framing.MAX_FRAME_BYTES)
            if not data:
                raise ConnectionResetError("the other side closed the connection")
            self._arrived += self._buffer.feed(data)
